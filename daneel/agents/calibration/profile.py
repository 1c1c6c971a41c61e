"""Ends of profile-likelihood intervals within bounds, all of them in one batch.

For an end of parameter p: hold p, let the others fall to their best within their bounds, and move p
until the cost has risen by q. The others follow by projected Gauss-Newton steps with the Jacobian
of the fit, corrected by Broyden's rank-one update at every simulation, so that a step of all ends
together costs one simulation an end.

P parameters, E ends, R residuals.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from daneel.agents.calibration.covariance import Covariance
from daneel.agents.calibration.problem import Fit, Floats, Problem

ROUNDS = 7
"""Times that every end is moved."""
FOLLOWS = 4
"""Steps of the other parameters after each move."""
MEMORY = 20_000_000
"""Numbers that the Jacobians of ends searched at once may hold."""
CLOSE = 0.03
"""An end is found when the rise of its cost is this near to q, as a share of q."""


@dataclass
class _Ends:
    """Where the search of each end stands."""

    at: np.ndarray
    """Parameter that is held [E]."""
    theta: Floats
    """Candidate [E, P]."""
    residuals: Floats
    """Residuals with priors below them there [E, R + P]."""
    jacobian: Floats
    """Their derivative as far as known [E, R + P, P]."""


def profile_ends(
    problem: Problem,
    fit: Fit,
    spread: Covariance,
    factor: Floats,
    ends: Floats,
    doubted: np.ndarray,
) -> Floats:
    """The ends [2, P] with the doubted ones moved to where the profile has risen by q.

    Args:
        problem: What was fitted.
        fit: The fit.
        spread: Covariance of the estimate.
        factor: Quantile of each parameter, in standard deviations [P].
        ends: First guess, from the curvature [2, P].
        doubted: Ends to follow [2, P].
    """
    side, at = np.nonzero(doubted)
    ratio = np.diag(spread.matrix) / np.diag(spread.naive)
    wanted = (0.5 * factor**2 * ratio)[at]
    limit = np.where(side == 0, problem.low[at], problem.high[at])
    guess = np.clip(ends[side, at], problem.low[at], problem.high[at])
    moved = ends.copy()
    many = max(1, MEMORY // max(1, fit.jacobian.size))
    for part in np.array_split(np.arange(len(at)), -(-len(at) // many)):
        found = _search(problem, fit, at[part], guess[part], limit[part], wanted[part])
        moved[side[part], at[part]] = found
    return moved


def _search(
    problem: Problem, fit: Fit, at: np.ndarray, guess: Floats, limit: Floats, wanted: Floats
) -> Floats:
    """Values [E] of the held parameters where the best cost has risen by `wanted` [E]."""
    bracket = _Bracket.around(fit.theta[at], limit)
    ends = _begin(problem, fit, at)
    value = guess
    for _ in range(ROUNDS):
        rise = _follow(problem, fit, ends, value)
        bracket.narrow(value, rise, wanted)
        done = (np.abs(rise - wanted) <= CLOSE * wanted) | (bracket.inner == limit)
        if done.all():
            break
        value = np.where(done, value, bracket.next(wanted))
    return bracket.between(wanted)


@dataclass
class _Bracket:
    """Values below and above the end that is looked for; all arrays [E]."""

    start: Floats
    """The estimate, where the rise is zero."""
    limit: Floats
    """The bound on this side."""
    inner: Floats
    """Furthest value with a rise that is not too high."""
    inner_rise: Floats
    outer: Floats
    """Nearest value with a rise that is too high."""
    outer_rise: Floats
    """inf where the simulation was unstable."""
    seen: np.ndarray
    """Whether there is such a value yet."""

    @classmethod
    def around(cls, start: Floats, limit: Floats) -> _Bracket:
        zero = np.zeros(len(start))
        return cls(start, limit, start, zero, limit, zero + np.inf, zero > 0)

    def narrow(self, value: Floats, rise: Floats, wanted: Floats) -> None:
        """Takes in what was found at `value`."""
        below = rise <= wanted
        self.inner = np.where(below, value, self.inner)
        self.inner_rise = np.where(below, rise, self.inner_rise)
        self.outer = np.where(below, self.outer, value)
        self.outer_rise = np.where(below, self.outer_rise, rise)
        self.seen = self.seen | ~below

    def next(self, wanted: Floats) -> Floats:
        """Between the two values, or further out where none is above yet."""
        reach = np.sqrt(wanted / np.maximum(self.inner_rise, wanted / 16.0))
        further = self.start + (self.inner - self.start) * np.clip(1.1 * reach, 1.2, 4.0)
        further = np.where(self.inner == self.start, 0.5 * (self.start + self.limit), further)
        lower, upper = np.minimum(self.start, self.limit), np.maximum(self.start, self.limit)
        middle = 0.5 * (self.inner + self.outer)
        inside = np.where(np.isfinite(self.outer_rise), self.between(wanted), middle)
        return np.where(self.seen, inside, np.clip(further, lower, upper))

    def between(self, wanted: Floats) -> Floats:
        """Where the rise is `wanted` by a line through the roots of both: exact on parabolas."""
        known = self.seen & np.isfinite(self.outer_rise)
        low = np.sqrt(np.maximum(self.inner_rise, 0.0))
        high = np.sqrt(np.where(known, self.outer_rise, low**2 + 1.0))
        share = np.clip((np.sqrt(wanted) - low) / np.maximum(high - low, 1e-300), 0.0, 1.0)
        return self.inner + np.where(known, share, 0.0) * (self.outer - self.inner)


def _begin(problem: Problem, fit: Fit, at: np.ndarray) -> _Ends:
    """Every end begins at the estimate with the Jacobian of the fit."""
    count = len(at)
    jacobian = np.concatenate([fit.jacobian, np.diag(_precision_root(problem))])
    residuals = _with_priors(problem, fit.theta[None], fit.residuals[None])
    return _Ends(
        at,
        np.tile(fit.theta, (count, 1)),
        np.repeat(residuals, count, axis=0),
        np.repeat(jacobian[None], count, axis=0),
    )


def _follow(problem: Problem, fit: Fit, ends: _Ends, value: Floats) -> Floats:
    """Moves the held parameters to `value` and lets the others follow; the best rise [E]."""
    rows = np.arange(len(ends.at))
    best = np.full(len(rows), np.inf)
    for _ in range(FOLLOWS):
        theta = np.clip(ends.theta + _others(problem, ends, value), problem.low, problem.high)
        theta[rows, ends.at] = value
        best = np.minimum(best, _move(problem, ends, theta) - fit.cost)
    return best


def _move(problem: Problem, ends: _Ends, theta: Floats) -> Floats:
    """Simulates the candidates, corrects their Jacobians, and returns their costs [E]."""
    residuals = _with_priors(problem, theta, problem.residuals(theta))
    stable = np.all(np.isfinite(residuals), axis=1, keepdims=True)[:, 0]
    step = theta - ends.theta
    length = np.sum((step / _width(problem)) ** 2, axis=1)
    for row in np.flatnonzero(stable & (length > 1e-20)):
        scaled = step[row] / _width(problem) ** 2 / length[row]
        missed = residuals[row] - ends.residuals[row] - ends.jacobian[row] @ step[row]
        ends.jacobian[row] += np.outer(missed, scaled)
    ends.theta[stable], ends.residuals[stable] = theta[stable], residuals[stable]
    value = 0.5 * np.sum(np.where(stable[:, None], residuals, 0.0) ** 2, axis=1)
    return np.where(stable, value, np.inf)


def _others(problem: Problem, ends: _Ends, value: Floats) -> Floats:
    """The step [E, P] that takes the held parameter to its value and the others to their best."""
    steps = np.zeros_like(ends.theta)
    for row, at in enumerate(ends.at):
        steps[row] = _one_step(problem, ends, row, at, value[row])
    return steps


def _one_step(problem: Problem, ends: _Ends, row: int, at: int, value: float) -> Floats:
    """Gauss-Newton for one end; parameters that would leave their bounds stop there."""
    theta, width = ends.theta[row], _width(problem)
    free = np.ones(len(theta), dtype=np.bool_)
    free[at] = False
    step = np.zeros(len(theta))
    step[at] = value - theta[at]
    for _ in range(len(theta)):
        rest = ends.residuals[row] + ends.jacobian[row] @ np.where(free, 0.0, step)
        columns = ends.jacobian[row][:, free] * width[free]
        step[free] = width[free] * np.linalg.lstsq(columns, -rest, rcond=1e-9)[0]
        outside = (theta + step < problem.low) | (theta + step > problem.high)
        over = np.flatnonzero(free & outside)
        if not len(over):
            break
        step[over] = np.clip(theta[over] + step[over], problem.low[over], problem.high[over])
        step[over] -= theta[over]
        free[over] = False
    return step


def _with_priors(problem: Problem, theta: Floats, residuals: Floats) -> Floats:
    """Residuals with the distances to the priors as further columns [E, R + P]."""
    distance = (theta - problem.initial) * _precision_root(problem)
    return np.concatenate([residuals, distance], axis=1)


def _precision_root(problem: Problem) -> Floats:
    return np.where(np.isfinite(problem.prior_std), 1.0 / problem.prior_std, 0.0)


def _width(problem: Problem) -> Floats:
    return np.maximum(problem.high - problem.low, 1e-300)
