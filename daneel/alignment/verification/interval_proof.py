"""Limits of single outputs by interval bounds alone: exact where a network ends in a clamp.

An actor that ends in `3 * tanh(x)` reaches 3 and never passes it. Planes and slack stop a little
short of such a limit however small the boxes are; the gate's interval rules, which know what each
float32 kernel can return, do not. One pass, no splitting.
"""

from __future__ import annotations

from torch import Tensor, nn

from daneel.alignment.interval_bounds import output_bounds
from daneel.alignment.rounding import NoBoundError
from daneel.alignment.verification.property import Case, Polyhedron, Property


def interval_proof(network: object, property: Property) -> bool:
    """Whether every unsafe set lies outside the interval bounds of the outputs, in every case.

    Only inequalities over one output are looked at, whose factor is 1 or -1: no rounding then.
    """
    if not isinstance(network, nn.Module):
        return False
    try:
        return all(_outside(network, case) for case in property.cases)
    except NoBoundError:
        return False


def _outside(network: nn.Module, case: Case) -> bool:
    low, high = output_bounds(network, case.low, case.high)
    return all(_apart(part, low, high) for part in case.unsafe)


def _apart(part: Polyhedron, low: Tensor, high: Tensor) -> bool:
    """Whether some inequality of the polyhedron holds nowhere in the box of the outputs."""
    for row, offset in zip(part.rows, part.offsets, strict=True):
        places = row.nonzero().flatten().tolist()
        if len(places) != 1 or places[0] >= len(low) or abs(float(row[places[0]])) != 1:
            continue
        least = float(low[places[0]]) if row[places[0]] > 0 else -float(high[places[0]])
        if least > float(offset) or (part.strict and least == float(offset)):
            return True
    return False
