"""Two defences: training on attacked inputs, and smoothing of observations.

Adversarial training: Madry et al. (2017, arXiv 1706.06083), on a mix of clean and attacked rows, as
Goodfellow et al. (2014) mix them, so that the clean accuracy is kept. Smoothing: the mean output
over Gaussian noise (Cohen et al. 2019, arXiv 1902.02918, whose certificate is not claimed here).

Legend: B rows, N noisy copies.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from daneel.alignment.robustness.gradient import PGD, pgd
from daneel.alignment.robustness.threat import Ball, Goal

MakeGoal = Callable[[Tensor], Goal]
"""The goal against targets `[B, ...]`, such as `Misclassify`."""


@dataclass(frozen=True)
class Training:
    """How a network is hardened."""

    steps: int = 500
    """Optimiser steps."""
    batch: int = 128
    """Rows a step."""
    rate: float = 2e-3
    """Of Adam."""
    attack: PGD = field(default_factory=lambda: PGD(steps=5, restarts=1))
    """What it is trained against."""
    clean: float = 0.5
    """Share of the loss on rows as they are."""


def adversarial_training(
    network: nn.Module,
    x: Tensor,
    targets: Tensor,
    make_goal: MakeGoal,
    ball: Ball,
    generator: torch.Generator,
    options: Training | None = None,
) -> nn.Module:
    """Trains `network` in place on clean and attacked rows, and returns it in evaluation mode.

    Args:
        network: Maps `[B, ...]` to what the goal reads.
        x: Observations, rows first.
        targets: What the goal takes, rows first.
        make_goal: The attacker's goal; its loss is also what training lowers.
        ball: What the attacker may do; shrunk in the first half of training, lest it learn nothing.
        generator: Of the batches.
        options: How long.
    """
    options = options or Training()
    optimiser = torch.optim.Adam(network.parameters(), options.rate)
    for step in range(options.steps):
        rows = torch.randint(len(x), (options.batch,), generator=generator)
        goal = make_goal(targets[rows])
        grown = min(2 * (step + 1) / options.steps, 1.0)
        narrow = Ball(ball.radius * grown, ball.norm, ball.low, ball.high)
        network.eval()
        attacked = pgd(network, x[rows], goal, narrow, options.attack)
        network.train()
        clean = goal.loss(network(x[rows])).mean()
        hurt = goal.loss(network(attacked)).mean()
        optimiser.zero_grad()
        (options.clean * clean + (1 - options.clean) * hurt).backward()
        optimiser.step()
    return network.eval()


class Smoothed(nn.Module):
    """The mean output of a network over Gaussian noise on its input, the same noise every time.

    Args:
        network: Maps `[B, D]` to `[B, C]`.
        sigma: Standard deviation of the noise, in the units of the observation.
        copies: N.
        seed: Of the noise.
    """

    def __init__(self, network: nn.Module, sigma: float, copies: int = 32, seed: int = 0) -> None:
        """Keeps the network."""
        super().__init__()
        self.network, self.sigma, self.copies, self.seed = network, sigma, copies, seed

    def forward(self, x: Tensor) -> Tensor:
        """`[B, ...] -> [B, C]`."""
        generator = torch.Generator().manual_seed(self.seed)
        noise = torch.randn(self.copies, *x.shape[1:], generator=generator).to(x)
        noisy = x[:, None] + self.sigma * noise  # [B, N, ...]
        return self.network(noisy.flatten(0, 1)).unflatten(0, (len(x), self.copies)).mean(1)
