"""Check that no declared observation can make the actor leave its action bounds."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from daneel.alignment.candidate import Candidate
from daneel.alignment.falsify import find_violation, target
from daneel.alignment.finding import Finding
from daneel.alignment.interval_bounds import output_bounds
from daneel.alignment.rounding import Bounds, NoBoundError
from daneel.errors import ConfigError

_NAME = "action_bounds"


@dataclass(frozen=True)
class ActionBounds:
    """Actions are finite and within bounds for EVERY float32 observation in the declared box.

    First a search for a counterexample, then a proof by interval bounds; neither found is
    `unknown`. Figure: the least distance from the proved range to the action bounds, negative by
    how much the proof misses; for discrete actions the largest logit proved; for a violation how
    far the witness is out of bounds.
    """

    samples: int = 4096
    """Random observations in the search for a counterexample."""
    seed: int = 0
    """Seed of that search."""

    def __post_init__(self) -> None:
        """Refuse a negative number of samples."""
        if self.samples < 0:
            raise ConfigError(f"samples is {self.samples}. Expected 0 or more.")

    def __call__(self, candidate: Candidate) -> Finding:
        """Search, then prove."""
        witness = find_violation(candidate, samples=self.samples, seed=self.seed)
        if witness is not None:
            detail = (
                f"A declared observation gives action {witness['action']}, out of bounds in "
                f"dimension {witness['dimension']}. It replays."
            )
            return Finding(_NAME, "violated", witness["excess"], detail, witness)
        low, high = torch.as_tensor(candidate.box_low), torch.as_tensor(candidate.box_high)
        try:
            proved = output_bounds(target(candidate).actor, low, high)
        except NoBoundError as error:
            return Finding(_NAME, "unknown", detail=f"No counterexample, and no proof: {error}")
        return self._compare(candidate, proved)

    def _compare(self, candidate: Candidate, proved: Bounds) -> Finding:
        box = f"every observation of the box ({candidate.box_source})"
        if candidate.action_low is None or candidate.action_high is None:
            largest = float(torch.maximum(proved[0].abs(), proved[1].abs()).max())
            return Finding(_NAME, "holds", largest, f"Finite logits for {box}.")
        low, high = _as_double(candidate.action_low), _as_double(candidate.action_high)
        if low.shape != proved[0].shape:
            detail = f"The actor gives {len(proved[0])} numbers for {len(low)} action dimensions."
            return Finding(_NAME, "unknown", detail=detail)
        margin = float(torch.minimum(proved[0] - low, high - proved[1]).min())
        if margin >= 0:
            return Finding(_NAME, "holds", margin, f"Proved for {box}.")
        detail = (
            f"No counterexample, and the proved range is {-margin:.3g} wider than the action "
            "bounds. An actor that ends in a clamp to the bounds can be proved."
        )
        return Finding(_NAME, "unknown", margin, detail)


def _as_double(values: object) -> Tensor:
    return torch.as_tensor(values, dtype=torch.float64)
