"""CROWN: linear bounds of the outputs in the inputs, by backward substitution.

Zhang et al. 2018, "Efficient neural network robustness certification with general activation
functions" (arXiv 1811.00866), over a graph as in Xu et al. 2020 (arXiv 2002.12920), many boxes at
once. A row c of C stands for the bound c y >= A x + b. Going backwards, each node replaces what it
computes by what its sources give: affine nodes exactly, functions and products by planes below (for
positive coefficients) and above (for negative ones). Upper bounds are lower bounds of -C.

Rounding: with the coefficients as they were COMPUTED, each step's error is at most a small multiple
of |A| mass (`intervals.slack`), because every later step treats those coefficients as exact. The
sum of these is taken off b, so the bound holds for exact arithmetic and for deployed float32. A
coefficient that underflows is off by itself, whatever |A| is: that costs the sources' magnitudes
times the smallest normal number. A row whose coefficients overflow says nothing: its bound is
minus infinity.

Legend: N boxes, S rows, n units of a node, D inputs; coefficients `[N, S, n]`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from daneel.alignment.verification import functions
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
from daneel.alignment.verification.intervals import (
    Interval,
    engine_rounding,
    function_of,
    interval_bounds,
    propagate,
    require_finite,
    slack,
)


@dataclass(frozen=True)
class Planes:
    """c y >= weight x + bias for every x of a box."""

    weight: Tensor
    """`[N, S, D]`."""
    bias: Tensor
    """`[N, S]`, rounding already taken off."""

    def least(self, box: Interval) -> Tensor:
        """Lower bounds `[N, S]` over the boxes, rounded down."""
        centre = (box.low + box.high) / 2
        radius = (box.high - box.low) / 2 * (1 + 4 * torch.finfo(centre.dtype).eps)
        middle = (self.weight @ centre[:, :, None])[:, :, 0] + self.bias
        reach = (self.weight.abs() @ radius[:, :, None])[:, :, 0]
        heavy = (self.weight.abs() @ box.magnitude[:, :, None])[:, :, 0] + self.bias.abs()
        numbers, terms = torch.finfo(centre.dtype), 2 * (centre.shape[1] + 8)
        return middle - reach - terms * (numbers.eps * heavy + numbers.tiny)


@dataclass(frozen=True)
class Relaxation:
    """Lines below and above an Apply node, over its input bounds."""

    lines: functions.Lines
    heavy: Tensor
    """Mass of one coefficient `[N, n]`: what its rounding is a multiple of."""


def relax(
    node: Apply, sources: Sequence[Interval], lines: functions.Lines | None = None
) -> Relaxation:
    """The lines of a node; others than the default may be given."""
    source = sources[0]
    if lines is None:
        lines = functions.lines(function_of(node, sources), source.low, source.high)
    slope = torch.maximum(lines[0].abs(), lines[2].abs())
    intercept = torch.maximum(lines[1].abs(), lines[3].abs())
    return Relaxation(lines, slope * source.magnitude + intercept)


def backward(
    graph: Graph,
    start: int,
    rows: Tensor,
    bounds: Sequence[Interval],
    relaxations: Mapping[int, Relaxation],
    kept: dict[int, Tensor] | None = None,
    extra: Mapping[int, Tensor] | None = None,
) -> Planes:
    """Planes below `rows` times the value of node `start`.

    Args:
        graph: The network.
        start: Where the rows begin.
        rows: `[S, n]` for all boxes, or `[N, S, n]`.
        bounds: Bounds of every node before `start`, and of `start` for rows of float64.
        relaxations: One for each Apply node before `start`.
        kept: Filled with the coefficients `[N, S, n]` that arrive at each Apply node.
        extra: Coefficients `[N, S, n]` added at a node on the way: multipliers of constraints.
    """
    box = bounds[0]
    count = len(box.low)
    rows = rows if rows.ndim == 3 else rows.expand(count, *rows.shape)
    rows, given = rows.to(box.low.dtype), rows
    pending: dict[int, Tensor] = {start: rows}
    bias = box.low.new_zeros(count, rows.shape[1])
    error = torch.zeros_like(bias)
    if given.dtype != rows.dtype and bool((rows.to(given.dtype) != given).any()):
        # Rows of float64 that a float32 engine cannot write down are off by their rounding.
        error = torch.finfo(rows.dtype).eps * _dot(rows.abs(), bounds[start].magnitude)
    for index in range(start, 0, -1):
        if index not in pending:
            continue
        coefficient = pending.pop(index)
        if extra is not None and index in extra:
            coefficient = coefficient + extra[index]
        node = graph.nodes[index]
        if kept is not None and isinstance(node, Apply):
            kept[index] = coefficient
        sources = [bounds[source] for source in node.sources]
        step = _step(graph, node, coefficient, sources, relaxations.get(index))
        bias, error = bias + step.bias, error + step.error + _underflow(node, sources)
        # What a law reads gets no coefficient.
        for source, share in zip(node.sources, step.coefficients, strict=False):
            pending[source] = pending[source] + share if source in pending else share
    missing = box.low.new_zeros(count, rows.shape[1], graph.inputs)
    return _without_overflow(pending.get(0, missing), bias - 1.001 * error)


def _without_overflow(weight: Tensor, bias: Tensor) -> Planes:
    """The planes, where they are finite; elsewhere -infinity, which is below everything."""
    finite = torch.isfinite(weight).all(2) & torch.isfinite(bias)
    if bool(finite.all()):
        return Planes(weight, bias)
    return Planes(
        torch.where(finite[:, :, None], weight, torch.zeros_like(weight)),
        torch.where(finite, bias, torch.full_like(bias, -torch.inf)),
    )


def _underflow(node: Node, sources: Sequence[Interval]) -> Tensor:
    """What a step can lose where products of coefficients fall below the normal numbers, `[N, 1]`.

    Each coefficient is a sum of at most `terms` products, and so is the bias.
    """
    terms = node.size + 8
    reach = torch.stack([source.magnitude.sum(1) for source in sources]).sum(0)
    return (terms * torch.finfo(reach.dtype).tiny * (1 + reach))[:, None]


@dataclass(frozen=True)
class _Step:
    coefficients: tuple[Tensor, ...]
    """For each source, `[N, S, n]`."""
    bias: Tensor | float
    error: Tensor | float


def _step(
    graph: Graph,
    node: Node,
    a: Tensor,
    sources: Sequence[Interval],
    relaxation: Relaxation | None,
) -> _Step:
    match node:
        case Affine():
            room = slack(graph, node, sources)
            assert room is not None
            return _Step((a @ node.weight,), a @ node.bias, _dot(a.abs(), room))
        case Gather():
            back = a.new_zeros(*a.shape[:2], sources[0].low.shape[1])
            back.index_add_(2, node.index, a)
            share = engine_rounding(graph, node, a.dtype)
            return _Step((back,), 0.0, share * _dot(a.abs(), sources[0].magnitude[:, node.index]))
        case Sum():
            room = slack(graph, node, sources)
            assert room is not None
            return _Step((a,) * len(sources), 0.0, _dot(a.abs(), room))
        case Concat():
            parts = a.split([source.low.shape[1] for source in sources], 2)
            return _Step(tuple(parts), 0.0, 0.0)
        case Apply():
            assert relaxation is not None
            return _apply(graph, node, a, relaxation)
        case Product():
            return _product(graph, node, a, sources)
    raise AssertionError(node)


def _apply(graph: Graph, node: Apply, a: Tensor, relaxation: Relaxation) -> _Step:
    low_slope, low, high_slope, high = (line[:, None] for line in relaxation.lines)
    positive = a.clamp(min=0)
    back = positive * (low_slope - high_slope) + a * high_slope
    bias = _dot(positive, (low - high)[:, 0]) + _dot(a, high[:, 0])
    share = 4 * engine_rounding(graph, node, a.dtype)
    return _Step((back,), bias, share * _dot(a.abs(), relaxation.heavy))


def _product(graph: Graph, node: Product, a: Tensor, sources: Sequence[Interval]) -> _Step:
    """McCormick's planes, averaged: x y = my x + mx y - mx my within +- rx ry."""
    (mx, rx), (my, ry) = (
        ((s.low + s.high) / 2, (s.high - s.low) / 2 * (1 + 8 * torch.finfo(a.dtype).eps))
        for s in sources
    )
    room = slack(graph, node, sources)
    assert room is not None
    away = rx * ry + room
    return _Step((a * my[:, None], a * mx[:, None]), -_dot(a, mx * my), _dot(a.abs(), away))


