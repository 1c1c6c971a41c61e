"""Interval bounds of every node of a graph, for many boxes at once, and what rounding may add.

The bounds hold for the network in exact arithmetic AND for its deployed float32 form in any order
of summation: each node is widened by what its float32 kernel may be off (`rounding`, Higham 2002)
plus what this computation, in the engine's precision, may be off. Both are a multiple of the node's
`mass`, the sum of the magnitudes that were added up: |W| |x| + |b| for an affine node.

Legend: N boxes, n units; low, high, mass `[N, n]`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from daneel.alignment.rounding import LARGEST, TINY, UNIT, Bounds, NoBoundError
from daneel.alignment.verification import functions
from daneel.alignment.verification.graph import (
    Affine,
    Apply,
    Concat,
    Gather,
    Graph,
    Input,
    Node,
    Product,
    Sum,
)

_SPARE = 16
"""Roundings counted beyond those of the longest sum: room for the few operations around it."""


@dataclass(frozen=True)
class Interval:
    """What one node can be, over each box."""

    low: Tensor
    """`[N, n]`."""
    high: Tensor
    """`[N, n]`."""

    @property
    def magnitude(self) -> Tensor:
        """Largest absolute value."""
        return torch.maximum(-self.low, self.high)

    def meet(self, other: Interval) -> Interval:
        """What both allow; ends that rounding had crossed are swapped to contain both."""
        low = torch.maximum(self.low, other.low)
        high = torch.minimum(self.high, other.high)
        return Interval(torch.minimum(low, high), torch.maximum(low, high))

    def rows(self, index: Tensor) -> Interval:
        """The boxes `index`."""
        return Interval(self.low[index], self.high[index])


def function_of(node: Apply, sources: Sequence[Interval]) -> functions.Function:
    """What a node computes over its boxes: where it obeys a law, the cut to what that allows."""
    if node.law is None:
        return node.function
    low, high = node.law(sources[1].low, sources[1].high)
    # Outward by more than a coarser engine moves the ends when it writes them down.
    away = 2.0**-22 * torch.maximum(low.abs(), high.abs()) + TINY
    return functions.clip(low - away, high + away, node.function.name)


def engine_rounding(graph: Graph, node: Node, dtype: torch.dtype) -> float:
    """Relative error of one node's sums here, in units of its mass."""
    terms = node.weight.shape[1] + node.size if isinstance(node, Affine) else node.size
    product = (terms + len(graph.nodes) + _SPARE) * torch.finfo(dtype).eps
    return product / (1 - product)


def deployed_rounding(node: Node) -> float:
    """Relative error of the node's float32 kernel, in units of its mass."""
    match node:
        case Affine():
            steps = node.weight.shape[1] + 2 + node.roundings
        case Sum():
            steps = len(node.sources)
        case Product():
            steps = 2
        case _:
            return 0.0
    product = steps * UNIT
    return product / (1 - product)


def mass(node: Node, sources: Sequence[Interval]) -> Tensor:
    """Sum of the magnitudes that a node adds up, `[N, n]`."""
    match node:
        case Affine():
            return sources[0].magnitude @ node.magnitude.T + node.bias.abs()
        case Sum():
            return torch.stack([source.magnitude for source in sources]).sum(0)
        case Product():
            return 4 * sources[0].magnitude * sources[1].magnitude
    raise AssertionError(node)


def slack(graph: Graph, node: Node, sources: Sequence[Interval]) -> Tensor | None:
    """How far a node may be off, deployed and here together, `[N, n]`; None for exact nodes."""
    if isinstance(node, Input | Gather | Concat | Apply):
        return None  # the function of an Apply node brings its own allowance
    dtype = sources[0].low.dtype
    share = engine_rounding(graph, node, dtype) + deployed_rounding(node)
    heavy = mass(node, sources)
    products = node.weight.shape[1] + 4 if isinstance(node, Affine) else 4
    return share * 1.001 * heavy + products * TINY * (1 + heavy)


