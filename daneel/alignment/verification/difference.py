"""How far an update can move the outputs: interval bounds of |new(x) - old(x)| over boxes.

Node by node, with d the difference of the inputs and D the difference of the weights:

    affine:  |W' d + D x + (b' - b)| <= |W'| |d| + |D| |x| + |b' - b|
    f:       |f(x + d) - f(x)| <= L |d|, L the largest slope of f
    x y:     |x' y' - x y| <= |x'| |dy| + |y| |dx|

Sound for the new network as it is deployed: its own float32 rounding is added to each node.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from daneel.alignment.verification.graph import (
    Affine,
    Apply,
    Concat,
    Gather,
    Graph,
    Node,
    Product,
    Sum,
)
from daneel.alignment.verification.intervals import Interval, interval_bounds, slack


def difference_bounds(old: Graph, new: Graph, box: Interval) -> Tensor | None:
    """Bounds `[N, A]` of |new - old|; None where a function has no largest slope.

    Args:
        old: A network in float64.
        new: One of the same structure.
        box: The boxes, float64 or coarser.
    """
    wide = Interval(box.low.double(), box.high.double())
    before, after = interval_bounds(old, wide), interval_bounds(new, wide)
    apart = [torch.zeros_like(wide.low)]
    for index, (was, node) in enumerate(zip(old.nodes[1:], new.nodes[1:], strict=True), start=1):
        sources = [apart[source] for source in node.sources]
        if isinstance(node, Apply):
            if node.function.steepest is None:
                return None
            found = sources[0] * node.function.steepest
            if node.function.allowance:
                found = found + node.function.allowance * (1 + after[index].magnitude)
        else:
            found = _passed_on(was, node, sources, before, after)
        room = slack(new, node, [after[source] for source in node.sources])
        found = found * (1 + 1e-9)
        apart.append(found if room is None else found + 2 * room)
    return apart[-1]


def _passed_on(
    was: Node,
    node: Node,
    sources: Sequence[Tensor],
    before: Sequence[Interval],
    after: Sequence[Interval],
) -> Tensor:
    """How far a node that applies no function can move, from how far its sources can."""
    match node:
        case Affine():
            assert isinstance(was, Affine)
            moved = (node.weight - was.weight).abs()
            size = before[node.sources[0]].magnitude
            found = sources[0] @ node.magnitude.T + size @ moved.T
            return found + (node.bias - was.bias).abs()
        case Gather():
            return sources[0][:, node.index]
        case Sum():
            return torch.stack(list(sources)).sum(0)
        case Concat():
            return torch.cat(list(sources), 1)
        case Product():
            left, right = node.sources
            return after[left].magnitude * sources[1] + before[right].magnitude * sources[0]
        case _:
            raise AssertionError(node)
