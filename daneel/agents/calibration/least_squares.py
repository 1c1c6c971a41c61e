"""Nonlinear least squares within bounds: trust region reflective (Branch, Coleman, Li 1999).

The Jacobian is by finite differences with all columns simulated in one batch, as in MuJoCo's system
identification. Several starts are screened in one batch first, for the valleys of friction models.
A parameter whose bounds are equal is fixed: it stays where it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import optimize
from scipy.stats import qmc

from daneel.agents.calibration.method import Ledger, Watch
from daneel.agents.calibration.problem import Fit, Floats, Integers, Problem, free, scales
from daneel.errors import ConfigError

RESCUE = 64
"""Candidates within the bounds that are tried when the simulation from the initial one is
unstable."""


@dataclass(frozen=True)
class LeastSquares:
    """Trust region least squares from the initial values, or from the best of several starts."""

    iterations: int = 30
    """Most steps of the trust region."""
    starts: int = 0
    """Candidates of a Sobol sequence within the bounds that are tried besides the initial one."""
    tolerance: float = 1e-6
    """Relative gain of the cost below which the search has converged."""
    step: float = 1e-4
    """Step of the finite differences, as a share of a tenth of a parameter's range."""
    seed: int = 0
    """Seed of the starts."""

    def __post_init__(self) -> None:
        """Checks the numbers.

        Raises:
            ConfigError: A number is out of range.
        """
        if self.iterations < 1 or self.starts < 0 or not self.step > 0:
            raise ConfigError(
                f"iterations is {self.iterations}, starts {self.starts}, step {self.step}. "
                "Expected at least 1, at least 0, above 0."
            )

    def fit(self, problem: Problem, watch: Watch | None = None) -> Fit:
        """Searches from the best start; see `Method`."""
        ledger = Ledger(problem, watch)
        ledger.residuals(self._starts(problem, self.starts))
        if not np.isfinite(ledger.cost):
            ledger.residuals(self._starts(problem, RESCUE))
        return ledger.fit(*self.search(ledger))

    def search(self, ledger: Ledger) -> tuple[bool, str]:
        """Goes on from the best candidate of a ledger; whether it converged, and why it stopped."""
        if not np.isfinite(ledger.cost):
            return False, "no candidate could be simulated"
        problem = ledger.problem
        moves = np.flatnonzero(free(problem))
        if not len(moves):
            return True, "every parameter is fixed"
        unit = scales(problem)[moves]
        start = np.clip(ledger.theta, problem.low, problem.high)

        def whole(z: Floats) -> Floats:
            theta = start.copy()
            theta[moves] = z * unit
            return theta

        def differences(z: Floats) -> Floats:
            return self._slopes(ledger, whole(z), moves) * unit

        slopes: Any = differences  # scipy's stubs know the names of its own schemes only

        found = optimize.least_squares(
            lambda z: ledger.residuals(whole(z)[None])[0],
            start[moves] / unit,
            jac=slopes,
            bounds=(problem.low[moves] / unit, problem.high[moves] / unit),
            ftol=self.tolerance,
            xtol=1e-8,
            gtol=1e-10,
            max_nfev=self.iterations,
        )
        return bool(found.status > 0), str(found.message)

    def _starts(self, problem: Problem, count: int) -> Floats:
        """The initial candidate and `count` of a Sobol sequence within the bounds."""
        if not count:
            return problem.initial[None]
        draws = qmc.Sobol(len(problem.names), rng=self.seed).random(count)
        return np.concatenate(
            [problem.initial[None], problem.low + draws * (problem.high - problem.low)]
        )

    def _slopes(self, ledger: Ledger, theta: Floats, moves: Integers) -> Floats:
        """Derivatives of residuals and prior distances by the F that move [R + Q, F], one batch."""
        problem = ledger.problem
        size = self.step * scales(problem)
        size = np.where(theta + size > problem.high, -size, size)
        tried = np.concatenate([theta[None], (theta + np.diag(size))[moves]])
        moved = ledger.residuals(tried)
        columns = (moved[1:] - moved[0]) / size[moves, None]
        return np.where(np.isfinite(columns).all(axis=1, keepdims=True), columns, 0.0).T
