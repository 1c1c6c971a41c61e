"""An interval for every parameter of a fit.

Where the simulator is nearly linear and the bounds are far, the interval is the estimate and
t-quantiles of its covariance (`covariance.py`: coloured residuals, few blocks). Where a bound is
near, or the cost is not the parabola that its curvature promises, the interval is the profile
likelihood's: the values whose best attainable cost, with all other parameters free within their
bounds, is at most q above the least. For coloured residuals q is multiplied by the ratio of the
sandwich variance to the naive one:

- Venzon and Moolgavkar 1988, "A method for computing profile-likelihood-based intervals";
- Kent 1982, "Robust properties of likelihood ratio tests": the scaling of q.

P parameters, R residuals.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from daneel.agents.calibration.blocks import blocks, correlation_length
from daneel.agents.calibration.covariance import Covariance, block_covariance
from daneel.agents.calibration.identifiability import Identifiability, identifiability
from daneel.agents.calibration.problem import (
    CalibrationError,
    Fit,
    Floats,
    FunctionProblem,
    Integers,
    Problem,
    cost,
)
from daneel.agents.calibration.profile import profile_ends

LEVEL = 0.9
"""Share of intervals that should hold the true value."""

CURVED = 0.25
"""The cost at an interval's end may differ from the parabola's by this share before the profile is
followed instead."""

Booleans = NDArray[np.bool_]
Method = Literal["curvature", "profile", "bounds"]


@dataclass(frozen=True)
class Uncertainty:
    """Intervals of all parameters, and what they rest on."""

    names: tuple[str, ...]
    """Name of each parameter."""
    theta: Floats
    """Estimates [P]."""
    low: Floats
    """Lower ends [P]."""
    high: Floats
    """Upper ends [P]."""
    level: float
    """Share of such intervals that hold the true value."""
    methods: tuple[Method, ...]
    """How each interval was made; "bounds": it is the whole allowed range, the log says nothing."""
    covariance: Covariance
    """Spread of the estimates."""
    blocks: int
    """Nearly independent stretches of the log that the spread was seen in."""
    identifiability: Identifiability
    """Which parameters the log cannot tell apart."""
    correlation: int
    """Residuals after which an error is forgotten; 0: the residuals are white."""

    @property
    def std(self) -> Floats:
        """Standard deviation of each estimate [P]."""
        return np.sqrt(np.diag(self.covariance.matrix))


def uncertainty(
    problem: Problem, fit: Fit, level: float = LEVEL, *, profile: bool = True
) -> Uncertainty:
    """Intervals for every parameter of a fit.

    Args:
        problem: What was fitted.
        fit: The fit; its residuals and Jacobian are at the estimate.
        level: Share of intervals that should hold the true value.
        profile: Follow the profile likelihood where a bound is near or the cost is not a parabola;
            costs about thirty simulations for each such end.

    Raises:
        CalibrationError: The level is not between 0 and 1, or the fit's residuals are not finite.
    """
    _check(fit, level)
    seen = identifiability(problem, fit)
    blind = np.array([seen.blind(name) for name in problem.names])
    free = np.array([name not in seen.held for name in problem.names])
    block = blocks(fit.residuals, problem.segments)
    ends, doubted = _ends(*_hold(problem, fit, free), block, level, profile)
    low, high = problem.low.copy(), problem.high.copy()
    low[free], high[free] = np.maximum(ends[0], low[free]), np.minimum(ends[1], high[free])
    low, high = np.where(blind, problem.low, low), np.where(blind, problem.high, high)
    followed = np.zeros(len(free), dtype=bool)
    followed[free] = doubted
    return Uncertainty(
        names=problem.names,
        theta=fit.theta,
        low=low,
        high=high,
        level=level,
        methods=_methods(problem, low, high, followed),
        covariance=block_covariance(problem, fit.jacobian, fit.residuals, block),
        blocks=int(block.max()) + 1,
        identifiability=seen,
        correlation=correlation_length(fit.residuals, problem.segments),
    )


def _ends(
    problem: Problem, fit: Fit, block: Integers, level: float, profile: bool
) -> tuple[Floats, Booleans]:
    """Ends of the intervals [2, P], and for which parameters the profile was followed [P]."""
    spread = block_covariance(problem, fit.jacobian, fit.residuals, block)
    factor = stats.t.ppf(0.5 + level / 2.0, spread.dof)
    half = factor * np.sqrt(np.diag(spread.matrix))
    ends = np.stack([fit.theta - half, fit.theta + half])
    doubted = np.zeros(ends.shape, dtype=bool)
    if profile:
        doubted = _doubted(problem, fit, spread, factor, ends)
    if doubted.any():
        ends = profile_ends(problem, fit, spread, factor, ends, doubted)
    return ends, np.any(doubted, axis=0, keepdims=True)[0]


def _hold(problem: Problem, fit: Fit, free: np.ndarray) -> tuple[Problem, Fit]:
    """The problem and the fit of the free parameters, the others held where they are."""
    if free.all():
        return problem, fit

    def residuals(theta: Floats) -> Floats:
        whole = np.tile(fit.theta, (len(theta), 1))
        whole[:, free] = theta
        return problem.residuals(whole)

    reduced = FunctionProblem(
        names=tuple(np.array(problem.names)[free].tolist()),
        low=problem.low[free],
        high=problem.high[free],
        initial=problem.initial[free],
        function=residuals,
        segments=problem.segments,
        prior_std=problem.prior_std[free],
    )
    fixed = np.isfinite(problem.prior_std) & ~free
    pull = (fit.theta[fixed] - problem.initial[fixed]) / problem.prior_std[fixed]
    return reduced, replace(
        fit,
        theta=fit.theta[free],
        jacobian=fit.jacobian[:, free],
        cost=fit.cost - 0.5 * float(np.sum(pull**2)),
    )


def _methods(
    problem: Problem, low: Floats, high: Floats, followed: np.ndarray
) -> tuple[Method, ...]:
    whole = (low <= problem.low) & (high >= problem.high)
    return tuple(
        "bounds" if every else "profile" if path else "curvature"
        for every, path in zip(whole, followed, strict=True)
    )


def _doubted(
    problem: Problem, fit: Fit, spread: Covariance, factor: Floats, ends: Floats
) -> np.ndarray:
    """Ends [2, P] that lie outside the bounds, or where the cost is not the parabola's."""
    outside = (ends[0] <= problem.low) | (ends[1] >= problem.high)
    steps = spread.naive / np.sqrt(np.diag(spread.naive))  # column p: the profile's direction
    ratio = np.sqrt(np.diag(spread.matrix) / np.diag(spread.naive))
    walk = (factor * ratio * steps).T  # [P, P], row p ends where interval p ends
    there = np.concatenate([fit.theta - walk, fit.theta + walk])
    inside = ((there >= problem.low) & (there <= problem.high)).all(axis=1)
    rise = np.full(len(there), np.inf)
    if inside.any():
        rise[inside] = cost(problem, there[inside]) - fit.cost
    promised = np.tile(0.5 * (factor * ratio) ** 2, 2)
    curved = np.abs(rise - promised) > CURVED * promised
    return curved.reshape(2, -1) | outside


def _check(fit: Fit, level: float) -> None:
    if not 0.0 < level < 1.0:
        raise CalibrationError(
            f"The level of the intervals is {level}. Expected between 0 and 1. Type --level 0.9."
        )
    if not np.isfinite(fit.residuals).all() or not np.isfinite(fit.jacobian).all():
        raise CalibrationError(
            "The residuals of the fit are not finite. Expected a stable simulation at the "
            "estimate. Fit again from another start, or with narrower bounds."
        )
