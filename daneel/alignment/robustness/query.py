"""Attacks that see outputs only: random search, and a walk along the decision boundary.

Random search: in the manner of Square Attack (Andriushchenko et al. 2020, arXiv 1912.00049): a
random part of the numbers jumps to a side of the ball, the part shrinks, what does not help is
taken back. Observations have no neighbouring pixels, so parts are random sets, not squares.
Boundary: Brendel et al. (2018, arXiv 1712.04248), which needs the decision only: from a point that
is won towards the observation by bisection, with random side steps.

Legend: B rows, D numbers of an observation.
"""

from __future__ import annotations

import torch
from torch import Tensor

from daneel.alignment.robustness.threat import Ball, Goal, Network, lengths


@torch.no_grad()
def random_search(
    network: Network,
    x: Tensor,
    goal: Goal,
    ball: Ball,
    generator: torch.Generator,
    queries: int = 200,
    share: float = 0.5,
) -> Tensor:
    """The best point `[B, ...]` after `queries` outputs of each row.

    Args:
        network: Attacked, as a black box.
        x: Observations.
        goal: What is climbed.
        ball: What is allowed.
        generator: Of the proposals.
        queries: Outputs looked at.
        share: Share of the numbers changed at first; falls to one number.
    """
    flat, shape = x.flatten(1), x.shape
    count = flat.shape[1]
    best = _corners(x, ball, generator)
    output = network(best)
    value, won = goal.loss(output), goal.won(output)
    for query in range(1, queries):
        size = max(round(count * share * (1 - query / queries) ** 2), 1)
        chosen = torch.rand(flat.shape, generator=generator).argsort(1) < size
        jump = _corners(x, ball, generator).flatten(1)
        tried = ball.project(torch.where(chosen, jump, best.flatten(1)).reshape(shape), x)
        output = network(tried)
        better = ((goal.loss(output) > value) | goal.won(output)) & ~won
        best = torch.where(better.reshape(-1, *[1] * (x.ndim - 1)), tried, best)
        value = torch.where(better, goal.loss(output), value)
        won |= better & goal.won(output)
    return best


@torch.no_grad()
def boundary(
    network: Network,
    x: Tensor,
    goal: Goal,
    ball: Ball,
    generator: torch.Generator,
    queries: int = 200,
) -> Tensor:
    """The nearest won point that was found, projected into the ball, `[B, ...]`.

    Begins at random points up to 16 radii away; rows for which none of them is won stay at `x`.
    """
    column = [1] * (x.ndim - 1)
    point, won = x.clone(), goal.won(network(x))
    for query in range(queries // 4):  # far first, so that there is something to come back from
        wide = Ball(ball.radius * 2 ** (query % 5), ball.norm, ball.low, ball.high)
        tried = _corners(x, wide, generator)
        new = goal.won(network(tried)) & ~won
        point = torch.where(new.reshape(-1, *column), tried, point)
        won |= new
    for query in range(queries - queries // 4):
        if query % 2:  # a side step of a tenth of the distance
            noise = torch.randn(x.shape, generator=generator)
            away = 0.1 * lengths(point - x) * noise / lengths(noise).clamp(min=1e-12)
            tried = point + away
        else:
            tried = point
        tried = ball_range(ball, x + 0.9 * (tried - x))
        closer = goal.won(network(tried)) & (_distance(tried, x, ball) < _distance(point, x, ball))
        point = torch.where((closer & won).reshape(-1, *column), tried, point)
    return torch.where(won.reshape(-1, *column), ball.project(point, x), x)


def ball_range(ball: Ball, x: Tensor) -> Tensor:
    """`x` cut to the range of observations, however far it is from anything."""
    return x.clamp(torch.as_tensor(ball.low).to(x), torch.as_tensor(ball.high).to(x))


def _distance(a: Tensor, b: Tensor, ball: Ball) -> Tensor:
    change = (a - b).flatten(1)
    return change.abs().amax(1) if ball.norm == "linf" else change.norm(dim=1)


def _corners(x: Tensor, ball: Ball, generator: torch.Generator) -> Tensor:
    """Random points on the surface of the ball."""
    if ball.norm == "linf":
        side = (torch.rand(x.shape, generator=generator) < 0.5).to(x.dtype) * 2 - 1
    else:
        side = torch.randn(x.shape, generator=generator)
        side = side / lengths(side).clamp(min=1e-12)
    return ball.project(x + ball.radius * side, x)
