"""What every calibration method is: a problem in, a fit out, progress on the way.

A method evaluates candidates in batches through a `Ledger`, which keeps the best one it has seen:
whatever goes wrong later, an unstable simulation or a Ctrl-C, the last good result is there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from daneel.agents.calibration.problem import (
    CalibrationError,
    Fit,
    Floats,
    Problem,
    jacobian,
    prior_residuals,
)
from daneel.registry import Entry, Registry

_HERE = "daneel.agents.calibration."
METHODS = Registry(
    "calibration method",
    Entry(
        "least-squares",
        _HERE + "least_squares:LeastSquares",
        "trust region with bounds, differences of all parameters in one batch",
    ),
    Entry("cma", _HERE + "cma:Cma", "CMA-ES: no derivatives, many valleys"),
    Entry(
        "shooting",
        _HERE + "shooting:LengtheningHorizon",
        "least squares on short rollouts first, then on longer and longer ones (chaos)",
    ),
)
"""Methods by the name that users type; each is a frozen dataclass with `fit`."""


@dataclass(frozen=True)
class Progress:
    """Where a search stands."""

    evaluations: int
    """Candidates simulated so far."""
    cost: float
    """Cost of the best of them."""
    theta: Floats
    """The best of them [P]."""


Watch = Callable[[Progress], None]


class Method(Protocol):
    """Finds the parameters of a problem."""

    def fit(self, problem: Problem, watch: Watch | None = None) -> Fit:
        """Searches; `watch` is called whenever a better candidate was found."""
        ...


@dataclass
class Ledger:
    """Evaluates candidates and remembers the best of them."""

    problem: Problem
    """The problem."""
    watch: Watch | None = None
    """Told of every better candidate."""
    evaluations: int = 0
    """Candidates simulated."""
    theta: Floats = field(default_factory=lambda: np.zeros(0))
    """The best of them [P]."""
    cost: float = np.inf
    """Its cost."""

    def residuals(self, theta: Floats) -> Floats:
        """Residuals and prior distances of candidates [N, R + Q]; NaN rows where unstable."""
        found = np.concatenate(
            [self.problem.residuals(theta), prior_residuals(self.problem, theta)], axis=1
        )
        self.evaluations += len(theta)
        costs = 0.5 * np.sum(found * found, axis=1)
        best = int(np.argmin(np.where(np.isfinite(costs), costs, np.inf)))
        if costs[best] < self.cost:
            self.cost, self.theta = float(costs[best]), theta[best].copy()
            if self.watch:
                self.watch(Progress(self.evaluations, self.cost, self.theta))
        return found

    def fit(self, converged: bool, message: str) -> Fit:
        """The best candidate with its residuals, Jacobian and Gauss-Newton covariance.

        Raises:
            CalibrationError: No candidate could be simulated.
        """
        if not np.isfinite(self.cost):
            raise CalibrationError(
                f"None of {self.evaluations} candidates could be simulated: the model is unstable "
                "within its bounds. Expected at least one stable one. Narrow the bounds, shorten "
                "the horizon, or take a smaller step."
            )
        residuals = self.problem.residuals(self.theta[None])[0]
        slopes = jacobian(self.problem, self.theta, residuals)
        self.evaluations += 1 + len(self.theta)
        covariance = gauss_newton_covariance(self.problem, residuals, slopes)
        return Fit(
            self.theta, covariance, self.cost, residuals, slopes, self.evaluations, converged,
            message,
        )  # fmt: skip


def gauss_newton_covariance(problem: Problem, residuals: Floats, slopes: Floats) -> Floats | None:
    """(J^T J / s^2 + prior)^-1 with s^2 the mean square of the residuals [P, P]; None if singular.

    It takes the residuals for independent, which those of a simulation are not: intervals need
    `uncertainty`.
    """
    freedom = max(1, len(residuals) - slopes.shape[1])
    variance = max(float(residuals @ residuals) / freedom, 1e-300)
    information = slopes.T @ slopes / variance + np.diag(problem.prior_std**-2.0)
    try:
        return np.asarray(np.linalg.inv(information), np.float64)
    except np.linalg.LinAlgError:
        return None
