"""What every calibration method works on: residuals of many candidates at once.

Shapes: P parameters, N candidates, R residuals. A method never sees robots, logs or simulators; a
problem never sees methods.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from daneel.errors import ConfigError, DaneelError

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


class CalibrationError(DaneelError):
    """A log, a parameter file or a fit cannot be used for a calibration."""


class Problem(Protocol):
    """Parameters with bounds, and how far a simulation with them is from what was measured."""

    @property
    def names(self) -> tuple[str, ...]:
        """Name of each parameter [P]."""
        ...

    @property
    def low(self) -> Floats:
        """Least value of each parameter [P], in the user's units."""
        ...

    @property
    def high(self) -> Floats:
        """Greatest value of each parameter [P], in the user's units."""
        ...

    @property
    def initial(self) -> Floats:
        """Value of each parameter before the calibration [P], in the user's units."""
        ...

    @property
    def prior_std(self) -> Floats:
        """Standard deviation of a normal prior around `initial` [P]; inf where there is none."""
        ...

    @property
    def segments(self) -> Integers:
        """Which stretch of the log each residual belongs to [R]; they are independent."""
        ...

    def residuals(self, theta: Floats) -> Floats:
        """Simulated less measured for every candidate, in units of the noise where it is known.

        Args:
            theta: Candidates [N, P].

        Returns:
            Residuals [N, R]; a row is NaN where the simulation of that candidate was unstable.
        """
        ...


@dataclass(frozen=True)
class Fit:
    """The parameters that a method found."""

    theta: Floats
    """Best candidate that was ever evaluated [P]."""
    covariance: Floats | None
    """Covariance of the estimate [P, P]; None where the method gives none."""
    cost: float
    """Half the sum of the squared residuals and of the squared distances to the priors."""
    residuals: Floats
    """Residuals at `theta` [R]."""
    jacobian: Floats
    """Derivative of the residuals at `theta` [R, P]; columns of fixed parameters are zero."""
    evaluations: int
    """Candidates that were simulated."""
    converged: bool
    """The method stopped because nothing improved, not because its budget was spent."""
    message: str
    """Why it stopped, in words."""


@dataclass(frozen=True)
class FunctionProblem:
    """A problem from a function; for tests and for whoever brings a simulator of their own."""

    names: tuple[str, ...]
    low: Floats
    high: Floats
    initial: Floats
    function: Callable[[Floats], Floats]
    """Residuals [N, R] of candidates [N, P]."""
    segments: Integers
    prior_std: Floats

    def __post_init__(self) -> None:
        """Checks the shapes.

        Raises:
            ConfigError: An array has another length than there are names, or a value lies outside
                its bounds.
        """
        for field in ("low", "high", "initial", "prior_std"):
            shape = getattr(self, field).shape
            if shape != (len(self.names),):
                raise ConfigError(f"{field} has shape {shape}. Expected ({len(self.names)},).")
        outside = (self.initial < self.low) | (self.initial > self.high)
        if outside.any():
            name = self.names[int(np.argmax(outside))]
            raise ConfigError(f"initial of {name!r} lies outside its bounds. Expected low to high.")

    def residuals(self, theta: Floats) -> Floats:
        """The function's residuals [N, R]."""
        return self.function(theta)


def scales(problem: Problem) -> Floats:
    """A typical size of each parameter [P]: a tenth of its range, by which methods divide."""
    return np.maximum((problem.high - problem.low) / 10.0, 1e-12)


def free(problem: Problem) -> NDArray[np.bool_]:
    """Which parameters may move [P]; one whose bounds are equal is fixed."""
    return problem.high > problem.low


def prior_residuals(problem: Problem, theta: Floats) -> Floats:
    """Distances to the priors in standard deviations [N, Q], one column a parameter with a prior.

    Args:
        problem: The problem.
        theta: Candidates [N, P].
    """
    known = np.isfinite(problem.prior_std)
    return (theta[:, known] - problem.initial[known]) / problem.prior_std[known]


def cost(problem: Problem, theta: Floats) -> Floats:
    """Half the squared residuals and prior distances of each candidate [N]; inf if unstable."""
    both = np.concatenate([problem.residuals(theta), prior_residuals(problem, theta)], axis=1)
    value = 0.5 * np.sum(both * both, axis=1)
    return np.where(np.isfinite(value), value, np.inf)


def jacobian(
    problem: Problem, theta: Floats, residuals: Floats | None = None, step: float = 1e-4
) -> Floats:
    """Derivative of the residuals by finite differences, all columns in one batch [R, P].

    Steps go inwards from a bound. A column whose candidate is unstable is tried on the other side
    and is zero when both are. Columns of fixed parameters (low = high) are zero.

    Args:
        problem: The problem.
        theta: Where [P].
        residuals: Residuals there [R], when they are already known.
        step: Step as a share of a parameter's `scales`.
    """
    here = problem.residuals(theta[None])[0] if residuals is None else residuals
    size = step * scales(problem)
    size = np.where(theta + size > problem.high, -size, size)
    moves = np.flatnonzero(free(problem))
    columns = np.zeros((len(theta), len(here)))
    if not len(moves):
        return columns.T
    moved = problem.residuals((theta + np.diag(size))[moves])  # [F, R]
    broken = ~np.isfinite(moved).all(axis=1)
    if broken.any():
        size[moves[broken]] *= -1.0
        moved[broken] = problem.residuals((theta + np.diag(size))[moves[broken]])
    found = (moved - here) / size[moves, None]
    columns[moves] = np.where(np.isfinite(found).all(axis=1, keepdims=True), found, 0.0)
    return columns.T
