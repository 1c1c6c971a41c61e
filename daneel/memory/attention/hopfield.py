"""`HopfieldMemory`: patterns that are found again from noisy or partial copies of themselves.

The rule of recall is a part: `ModernRule` (Ramsauer et al. 2020, arXiv 2008.02217) or
`ClassicalRule` (Hopfield 1982). No recall can be more often exact than the nearest stored pattern
is the right one, so `exact_recall` stands next to `nearest_recall` wherever figures are shown.

Legend: N patterns, Q queries, D dimensions.
"""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

from daneel.memory.attention.hopfield_modern import ModernRule

QUERIES = 1024
"""Queries recalled at once: bounds the table `[Q, N]` of their fits to all patterns."""


class Rule(Protocol):
    """How a state moves to a stored pattern, and the energy that this never raises."""

    def recall(
        self, patterns: Tensor, states: Tensor, generator: torch.Generator | None = None
    ) -> Tensor:
        """States `[Q, D]` at the end of the recall."""
        ...

    def energy(self, patterns: Tensor, states: Tensor) -> Tensor:
        """Energy of each state: `[Q]`."""
        ...


class HopfieldMemory:
    """An associative memory of patterns `[N, D]`.

    Args:
        dim: D.
        rule: How patterns are recalled.
    """

    def __init__(self, dim: int, rule: Rule | None = None) -> None:
        """An empty memory; the rule is `ModernRule()` if None.

        Raises:
            ValueError: `dim` is below 1.
        """
        if dim < 1:
            raise ValueError(f"dim is {dim}. Expected 1 or more.")
        self.dim, self.rule = dim, ModernRule() if rule is None else rule
        self.patterns = torch.empty(0, dim)
        """`[N, D]`, in the order in which they were stored."""

    def __len__(self) -> int:
        """Number of patterns."""
        return len(self.patterns)

    def store(self, patterns: Tensor) -> None:
        """Adds patterns `[N, D]`; the first ones decide dtype and device.

        Raises:
            ValueError: The shape or a value is wrong.
        """
        patterns = self._checked("patterns", patterns)
        known = self.patterns if len(self) else self.patterns.to(patterns)
        self.patterns = torch.cat([known, patterns.to(known)])

    def recall(self, queries: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """What each of `queries [Q, D]` reminds of: `[Q, D]`.

        Args:
            queries: Noisy copies of patterns.
            generator: The order of neurons of the classical rule; a hair of noise that breaks ties
                of the modern one. None is repeatable without one.

        Raises:
            ValueError: Nothing is stored, or the shape or a value is wrong.
        """
        pieces = self._known(queries).split(QUERIES)
        return torch.cat([self.rule.recall(self.patterns, piece, generator) for piece in pieces])

    def energy(self, states: Tensor) -> Tensor:
        """Energy `[Q]` of `states [Q, D]`; no update of the rule raises it.

        Raises:
            ValueError: Nothing is stored, or the shape or a value is wrong.
        """
        return self.rule.energy(self.patterns, self._known(states))

    def _known(self, queries: Tensor) -> Tensor:
        if not len(self):
            raise ValueError("No pattern is stored. Expected one or more. Call store(...) first.")
        return self._checked("queries", queries).to(self.patterns)

    def _checked(self, name: str, values: Tensor) -> Tensor:
        if values.ndim != 2 or values.shape[1] != self.dim or not values.dtype.is_floating_point:
            raise ValueError(
                f"{name} have shape {tuple(values.shape)} and dtype {values.dtype}. Expected "
                f"floating point of shape [any, {self.dim}]."
            )
        if not bool(values.isfinite().all()):
            raise ValueError(f"{name} hold NaN or infinity. Expected finite values.")
        return values


def exact_recall(
    memory: HopfieldMemory, probes: Tensor, wanted: Tensor, generator: torch.Generator
) -> float:
    """Share of `probes [Q, D]` whose recalled signs are all those of `wanted [Q, D]`."""
    found = memory.recall(probes, generator).sign()
    return float((found == wanted).all(-1).float().mean())


def nearest_recall(
    patterns: Tensor, probes: Tensor, wanted: Tensor, generator: torch.Generator
) -> float:
    """The same for the nearest pattern, equal distances decided by lot: no rule can do better."""
    right = 0
    for piece, goal in zip(probes.split(QUERIES), wanted.split(QUERIES), strict=True):
        fits = piece @ patterns.T
        # Less than half of the smallest difference between two fits of +-1, which is 2.
        lot = torch.rand(fits.shape, generator=generator)
        right += int((patterns[(fits + lot).argmax(-1)] == goal).all(-1).sum())
    return right / len(probes)


def random_signs(count: int, dim: int, generator: torch.Generator) -> Tensor:
    """Patterns `[count, dim]` of +-1, each bit a fair coin."""
    return 2.0 * torch.randint(2, (count, dim), generator=generator) - 1


def flipped(patterns: Tensor, bits: int, generator: torch.Generator) -> Tensor:
    """Copies in each of which exactly `bits` signs, drawn anew for each, are turned."""
    places = torch.rand(patterns.shape, generator=generator).argsort(-1)[:, :bits]
    turned = torch.ones_like(patterns).scatter_(-1, places, -1.0)
    return patterns * turned
