"""The modern Hopfield network: one softmax over all stored patterns, then their mixture.

Ramsauer et al. (2020, arXiv 2008.02217). For patterns x_i and a state s:

    s' = sum_i p_i x_i      p = softmax(beta x_i . s)                                    (eq. 3)
    E  = -lse(beta, x_i . s) + s.s / 2 + log(N) / beta + M^2 / 2                         (eq. 2)

with `lse(beta, z) = log(sum_i exp(beta z_i)) / beta` and M the largest norm of a pattern. The
update is a concave-convex step, so E never rises (theorem 1), and it is one step of attention.

A state midway between two patterns that are equally near is a saddle of E where the update stands
still, and noisy bits do lie midway now and then. With a generator the start is moved a hair, which
is enough to roll down to one of the two.

Legend: N patterns, Q states, D dimensions.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

JITTER = 1e-2
"""How far a start is moved: times a normal number of the size of the patterns' entries."""


@dataclass(frozen=True)
class ModernRule:
    """Recall by softmax; stores about as many patterns as are apart, whatever their number."""

    beta: float = 4.0
    """Inverse temperature. For patterns of +-1 the default picks one; small values blend many."""

    steps: int = 3
    """Updates of one recall; one is enough for patterns that are well apart."""

    def __post_init__(self) -> None:
        """Refuses a beta that is not positive and fewer than one step."""
        if not (self.beta > 0 and math.isfinite(self.beta)):
            raise ValueError(f"beta is {self.beta}. Expected a finite number above 0.")
        if self.steps < 1:
            raise ValueError(f"steps is {self.steps}. Expected 1 or more.")

    def recall(
        self, patterns: Tensor, states: Tensor, generator: torch.Generator | None = None
    ) -> Tensor:
        """States `[Q, D]` after `steps` updates; differentiable in both arguments."""
        if generator is not None:
            noise = torch.randn(states.shape, generator=generator, dtype=states.dtype)
            size = patterns.square().mean().sqrt()
            states = states + JITTER * size * noise.to(states.device)
        for _ in range(self.steps):
            states = self.update(patterns, states)
        return states

    def update(self, patterns: Tensor, states: Tensor) -> Tensor:
        """One step of equation 3 for each of `states [Q, D]`."""
        return (self.beta * states @ patterns.T).softmax(-1) @ patterns

    def energy(self, patterns: Tensor, states: Tensor) -> Tensor:
        """Equation 2 of each of `states [Q, D]`: `[Q]`."""
        fit = (self.beta * states @ patterns.T).logsumexp(-1) / self.beta
        constant = math.log(len(patterns)) / self.beta + patterns.square().sum(-1).max() / 2
        return -fit + states.square().sum(-1) / 2 + constant
