"""Which parameters explain a history: robust Gauss-Newton over short replays in the simulator.

A history is cut into stretches of a few decisions. Each is replayed in the source simulator from
the state that the sensors showed at its beginning, with the commands that were sent (multiple
shooting, Bock and Plitt 1984, with the starts measured instead of solved for). The first state of
an episode is known up to the spread of resets, which is what makes the bias of a sensor visible.

Parameters live in units of their prior's range, 0 to 1. Residuals are divided by a scale for each
sensor, the larger of its noise and of what the simulator cannot explain (it is another engine),
and weighted by Huber's function. The posterior is normal around the best (Laplace). The noise of
the sensors is what makes residuals at the best as large as they are.

Legend: N candidates, S stretches, L decisions in a stretch, Q joints, P parameters, U of them
inferred, R residuals.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from daneel.agents.calibration.history import Run
from daneel.agents.calibration.problem import jacobian
from daneel.envs.twins import MujocoEngine, Plant, Task
from daneel.envs.twins.parameters import COMMON, NOISE, Floats
from daneel.envs.twins.plant import VELOCITY_NOISE

HUBER = 1.5
"""Residuals beyond this many scales count linearly."""
CORRELATED = 4.0
"""Residuals of one stretch repeat each other: so many count as one."""
PRIOR_STD = 0.35
"""Of each parameter around the middle of its range, in units of the range."""
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


class HistoryProblem:
    """A history as a calibration problem: parameters in [0, 1], residuals of all its stretches."""

    def __init__(
        self, task: Task, runs: Sequence[Run], length: int, most: int | None = None
    ) -> None:
        """Cuts `runs` into stretches of `length` decisions; what is left over is not used.

        Args:
            task: Whose simulator explains them.
            runs: What was seen.
            length: L.
            most: Keep about so many stretches, evenly chosen; None keeps all.
        """
        self.task = task
        # Noise moves nothing; it is seen in the size of what is left.
        self.free = np.array([p for p in range(len(task.space.names)) if p != NOISE])
        self.names = tuple(task.space.names[at] for at in self.free)
        size = len(self.free)
        self.low, self.high = np.zeros(size), np.ones(size)
        self.initial = task.space.to_unit(task.space.nominal)[self.free]
        self.prior_std = np.full(size, PRIOR_STD)
        self._units = np.array(task.noise)[[*range(task.joints)] * 2]
        self._units[task.joints :] *= VELOCITY_NOISE
        self._cut(runs, length, most)
        self._first = np.array([run.sensed[0, : task.joints] for run in runs])
        stretch = np.repeat(np.arange(len(self._start)), length * 2 * task.joints)
        resets = len(self._start) + np.repeat(np.arange(len(runs)), task.joints)
        self.segments = np.concatenate([stretch, resets])
        sensors = np.tile(np.arange(2 * task.joints), len(self._start) * length)
        self.channels = np.concatenate([sensors, np.full(len(resets), -1)])
        self.is_reset = self.channels < 0

    def residuals(self, theta: Floats) -> Floats:
        """Simulated less sensed, each in units of its sensor's noise [N, R]."""
        count = len(theta)
        parameters = self._parameters(theta)
        bias = parameters[:, None, len(COMMON) :]
        noise, units = np.array(self.task.noise), self._units
        replays = (self._replay(parameters, self._start) - self._sensed) / units
        spread = np.sqrt(np.square(self.task.spread) / 3 + noise**2)
        resets = (np.array(self.task.home) + bias - self._first) / spread
        return np.concatenate([replays.reshape(count, -1), resets.reshape(count, -1)], axis=1)

    def echo(self, theta: Floats, rng: np.random.Generator) -> Floats:
        """What nominal noise alone makes of the residuals [R] at `theta` [P], by simulation."""
        parameters = self._parameters(theta[None])
        start, sensed = (rng.standard_normal(of.shape) for of in (self._start, self._sensed))
        moved = self._replay(parameters, self._start + self._units * start)
        replays = (moved - self._replay(parameters, self._start)) / self._units - sensed
        resets = rng.standard_normal(int(self.is_reset.sum()))
        return np.concatenate([replays.ravel(), resets])

    def _parameters(self, theta: Floats) -> Floats:
        unit = np.full((len(theta), len(self.task.space.names)), 0.5)
        unit[:, self.free] = theta
        return self.task.space.from_unit(unit)

    def _cut(self, runs: Sequence[Run], length: int, most: int | None) -> None:
        kept = 4  # decisions before a stretch: more than the longest delay
        starts, sensed, actions, sent = [], [], [], []
        for run in runs:
            rest = np.zeros((kept, run.actions.shape[1]))
            before = np.concatenate([rest, run.actions])
            for at in range(0, len(run.actions) - length + 1, length):
                starts.append(run.sensed[at])
                sensed.append(run.sensed[at + 1 : at + 1 + length])
                actions.append(run.actions[at : at + length])
                sent.append(before[at : at + kept])
        kept_ones = slice(None, None, 1 if most is None else -(-len(starts) // most))
        self._start = np.array(starts)[kept_ones]  # [S, 2 Q]
        self._sensed = np.array(sensed)[kept_ones]  # [S, L, 2 Q]
        self._actions = np.array(actions)[kept_ones]  # [S, L, A]
        self._sent = np.array(sent)[kept_ones]  # [S, 4, A]

    def _replay(self, parameters: Floats, start: Floats) -> Floats:
        """What the sensors would say in every stretch from sensed starts [N, S, L, 2 Q]."""
        count, stretches, joints = len(parameters), len(self._start), self.task.joints
        rows = np.repeat(parameters, stretches, axis=0)
        plant = Plant(self.task, MujocoEngine(self.task, rows), rows)
        start = np.tile(start, (count, 1))
        true = start[:, :joints] - rows[:, len(COMMON) :]
        plant.begin(true, start[:, joints:], np.tile(self._sent, (count, 1, 1)))
        seen = []
        for at in range(self._actions.shape[1]):
            plant.step(np.tile(self._actions[:, at], (count, 1)))
            seen.append(plant.sense(None))
        return np.stack(seen, axis=1).reshape(count, stretches, -1, 2 * joints)


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
