"""Attacks that see gradients: FGSM, PGD with restarts, momentum.

FGSM: Goodfellow et al. (2014, arXiv 1412.6572). PGD: Madry et al. (2017, arXiv 1706.06083).
Momentum: Dong et al. (2017, arXiv 1710.06081). What differs: each row keeps the best point that it
has ever visited (the last step of an attack is not always its best), and rows that are won stay.

Legend: B rows.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from daneel.alignment.robustness.threat import Ball, Goal, Network, lengths
from daneel.errors import ConfigError


@dataclass(frozen=True)
class PGD:
    """Projected gradient ascent."""

    steps: int = 20
    """Gradient steps of each start."""
    restarts: int = 2
    """Starts: the first at the observation itself, the others at random."""
    step: float | None = None
    """Length of a step as a share of the radius; None is 2.5 / steps, enough to cross the ball."""
    momentum: float = 0.0
    """Share of the last direction that is kept; 1 in the paper of the momentum attack."""

    def __post_init__(self) -> None:
        """Checks the counts.

        Raises:
            ConfigError: there is no step or no start.
        """
        if self.steps < 1 or self.restarts < 1:
            raise ConfigError(
                f"steps is {self.steps}, restarts is {self.restarts}. Expected 1 or more. Raise it."
            )


def fgsm(network: Network, x: Tensor, goal: Goal, ball: Ball) -> Tensor:
    """One step of full length: `[B, ...]` like `x`."""
    return ball.project(x + ball.radius * _direction(_slope(network, x, goal), ball), x)


def pgd(
    network: Network,
    x: Tensor,
    goal: Goal,
    ball: Ball,
    options: PGD | None = None,
    generator: torch.Generator | None = None,
) -> Tensor:
    """The best point of all starts and steps for each row.

    Args:
        network: Attacked; differentiable.
        x: `[B, ...]` observations.
        goal: What is climbed.
        ball: What is allowed.
        options: How long.
        generator: Of the random starts; needed with more than one start.
    """
    options = options or PGD()
    if options.restarts > 1 and generator is None:
        raise ConfigError(
            f"restarts is {options.restarts} and there is no generator. Expected one for random "
            "starts. Pass generator=torch.Generator().manual_seed(0)."
        )
    best = _Best(network, x, goal)
    for restart in range(options.restarts):
        start = x if restart == 0 or generator is None else ball.start(x, generator)
        _climb(network, x, start, goal, ball, options, best)
    return best.points


def _climb(
    network: Network, x: Tensor, start: Tensor, goal: Goal, ball: Ball, options: PGD, best: _Best
) -> None:
    length = ball.radius * (2.5 / options.steps if options.step is None else options.step)
    point, kept = start, torch.zeros_like(x)
    for _ in range(options.steps):
        slope = _slope(network, point, goal)
        size = slope.abs().flatten(1).mean(1).reshape(-1, *[1] * (x.ndim - 1)).clamp(min=1e-30)
        kept = options.momentum * kept + slope / size
        point = ball.project(point + length * _direction(kept, ball), x)
        best.offer(point)


class _Best:
    """The best point of each row so far; a won row is better than any other."""

    def __init__(self, network: Network, x: Tensor, goal: Goal) -> None:
        self.network, self.goal, self.points = network, goal, x.clone()
        self.value = self._value(x)

    @torch.no_grad()
    def offer(self, x: Tensor) -> None:
        value = self._value(x)
        better = value > self.value
        self.points = torch.where(better.reshape(-1, *[1] * (x.ndim - 1)), x, self.points)
        self.value = torch.where(better, value, self.value)

    @torch.no_grad()
    def _value(self, x: Tensor) -> Tensor:
        output = self.network(x)
        loss = self.goal.loss(output).nan_to_num(0.0, 0.0, 0.0)
        return torch.where(self.goal.won(output), torch.inf, loss)


def _slope(network: Network, x: Tensor, goal: Goal) -> Tensor:
    x = x.detach().requires_grad_(True)
    with torch.enable_grad():
        (slope,) = torch.autograd.grad(goal.loss(network(x)).sum(), x)
    return slope.nan_to_num(0.0)


def _direction(slope: Tensor, ball: Ball) -> Tensor:
    """The step of length 1 that climbs most, by the norm of the ball."""
    return slope.sign() if ball.norm == "linf" else slope / lengths(slope).clamp(min=1e-12)
