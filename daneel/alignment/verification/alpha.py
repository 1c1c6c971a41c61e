"""alpha-CROWN: the slopes of the lines improved by gradient, for the bound that is wanted.

Xu et al. 2021, "Fast and complete" (arXiv 2011.13824). There only the lower slope of unstable ReLUs
is free; here every slope of every function is, because `Function.residual` gives the intercept that
makes ANY slope sound. What is optimised is a guess; what is returned is computed from it anew.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from daneel.alignment.verification.crown import Planes, Relaxation, backward, relax
from daneel.alignment.verification.graph import Apply, Graph
from daneel.alignment.verification.intervals import Interval

STEPS = 20
RATE = 0.1
"""Of the slope's own scale, a step."""


def alpha_planes(
    graph: Graph,
    rows: Tensor,
    bounds: Sequence[Interval],
    relaxations: dict[int, Relaxation],
    steps: int = STEPS,
) -> Planes:
    """Planes below `rows [S, n]` times the output, at least as tight as CROWN's in each row.

    Every row has slopes of its own: rows are folded into the batch.
    """
    count, many = len(bounds[0].low), len(rows)
    spread = [
        Interval(*(end.repeat_interleave(many, 0) for end in (b.low, b.high))) for b in bounds
    ]
    start = {
        index: tuple(line.repeat_interleave(many, 0) for line in relaxation.lines)
        for index, relaxation in relaxations.items()
    }
    rows = rows.repeat(count, 1)[:, None]  # [N S, 1, n]
    planes = _improved(graph, rows, spread, start, steps)
    return Planes(planes.weight.reshape(count, many, -1), planes.bias.reshape(count, many))


def _improved(
    graph: Graph,
    rows: Tensor,
    bounds: Sequence[Interval],
    start: dict[int, tuple[Tensor, ...]],
    steps: int,
) -> Planes:
    output = len(graph.nodes) - 1
    slopes = {index: [lines[0].clone(), lines[2].clone()] for index, lines in start.items()}
    leaves = [slope.requires_grad_(True) for pair in slopes.values() for slope in pair]
    best = backward(graph, output, rows, bounds, _relaxed(graph, bounds, slopes))
    best = Planes(best.weight.detach(), best.bias.detach())
    if not leaves:
        return best
    height = best.least(bounds[0])
    optimiser = torch.optim.Adam(leaves, lr=RATE)
    for step in range(steps):
        with torch.enable_grad():
            planes = backward(graph, output, rows, bounds, _relaxed(graph, bounds, slopes))
            least = planes.least(bounds[0])
            optimiser.zero_grad()
            (-least.sum()).backward()
        higher = least.detach() > height
        height = torch.where(higher, least.detach(), height)
        best = Planes(
            torch.where(higher[:, :, None], planes.weight.detach(), best.weight),
            torch.where(higher, planes.bias.detach(), best.bias),
        )
        optimiser.param_groups[0]["lr"] = RATE * 0.9**step
        optimiser.step()
    return best


def _relaxed(
    graph: Graph, bounds: Sequence[Interval], slopes: dict[int, list[Tensor]]
) -> dict[int, Relaxation]:
    found = {}
    for index, (lower, upper) in slopes.items():
        node = graph.nodes[index]
        assert isinstance(node, Apply)
        source = bounds[node.sources[0]]
        least, _ = node.function.residual(lower, source.low, source.high)
        _, most = node.function.residual(upper, source.low, source.high)
        found[index] = relax(node, source, (lower, least, upper, most))
    return found
