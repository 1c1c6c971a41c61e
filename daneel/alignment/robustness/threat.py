"""What an attacker may do, and what counts as harm.

Legend: B rows, D numbers of an observation (flattened), C classes, A actions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from daneel.errors import ConfigError

Network = Callable[[Tensor], Tensor]
"""Observations `[B, ...]` to logits `[B, C]` or actions `[B, A]`."""


@dataclass(frozen=True)
class Ball:
    """The changes allowed: a ball about each observation, cut to the range of observations."""

    radius: float
    """Size of the largest change, in the units of the observation."""
    norm: Literal["linf", "l2"] = "linf"
    """Largest change of a number, or Euclidean length of the change."""
    low: float | Tensor = -torch.inf
    """Least value of an observation, one for all or one for each number."""
    high: float | Tensor = torch.inf
    """Largest value."""

    def __post_init__(self) -> None:
        """Checks radius and norm.

        Raises:
            ConfigError: the radius is negative or not finite, or the norm unknown.
        """
        if not 0 <= self.radius < torch.inf:
            raise ConfigError(f"radius is {self.radius}. Expected 0 or more, finite. Set it.")
        if self.norm not in ("linf", "l2"):
            raise ConfigError(f"norm is {self.norm!r}. Expected linf or l2. Pass norm='linf'.")

    def project(self, x: Tensor, centre: Tensor) -> Tensor:
        """The nearest allowed point: into the ball, then into the range (both hold afterwards)."""
        change = x - centre
        if self.norm == "linf":
            change = change.clamp(-self.radius, self.radius)
        else:
            change = change * (self.radius / lengths(change).clamp(min=1e-12)).clamp(max=1)
        return (centre + change).clamp(self._end(self.low, x), self._end(self.high, x))

    def start(self, centre: Tensor, generator: torch.Generator) -> Tensor:
        """A random allowed point: uniform in the cube, or in the ball."""
        if self.norm == "linf":
            change = torch.rand(centre.shape, generator=generator) * 2 - 1
        else:
            change = torch.randn(centre.shape, generator=generator)
            share = torch.rand(len(centre), generator=generator) ** (1 / change[0].numel())
            change = change / lengths(change) * share.reshape(-1, *[1] * (centre.ndim - 1))
        return self.project(centre + change * self.radius, centre)

    def _end(self, end: float | Tensor, like: Tensor) -> Tensor:
        return torch.as_tensor(end, dtype=like.dtype, device=like.device)


def lengths(x: Tensor) -> Tensor:
    """Euclidean length of each row, `[B, 1, ...]`."""
    return x.flatten(1).norm(dim=1).reshape(-1, *[1] * (x.ndim - 1))


class Goal:
    """What the attacker climbs, and when it has won."""

    def loss(self, output: Tensor) -> Tensor:
        """`[B]`, to be made large."""
        raise NotImplementedError

    def won(self, output: Tensor) -> Tensor:
        """`[B]` bool."""
        raise NotImplementedError

    def unsaturated(self) -> Goal:
        """The same goal with a loss that keeps its slope where the network is sure; itself here."""
        return self


class Misclassify(Goal):
    """Any class but the right one.

    Args:
        labels: `[B]`, the right classes.
        margin: Whether the loss is the margin of the best wrong logit (it does not saturate;
            Carlini and Wagner 2017, arXiv 1608.04644) rather than the cross-entropy.
    """

    def __init__(self, labels: Tensor, margin: bool = False) -> None:
        """Keeps the labels."""
        self.labels, self.margin = labels, margin

    def loss(self, output: Tensor) -> Tensor:
        """See `Goal`."""
        if self.margin:
            return margins(output, self.labels).neg()
        return F.cross_entropy(output, self.labels, reduction="none")

    def unsaturated(self) -> Goal:
        """With the margin as the loss."""
        return Misclassify(self.labels, margin=True)

    def won(self, output: Tensor) -> Tensor:
        """A NaN output is a win: nothing can be said for it."""
        return ~(output.argmax(-1) == self.labels) | ~output.isfinite().all(-1)


class Deviate(Goal):
    """An action of a policy that is further than `tolerance` from the one without attack.

    Args:
        actions: `[B, A]`, actions without attack.
        tolerance: Euclidean distance at which the attack counts as successful.
    """

    def __init__(self, actions: Tensor, tolerance: float) -> None:
        """Keeps the actions."""
        self.actions, self.tolerance = actions.detach(), tolerance

    def loss(self, output: Tensor) -> Tensor:
        """Distance of the action; a tiny slope at the centre, where the distance has none."""
        return ((output - self.actions).flatten(1).square().sum(1) + 1e-12).sqrt()

    def won(self, output: Tensor) -> Tensor:
        """See `Goal`; NaN counts."""
        return ~(self.loss(output) <= self.tolerance)


def margins(logits: Tensor, labels: Tensor) -> Tensor:
    """Right logit minus the best wrong one, `[B]`."""
    right = logits.gather(1, labels[:, None])[:, 0]
    wrong = logits.scatter(1, labels[:, None], -torch.inf).amax(1)
    return right - wrong
