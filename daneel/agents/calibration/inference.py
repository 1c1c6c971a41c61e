"""Which parameters explain a history: robust Gauss-Newton over short replays in the simulator.

Residuals (`history_problem.py`) are divided by a scale for each sensor, the larger of its noise and
of what the simulator cannot explain (it is another engine), and weighted by Huber's function. The
posterior is normal around the best (Laplace). The noise of the sensors is what makes residuals at
the best as large as they are.

Legend: P parameters, U of them searched for, R residuals, D dampings.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from daneel.agents.calibration.history import Run
from daneel.agents.calibration.history_problem import PRIOR_STD, HistoryProblem
from daneel.agents.calibration.problem import jacobian
from daneel.envs.twins import Task
from daneel.envs.twins.parameters import NOISE, Floats

HUBER = 1.5
"""Residuals beyond this many scales count linearly."""
CORRELATED = 4.0
"""Residuals of one stretch repeat each other: so many count as one."""
_STILL = 0.003
"""The search ends when no parameter moves by this share of its range."""
DAMPINGS = (0.0, 0.1, 1.0, 10.0)
"""Levenberg-Marquardt's factors; all are tried at once."""


@dataclass(frozen=True)
class InferenceConfig:
    """How much to search."""

    stretch: int = 4
    """L."""
    guesses: int = 48
    """Draws from the prior, of which the best begins the search."""
    coarse: int = 40
    """Stretches that the search sees at first."""
    iterations: int = 15
    """Gauss-Newton steps at most with these."""
    refinements: int = 4
    """Gauss-Newton steps at most with all."""
    step: float = 0.2
    """Of the finite differences, in tenths of a parameter's range: contacts are not smooth."""


@dataclass(frozen=True)
class Posterior:
    """What is known of the parameters after a history."""

    mean: Floats
    """In units of the prior's range [P]."""
    root: Floats
    """Times standard normal numbers [P], the spread [P, P]."""
    task: Task
    """Whose parameters."""

    def draw(self, rng: np.random.Generator, count: int) -> Floats:
        """Parameters [count, P], within the prior's ranges."""
        normal = rng.standard_normal((count, len(self.mean)))
        return self.task.space.from_unit(self.mean + normal @ self.root.T)

    @property
    def values(self) -> dict[str, float]:
        """The best value of each parameter."""
        best = self.task.space.from_unit(self.mean)
        return dict(zip(self.task.space.names, map(float, best), strict=True))

    @property
    def deviations(self) -> dict[str, float]:
        """Standard deviations of the same, in units of the prior's range."""
        deviations = np.sqrt((self.root**2).sum(axis=1))
        return dict(zip(self.task.space.names, map(float, deviations), strict=True))


def infer(
    task: Task,
    runs: Sequence[Run],
    rng: np.random.Generator,
    config: InferenceConfig | None = None,
) -> Posterior:
    """The posterior of a task's parameters after a history.

    Args:
        task: Whose simulator explains it.
        runs: What was seen; at least one run is as long as a stretch.
        rng: Draws the first guesses, and noise to compare with.
        config: How much to search.
    """
    config = config or InferenceConfig()
    length = min(config.stretch, max(len(run.actions) for run in runs))
    few = HistoryProblem(task, runs, length, config.coarse)
    theta = _first_guess(few, rng, config.guesses)
    theta = _search(few, theta, config.iterations, config.step)
    full = HistoryProblem(task, runs, length)
    theta = _search(full, theta, config.refinements, config.step)
    return _laplace(full, theta, rng, config.step)


def _search(problem: HistoryProblem, theta: Floats, iterations: int, step: float) -> Floats:
    """Gauss-Newton steps from `theta` until it stays."""
    for _ in range(iterations):
        residuals = problem.residuals(theta[None])[0]
        slopes = jacobian(problem, theta, residuals, step)
        scale = _scales(problem, residuals)
        tried = _steps(problem, theta, residuals / scale, slopes / scale[:, None])
        best = tried[int(np.argmin(_costs(problem, tried, scale)))]
        moved, theta = float(np.abs(best - theta).max()), best
        if moved < _STILL:
            break
    return theta


def _first_guess(problem: HistoryProblem, rng: np.random.Generator, count: int) -> Floats:
    """The best of the nominal parameters and draws from the prior."""
    drawn = rng.random((count, len(problem.initial)))
    tried = np.concatenate([problem.initial[None], drawn])
    typical = np.nanmedian(np.abs(problem.residuals(tried)), axis=0)
    scale = np.where(problem.is_reset, 1.0, np.maximum(np.nan_to_num(typical, nan=1.0), 1.0))
    return tried[np.argmin(_costs(problem, tried, scale))]


