"""alpha-beta-CROWN: slopes of the lines and multipliers of constraints improved by gradient.

Slopes: Xu et al. 2021, "Fast and complete" (arXiv 2011.13824). There only the lower slope of
unstable ReLUs is free; here every slope of every function is, because `Function.residual` gives
the intercept that makes ANY slope sound. Multipliers: Wang et al. 2021, "Beta-CROWN" (arXiv
2103.06624): where a unit z is assumed >= 0, a bound of c y - b z with b >= 0 is a bound of c y.
What is optimised is a guess; what is returned is computed from it anew.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from daneel.alignment.verification.crown import Planes, Relaxation, backward, relax
from daneel.alignment.verification.graph import Apply, Graph
from daneel.alignment.verification.intervals import Interval, function_of

STEPS = 20
RATE = 0.1
"""Of the slope's own scale, a step."""
CALM = 0.9
"""Factor of the rate from step to step."""


def alpha_planes(
    graph: Graph,
    rows: Tensor,
    bounds: Sequence[Interval],
    relaxations: Mapping[int, Relaxation],
    steps: int = STEPS,
    signs: Mapping[int, Tensor] | None = None,
) -> Planes:
    """Planes below `rows [S, n]` times the output, at least as tight as CROWN's in each row.

    Every row has slopes of its own: rows are folded into the batch.

    Args:
        graph: The network in the engine's precision.
        rows: What is bounded.
        bounds: Bounds of every node.
        relaxations: Where the slopes begin.
        steps: Of the ascent.
        signs: For a node, `[N, n]`: 1 where a unit is assumed >= 0, -1 where <= 0, else 0. The
            planes then hold for the inputs that meet the assumptions.
    """
    count, many = len(bounds[0].low), len(rows)
    spread = [
        Interval(b.low.repeat_interleave(many, 0), b.high.repeat_interleave(many, 0))
        for b in bounds
    ]
    slopes = {
        index: [relaxation.lines[k].repeat_interleave(many, 0) for k in (0, 2)]
        for index, relaxation in relaxations.items()
    }
    assumed = {node: sign.repeat_interleave(many, 0) for node, sign in (signs or {}).items()}
    folded = rows.to(bounds[0].low.dtype).repeat(count, 1)[:, None]  # [N S, 1, n]
    planes = _improved(graph, folded, spread, slopes, assumed, steps)
    return Planes(planes.weight.reshape(count, many, -1), planes.bias.reshape(count, many))


def _improved(
    graph: Graph,
    rows: Tensor,
    bounds: Sequence[Interval],
    slopes: dict[int, list[Tensor]],
    signs: dict[int, Tensor],
    steps: int,
) -> Planes:
    beta = {node: torch.zeros_like(sign).requires_grad_(True) for node, sign in signs.items()}
    leaves = [slope.requires_grad_(True) for pair in slopes.values() for slope in pair]

    def planes() -> Planes:
        extra = {node: (-signs[node] * beta[node])[:, None] for node in beta}
        lines = _relaxed(graph, bounds, slopes)
        return backward(graph, len(graph.nodes) - 1, rows, bounds, lines, extra=extra)

    best = planes()
    best = Planes(best.weight.detach(), best.bias.detach())
    if not leaves and not beta:
        return best
    height = best.least(bounds[0])
    optimiser = torch.optim.Adam([*leaves, *beta.values()], lr=RATE)
    schedule = torch.optim.lr_scheduler.ExponentialLR(optimiser, CALM)
    for _ in range(steps):
        with torch.enable_grad():
            found = planes()
            least = found.least(bounds[0])
            optimiser.zero_grad()
            (-least.sum()).backward()
        higher = least.detach() > height
        height = torch.where(higher, least.detach(), height)
        best = Planes(
            torch.where(higher[:, :, None], found.weight.detach(), best.weight),
            torch.where(higher, found.bias.detach(), best.bias),
        )
        optimiser.step()
        schedule.step()
        for multiplier in beta.values():
            multiplier.data.clamp_(min=0)
    return best


def _relaxed(
    graph: Graph, bounds: Sequence[Interval], slopes: dict[int, list[Tensor]]
) -> dict[int, Relaxation]:
    found = {}
    for index, (lower, upper) in slopes.items():
        node = graph.nodes[index]
        assert isinstance(node, Apply)
        sources = [bounds[source] for source in node.sources]
        function, ends = function_of(node, sources), (sources[0].low, sources[0].high)
        least, _ = function.residual(lower, *ends)
        _, most = function.residual(upper, *ends)
        found[index] = relax(node, sources, (lower, least, upper, most))
    return found