def _dot(a: Tensor, unit: Tensor) -> Tensor:
    """`[N, S, n]` times `[N, n]` to `[N, S]`."""
    return (a @ unit[:, :, None])[:, :, 0]


def node_interval(
    graph: Graph,
    index: int,
    bounds: Sequence[Interval],
    relaxations: Mapping[int, Relaxation],
) -> Interval:
    """Bounds of one node by a backward pass from each of its units."""
    eye = torch.eye(graph.nodes[index].size, dtype=bounds[0].low.dtype)
    least = backward(graph, index, torch.cat([eye, -eye]), bounds, relaxations).least(bounds[0])
    low, negated = least.chunk(2, 1)
    return Interval(low, -negated)


def crown_bounds(
    graph: Graph, box: Interval, previous: Sequence[Interval] | None = None
) -> tuple[list[Interval], dict[int, Relaxation]]:
    """Bounds of every node, by a backward pass wherever a relaxation will need them.

    Args:
        graph: The network in the engine's precision.
        box: The boxes.
        previous: Bounds that are known to hold (of a box around), which the result will not exceed.
    """
    if not any(isinstance(node, Apply | Product) for node in graph.nodes):
        return interval_bounds(graph, box), {}
    bounds, relaxations = [box], {}
    needed = {s for node in graph.nodes if isinstance(node, Apply | Product) for s in node.sources}
    for index, node in enumerate(graph.nodes[1:], start=1):
        found = propagate(graph, node, [bounds[source] for source in node.sources])
        if previous is not None:
            found = found.meet(previous[index])
        require_finite(found, f"Layer {index}")
        if index in needed and not isinstance(node, Apply) and not _settled(graph, index, found):
            found = found.meet(node_interval(graph, index, bounds, relaxations))
        bounds.append(found)
        if isinstance(node, Apply):
            relaxations[index] = relax(node, [bounds[source] for source in node.sources])
    return bounds, relaxations


def _settled(graph: Graph, index: int, found: Interval) -> bool:
    """Whether tighter bounds would change nothing: every reader is a ReLU and every unit stable."""
    readers = [node for node in graph.nodes if index in node.sources]
    relus = all(isinstance(n, Apply) and n.function is functions.RELU for n in readers)
    return relus and not bool(((found.low < 0) & (found.high > 0)).any())