def _laplace(
    problem: HistoryProblem, theta: Floats, rng: np.random.Generator, step: float
) -> Posterior:
    residuals = problem.residuals(theta[None])[0]
    scale = _scales(problem, residuals)
    slopes = jacobian(problem, theta, residuals, step) / scale[:, None]
    weights = _weights(problem, residuals / scale)
    precision = slopes.T @ (weights[:, None] * slopes) + np.eye(len(theta)) / PRIOR_STD**2
    size = len(problem.task.space.names)
    mean, root = np.empty(size), np.zeros((size, size))
    mean[problem.free] = theta
    root[np.ix_(problem.free, problem.free)] = np.linalg.cholesky(np.linalg.inv(precision))
    mean[NOISE], root[NOISE, NOISE] = _noise(problem, theta, residuals, rng)
    return Posterior(mean, root, problem.task)


def _noise(
    problem: HistoryProblem, theta: Floats, residuals: Floats, rng: np.random.Generator
) -> tuple[float, float]:
    """The noise of the sensors and its deviation, in units of the prior's range.

    Residuals are compared with what noise alone would make of them. A simulator that is wrong
    makes some larger and none smaller: the sensors it is right about are asked.
    """
    echo = problem.echo(theta, rng)
    channels = [problem.channels == at for at in range(2 * problem.task.joints)]
    ratios = [_typical(residuals[mine]) / _typical(echo[mine]) for mine in channels]
    row, space = problem.task.space.nominal.copy(), problem.task.space
    row[NOISE] = max(float(np.quantile(ratios, 0.25)), 1e-3)
    seen = space.to_unit(row)[NOISE]
    wide = float(np.log(space.high[NOISE] / space.low[NOISE]))
    count = channels[0].sum() / CORRELATED
    sharp = (wide / 1.2) ** 2 * count  # a median's deviation is 1.2 / sqrt(count) of itself
    precision = sharp + 1 / PRIOR_STD**2
    mean = (sharp * seen + 0.5 / PRIOR_STD**2) / precision
    return float(np.clip(mean, 0.0, 1.0)), float(precision**-0.5)


def _typical(values: Floats) -> float:
    """A robust standard deviation; 1 where nothing could be simulated."""
    return float(np.nan_to_num(1.48 * np.median(np.abs(values)), nan=1.0)) or 1.0


def _scales(problem: HistoryProblem, residuals: Floats) -> Floats:
    """The scale of every residual [R]: of its sensor, at least the noise; 1 for resets."""
    scales = np.ones_like(residuals)
    for channel in range(2 * problem.task.joints):
        members = problem.channels == channel
        scales[members] = max(1.0, _typical(residuals[members]))
    return scales


def _weights(problem: HistoryProblem, standard: Floats) -> Floats:
    """Huber's weights; what could not be simulated has none, resets have all."""
    size = np.abs(standard)
    huber = np.minimum(1.0, HUBER / np.maximum(size, 1e-9)) / CORRELATED
    return np.where(problem.is_reset, 1.0, np.where(np.isfinite(size), huber, 0.0))


def _steps(problem: HistoryProblem, theta: Floats, standard: Floats, slopes: Floats) -> Floats:
    """Candidates [1 + D, U]: staying, and a step for each damping."""
    weights = _weights(problem, standard)
    residuals = np.nan_to_num(standard)
    curvature = slopes.T @ (weights[:, None] * slopes)
    pull = (theta - problem.initial) / PRIOR_STD**2
    gradient = slopes.T @ (weights * residuals) + pull
    prior = np.eye(len(theta)) / PRIOR_STD**2
    scaling = np.diag(np.diag(curvature) + np.diag(prior))
    steps = [np.linalg.solve(curvature + prior + damp * scaling, gradient) for damp in DAMPINGS]
    return np.clip(np.stack([theta, *(theta - step for step in steps)]), problem.low, problem.high)


def _costs(problem: HistoryProblem, theta: Floats, scale: Floats) -> Floats:
    """Huber's cost and the prior's of each candidate [N]."""
    size = np.abs(problem.residuals(theta) / scale)
    size = np.where(np.isfinite(size), size, 1e3)
    huber = np.where(size < HUBER, 0.5 * size**2, HUBER * (size - 0.5 * HUBER)) / CORRELATED
    each = np.where(problem.is_reset, 0.5 * size**2, huber)
    prior = 0.5 * np.square((theta - problem.initial) / PRIOR_STD).sum(axis=1)
    return each.sum(axis=1) + prior
