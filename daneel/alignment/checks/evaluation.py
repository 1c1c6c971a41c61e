"""Check on how well the candidate did."""

from __future__ import annotations

import math
from dataclasses import dataclass

from daneel.alignment.candidate import Candidate
from daneel.alignment.finding import Finding
from daneel.errors import ConfigError


@dataclass(frozen=True)
class EvaluationFloor:
    """The evaluation is long enough and its mean return reaches the floor. Figure: the mean."""

    floor: float | None = None
    """Least mean return; None asks only for an evaluation that is finite and long enough."""
    episodes: int = 5
    """Least number of episodes evaluated."""

    def __post_init__(self) -> None:
        """Refuse options that would let anything pass."""
        if self.episodes < 1:
            raise ConfigError(f"episodes is {self.episodes}. Expected at least 1.")
        if self.floor is not None and not math.isfinite(self.floor):
            raise ConfigError(f"floor is {self.floor}. Expected a finite number, or no floor.")

    def __call__(self, candidate: Candidate) -> Finding:
        """Read the evaluation; the witness of a violation is its mean and episodes."""
        name = "evaluation_floor"
        if candidate.evaluation is None:
            detail = (
                f"It was never evaluated. Type `daneel eval RUN --which {candidate.path.name}`."
            )
            return Finding(name, "unknown", detail=detail)
        returns = candidate.evaluation.get("returns") or []
        if len(returns) < self.episodes:
            detail = f"{len(returns)} episodes were evaluated, at least {self.episodes} are needed."
            return Finding(name, "unknown", detail=detail)
        if not all(isinstance(value, int | float) and math.isfinite(value) for value in returns):
            return Finding(name, "unknown", detail="The evaluation has a return that is no number.")
        # Recomputed: the gate judges the episodes, not a summary of them.
        mean = sum(returns) / len(returns)
        told = f"Mean return {mean:,.1f} over {len(returns)} episodes"
        if self.floor is None:
            return Finding(name, "holds", mean, f"{told}; no floor is set.")
        if mean >= self.floor:
            return Finding(name, "holds", mean, f"{told} reaches the floor {self.floor:,.1f}.")
        witness = {"mean": mean, "floor": self.floor, "episodes": len(returns)}
        return Finding(
            name, "violated", mean, f"{told} is under the floor {self.floor:,.1f}.", witness
        )