def propagate(graph: Graph, node: Node, sources: Sequence[Interval]) -> Interval:
    """Interval bounds of one node from those of its sources."""
    match node:
        case Affine():
            centre = (sources[0].low + sources[0].high) / 2
            radius = (sources[0].high - sources[0].low) / 2
            middle = centre @ node.weight.T + node.bias
            reach = radius @ node.magnitude.T
            found = middle - reach, middle + reach
        case Gather():
            found = sources[0].low[:, node.index], sources[0].high[:, node.index]
        case Sum():
            found = sum_of([s.low for s in sources]), sum_of([s.high for s in sources])
        case Concat():
            found = torch.cat([s.low for s in sources], 1), torch.cat([s.high for s in sources], 1)
        case Apply():
            found = function_of(node, sources).range(sources[0].low, sources[0].high)
        case Product():
            corners = _corners(sources[0], sources[1])
            found = corners.amin(0), corners.amax(0)
        case _:
            raise AssertionError(node)
    room = slack(graph, node, sources)
    return Interval(*(found if room is None else (found[0] - room, found[1] + room)))


def sum_of(values: Sequence[Tensor]) -> Tensor:
    """The sum of equally shaped tensors."""
    return torch.stack(list(values)).sum(0)


def _corners(left: Interval, right: Interval) -> Tensor:
    pairs = [(a, b) for a in (left.low, left.high) for b in (right.low, right.high)]
    return torch.stack([a * b for a, b in pairs])


def boxes(low: Tensor, high: Tensor, dtype: torch.dtype) -> Interval:
    """The input boxes in the engine's precision, moved outward where it is the coarser one."""
    wanted = low.double(), high.double()
    down, up = (end.to(dtype) for end in wanted)
    infinity = torch.tensor(torch.inf, dtype=dtype)
    down = torch.where(down.double() > wanted[0], torch.nextafter(down, -infinity), down)
    up = torch.where(up.double() < wanted[1], torch.nextafter(up, infinity), up)
    return Interval(down, up)


def require_boxes(graph: Graph, low: Tensor, high: Tensor) -> None:
    """Refuse boxes of the wrong size, empty ones, and ends that are not finite.

    Raises:
        NoBoundError: What is wrong.
    """
    if low.ndim != 2 or low.shape != high.shape or low.shape[1] != graph.inputs:
        raise NoBoundError(
            f"The boxes have corners {list(low.shape)} and {list(high.shape)}. Expected "
            f"[N, {graph.inputs}], the inputs of the network. Check the property's input."
        )
    if not bool((torch.isfinite(low) & torch.isfinite(high)).all()):
        raise NoBoundError(
            "A box has an end that is infinite or NaN. Expected finite ends. Bound every input."
        )
    if not bool((low <= high).all()):
        raise NoBoundError(
            "A box is empty: a lower end is above its upper end. Expected low <= high. Check the "
            "property's input."
        )


def require_finite(found: Interval, where: str) -> None:
    """Refuse bounds that overflow float32 or are NaN: behind them nothing is known.

    Raises:
        NoBoundError: They do.
    """
    if not bool((found.magnitude <= LARGEST).all()) or not bool((found.low <= found.high).all()):
        raise NoBoundError(
            f"{where} may overflow float32. Expected values that stay finite. Narrow the box."
        )


def interval_bounds(graph: Graph, box: Interval) -> list[Interval]:
    """Interval bounds of every node (Gowal et al. 2018, arXiv 1810.12715)."""
    found = [box]
    for index, node in enumerate(graph.nodes[1:], start=1):
        found.append(propagate(graph, node, [found[source] for source in node.sources]))
        require_finite(found[-1], f"Layer {index}")
    return found


__all__ = ["Bounds", "Interval", "boxes", "interval_bounds", "propagate", "require_boxes"]
