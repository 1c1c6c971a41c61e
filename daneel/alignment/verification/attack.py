"""Search for an input that breaks a property: random points, then projected gradient descent.

Madry et al. 2018 (arXiv 1706.06083) with restarts. Finding nothing proves nothing. What is found
counts only after `confirmed`: the same input, inside the box, is unsafe in exact (float64)
arithmetic and in every replay that is asked for (the deployed module, onnxruntime).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from daneel.alignment.verification.graph import Graph
from daneel.alignment.verification.property import Case, Polyhedron

Replay = Callable[[Tensor], Tensor]
"""Inputs `[N, D]` float64 to outputs `[N, A]`, as the deployed network gives them."""

_BEST = 24
_FIRST_STEP, _LAST_STEP = 0.25, 0.002
"""Step as a share of the box, first and last."""


@dataclass(frozen=True)
class Witness:
    """An input that breaks the property, and what the network makes of it."""

    input: tuple[float, ...]
    output: tuple[float, ...]


def confirmed(
    graph: Graph, case: Case, points: Tensor, replays: Sequence[Replay] = ()
) -> Witness | None:
    """The first of `points [N, D]` that breaks the case in every form of the network, or None."""
    points = points.double().clamp(case.low, case.high)
    output = graph(points)
    for index in case.contains(points, output).nonzero()[:, 0].tolist():
        x = points[index : index + 1]
        if all(bool(case.contains(x, replay(x).double())) for replay in replays):
            return Witness(tuple(x[0].tolist()), tuple(output[index].tolist()))
    return None


def attack(
    graph: Graph,
    case: Case,
    generator: torch.Generator,
    replays: Sequence[Replay] = (),
    samples: int = 2048,
    steps: int = 40,
) -> Witness | None:
    """A confirmed witness, or None.

    Args:
        graph: The network in float64, as the property speaks of it (`Property.on`).
        case: The box and its unsafe set.
        generator: Draws the points.
        replays: What a witness must also hold in.
        samples: Random points; the best of each polyhedron are the starts of the descent.
        steps: Of the descent.
    """
    points = points_of(case, samples, generator)
    with torch.no_grad():
        output = graph(points)
        witness = confirmed(graph, case, points[case.contains(points, output)][:16], replays)
    if witness is not None or not case.unsafe:
        return witness
    for polyhedron in case.unsafe[:16]:
        best = polyhedron.gap(output).topk(min(_BEST, len(points)), largest=False).indices
        found = descend(graph, case, polyhedron, points[best], steps)
        witness = confirmed(graph, case, found, replays)
        if witness is not None:
            return witness
    return None


def descend(graph: Graph, case: Case, polyhedron: Polyhedron, points: Tensor, steps: int) -> Tensor:
    """Signed gradient descent of the gap to a polyhedron, and the best points on the way."""
    width = case.high - case.low
    step, x = _FIRST_STEP, points
    shrink = (_LAST_STEP / _FIRST_STEP) ** (1 / max(steps - 1, 1))
    best, least = points, torch.full((len(points),), torch.inf, dtype=points.dtype)
    for _ in range(steps):
        x = x.detach().requires_grad_(True)
        with torch.enable_grad():
            gap = polyhedron.gap(graph(x))
            if not gap.requires_grad:  # steps and constants have no slope to follow
                return points
            (slope,) = torch.autograd.grad(gap.sum(), x)
        lower = gap.detach() < least
        least = torch.where(lower, gap.detach(), least)
        best = torch.where(lower[:, None], x.detach(), best)
        x = (x.detach() - step * width * slope.sign()).clamp(case.low, case.high)
        step *= shrink
    return torch.cat([best, x])


def points_of(case: Case, samples: int, generator: torch.Generator) -> Tensor:
    """Random points, a third of them on corners, and the centre."""
    share = torch.rand(samples, len(case.low), generator=generator, dtype=torch.float64)
    share[: samples // 3] = share[: samples // 3].round()
    centre = torch.full((1, len(case.low)), 0.5, dtype=torch.float64)
    share = torch.cat([centre, share])
    return (case.low * (1 - share) + case.high * share).clamp(case.low, case.high)
