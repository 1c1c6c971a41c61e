"""Least squares over a lengthening horizon, for long and chaotic runs.

A long rollout of a chaotic robot has a cost full of valleys. Windows that start from the measured
state (`windows`) are Bock's multiple shooting with measured starts; here they are short first,
where the cost is smooth, and each longer stage starts where the one before ended.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from daneel.agents.calibration.least_squares import LeastSquares
from daneel.agents.calibration.method import Ledger, Watch
from daneel.agents.calibration.problem import CalibrationError, Fit, Problem
from daneel.agents.calibration.rollout_problem import RolloutProblem
from daneel.errors import ConfigError


@dataclass(frozen=True)
class LengtheningHorizon:
    """Stages of least squares on growing shares of every window."""

    shares: tuple[float, ...] = (0.1, 0.3, 1.0)
    """Share of the window that each stage sees."""
    stage: LeastSquares = field(default_factory=lambda: LeastSquares(iterations=15))
    """The search of each stage."""

    def __post_init__(self) -> None:
        """Checks the shares.

        Raises:
            ConfigError: They do not grow to 1.
        """
        if list(self.shares) != sorted(self.shares) or self.shares[-1] != 1 or self.shares[0] <= 0:
            raise ConfigError(f"shares is {self.shares}. Expected growing numbers up to 1.")

    def fit(self, problem: Problem, watch: Watch | None = None) -> Fit:
        """Searches stage by stage; see `Method`.

        Raises:
            CalibrationError: The problem has no horizon that could be shortened.
        """
        if not isinstance(problem, RolloutProblem):
            raise CalibrationError(
                f"{type(problem).__name__} has no horizon to lengthen. Expected a problem of "
                "rollouts. Take the method least-squares."
            )
        ledger = Ledger(problem, watch)
        theta, outcome = problem.initial, (False, "no stage")
        for share in self.shares:
            ledger = Ledger(problem.shortened(share), watch, ledger.evaluations)
            ledger.residuals(theta[None])
            outcome = replace(self.stage, starts=0).search(ledger)
            theta = ledger.theta if len(ledger.theta) else theta
        return ledger.fit(*outcome)
