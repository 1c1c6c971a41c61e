"""Bounds of a network's outputs over boxes, by name of the method.

| method | what | cost |
|---|---|---|
| `ibp` | interval propagation | one pass |
| `zonotope` | affine forms in one pass, CROWN planes for the outputs | some passes |
| `crown` | CROWN planes for every unit that a relaxation needs | a pass per layer and unit |
| `alpha` | `crown`, then the slopes of the lines improved by gradient | many times `crown` |
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from daneel.alignment.rounding import Bounds
from daneel.alignment.verification.alpha import alpha_planes
from daneel.alignment.verification.crown import Planes, Relaxation, backward, crown_bounds
from daneel.alignment.verification.graph import Graph
from daneel.alignment.verification.intervals import (
    Interval,
    boxes,
    interval_bounds,
    require_boxes,
)
from daneel.alignment.verification.torch_modules import from_torch
from daneel.alignment.verification.zonotope import zonotope_bounds
from daneel.errors import ConfigError

Method = Literal["ibp", "zonotope", "crown", "alpha"]
"""How bounds are computed, cheapest first."""


@dataclass(frozen=True)
class LinearBounds:
    """lower_weight x + lower_bias <= y <= upper_weight x + upper_bias for every x of its box.

    N boxes, A outputs, D inputs. Sound for exact arithmetic and for the deployed float32 network.
    """

    lower_weight: Tensor
    """`[N, A, D]`."""
    lower_bias: Tensor
    """`[N, A]`."""
    upper_weight: Tensor
    """`[N, A, D]`."""
    upper_bias: Tensor
    """`[N, A]`."""
    low: Tensor
    """Least outputs over the whole box, `[N, A]`: never wider than the planes, often tighter."""
    high: Tensor
    """Largest outputs over the whole box, `[N, A]`."""


def linear_bounds(
    network: nn.Module | Graph,
    low: Tensor,
    high: Tensor,
    method: Method = "crown",
    dtype: torch.dtype = torch.float64,
) -> LinearBounds:
    """Planes below and above every output of a network, over many boxes at once.

    Args:
        network: Torch layers (`torch_modules`) or a graph.
        low: Lower corners `[N, D]` (or one, `[D]`), finite.
        high: Upper corners, not below `low`.
        method: Which bounds; `ibp` gives constants.
        dtype: Precision of the engine; the result is sound in either.

    Raises:
        NoBoundError: A layer is not known, a box is empty or not finite, or values may overflow.
        ConfigError: There is no such method.
    """
    graph, box = _prepared(network, low, high, method, dtype)
    with torch.no_grad():
        bounds, relaxations = node_bounds(graph, box, method)
        output = bounds[-1]
        if method == "ibp":
            flat = box.low.new_zeros(*output.low.shape, graph.inputs)
            return LinearBounds(flat, output.low, flat, output.high, output.low, output.high)
        eye = torch.eye(graph.outputs, dtype=dtype)
        planes = output_planes(graph, torch.cat([eye, -eye]), bounds, relaxations, method)
        output = _meet(output, planes, box)
    (below, above), (lower, upper) = planes.weight.chunk(2, 1), planes.bias.chunk(2, 1)
    return LinearBounds(below, lower, -above, -upper, output.low, output.high)


def output_bounds(
    network: nn.Module | Graph,
    low: Tensor,
    high: Tensor,
    method: Method = "crown",
    dtype: torch.dtype = torch.float64,
) -> Bounds:
    """Least and largest outputs `[N, A]` over boxes; arguments as in `linear_bounds`."""
    found = linear_bounds(network, low, high, method, dtype)
    return found.low, found.high


def as_graph(network: nn.Module | Graph, inputs: int) -> Graph:
    """The network as a graph, whatever it is given as."""
    return network if isinstance(network, Graph) else from_torch(network, inputs)


def node_bounds(
    graph: Graph, box: Interval, method: Method, previous: Sequence[Interval] | None = None
) -> tuple[list[Interval], dict[int, Relaxation]]:
    """Bounds of every node and the lines of its functions."""
    if method == "zonotope":
        bounds, relaxations, _ = zonotope_bounds(graph, box, previous)
        return bounds, relaxations
    if method == "ibp":
        return interval_bounds(graph, box), {}
    return crown_bounds(graph, box, previous)


def output_planes(
    graph: Graph,
    rows: Tensor,
    bounds: Sequence[Interval],
    relaxations: dict[int, Relaxation],
    method: Method,
) -> Planes:
    """Planes below `rows` times the output."""
    if method == "alpha":
        return alpha_planes(graph, rows, bounds, relaxations)
    return backward(graph, len(graph.nodes) - 1, rows, bounds, relaxations)


def _meet(output: Interval, planes: Planes, box: Interval) -> Interval:
    least, negated = planes.least(box).chunk(2, 1)
    return output.meet(Interval(least, -negated))


def _prepared(
    network: nn.Module | Graph, low: Tensor, high: Tensor, method: str, dtype: torch.dtype
) -> tuple[Graph, Interval]:
    if method not in get_args(Method):
        raise ConfigError(
            f"The method is {method!r}. Expected one of {', '.join(get_args(Method))}. "
            "Type one of these."
        )
    low, high = torch.atleast_2d(low.detach()).cpu(), torch.atleast_2d(high.detach()).cpu()
    graph = as_graph(network, low.shape[-1])
    require_boxes(graph, low, high)
    return graph.to(dtype), boxes(low, high, dtype)
