"""Which parameters explain a history: robust Gauss-Newton over short replays in the simulator.

A history is cut into stretches of a few decisions. Each is replayed in the source simulator from
the state that the sensors showed at its beginning, with the commands that were sent (multiple
shooting, Bock and Plitt 1984, with the starts measured instead of solved for). The first state of
an episode is known up to the spread of resets, which is what makes the bias of a sensor visible.

Parameters live in units of their prior's range, 0 to 1. Residuals are divided by a scale for each
sensor, the larger of its noise and of what the simulator cannot explain (it is another engine),
and weighted by Huber's function. The posterior is normal around the best (Laplace).

Legend: N candidates, S stretches, L decisions in a stretch, Q joints, P parameters, U of them
inferred, R residuals.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

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
DAMPINGS = (0.0, 0.1, 1.0, 10.0)
"""Levenberg-Marquardt's factors; all are tried at once."""


@dataclass(frozen=True)
class InferenceConfig:
    """How much to search."""

    stretch: int = 8
    """L."""
    iterations: int = 6
    """Gauss-Newton steps."""
    step: float = 0.2
    """Of the finite differences, in tenths of a parameter's range: contacts are not smooth."""


@dataclass(frozen=True)
class Posterior:
    """What is known of the parameters after a history."""

    mean: Floats
    """In units of the prior's range [P]; the noise stays in the middle."""
    root: Floats
    """Times standard normal numbers [U], the spread of the inferred ones [U, U]."""
    free: NDArray[np.int64]
    """Which parameters were inferred [U]."""
    task: Task
    """Whose parameters."""

    def draw(self, rng: np.random.Generator, count: int) -> Floats:
        """Parameters [count, P]; what is not inferred comes from the prior."""
        unit = rng.random((count, len(self.mean)))
        normal = rng.standard_normal((count, len(self.free)))
        unit[:, self.free] = self.mean[self.free] + normal @ self.root.T
        return self.task.space.from_unit(unit)

    @property
    def values(self) -> dict[str, float]:
        """The best value of each parameter that was inferred."""
        best = self.task.space.from_unit(self.mean)
        return {self.task.space.names[at]: float(best[at]) for at in self.free}

    @property
    def deviations(self) -> dict[str, float]:
        """Standard deviations of the same, in units of the prior's range."""
        deviations = np.sqrt((self.root**2).sum(axis=1))
        names = [self.task.space.names[at] for at in self.free]
        return dict(zip(names, map(float, deviations), strict=True))


class HistoryProblem:
    """A history as a calibration problem: parameters in [0, 1], residuals of all its stretches."""

    def __init__(self, task: Task, runs: Sequence[Run], length: int) -> None:
        """Cuts `runs` into stretches of `length` decisions; what is left over is not used."""
        self._task = task
        unused = (NOISE,)  # of a sensor: it moves nothing, and is seen in the scales
        self.free = np.array([p for p in range(len(task.space.names)) if p not in unused])
        self.names = tuple(task.space.names[at] for at in self.free)
        size = len(self.free)
        self.low, self.high = np.zeros(size), np.ones(size)
        self.initial = task.space.to_unit(task.space.nominal)[self.free]
        self.prior_std = np.full(size, PRIOR_STD)
        self._cut(runs, length)
        self._first = np.array([run.sensed[0, : task.joints] for run in runs])
        stretch = np.repeat(np.arange(len(self._start)), length * 2 * task.joints)
        resets = len(self._start) + np.repeat(np.arange(len(runs)), task.joints)
        self.segments = np.concatenate([stretch, resets])
        self.channels = np.concatenate(
            [
                np.tile(np.arange(2 * task.joints), len(self._start) * length),
                np.tile(2 * task.joints + np.arange(task.joints), len(runs)),
            ]
        )

    def residuals(self, theta: Floats) -> Floats:
        """Simulated less sensed, each in units of its sensor's noise [N, R]."""
        count, joints = len(theta), self._task.joints
        parameters = self._parameters(theta)
        bias = parameters[:, None, len(COMMON) :]
        noise = np.array(self._task.noise)
        units = np.concatenate([noise, VELOCITY_NOISE * noise])
        replays = (self._replay(parameters) - self._sensed) / units
        spread = np.sqrt(np.square(self._task.spread) / 3 + noise**2)
        resets = (np.array(self._task.home) + bias - self._first) / spread
        found = np.concatenate([replays.reshape(count, -1), resets.reshape(count, -1)], axis=1)
        assert found.shape[1] == len(self.channels) and joints == len(noise)
        return found

    def _parameters(self, theta: Floats) -> Floats:
        unit = np.full((len(theta), len(self._task.space.names)), 0.5)
        unit[:, self.free] = theta
        return self._task.space.from_unit(unit)

    def _cut(self, runs: Sequence[Run], length: int) -> None:
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
        self._start, self._sensed = np.array(starts), np.array(sensed)  # [S, 2 Q], [S, L, 2 Q]
        self._actions, self._sent = np.array(actions), np.array(sent)  # [S, L, A], [S, 4, A]

    def _replay(self, parameters: Floats) -> Floats:
        """What the sensors would say in every stretch [N, S, L, 2 Q]."""
        count, stretches, joints = len(parameters), len(self._start), self._task.joints
        rows = np.repeat(parameters, stretches, axis=0)
        plant = Plant(self._task, MujocoEngine(self._task, rows), rows)
        start = np.tile(self._start, (count, 1))
        true = start[:, :joints] - rows[:, len(COMMON) :]
        plant.begin(true, start[:, joints:], np.tile(self._sent, (count, 1, 1)))
        seen = []
        for at in range(self._actions.shape[1]):
            plant.step(np.tile(self._actions[:, at], (count, 1)))
            seen.append(plant.sense(None))
        return np.stack(seen, axis=1).reshape(count, stretches, -1, 2 * joints)


def infer(task: Task, runs: Sequence[Run], config: InferenceConfig | None = None) -> Posterior:
    """The posterior of a task's parameters after a history.

    Args:
        task: Whose simulator explains it.
        runs: What was seen; at least one run is as long as a stretch.
        config: How much to search.
    """
    config = config or InferenceConfig()
    longest = max(len(run.actions) for run in runs)
    problem = HistoryProblem(task, runs, min(config.stretch, longest))
    theta = problem.initial
    for _ in range(config.iterations):
        residuals = problem.residuals(theta[None])[0]
        slopes = jacobian(problem, theta, residuals, config.step)
        scale = _scales(problem, residuals)
        tried = _steps(problem, theta, residuals / scale, slopes / scale[:, None])
        costs = _costs(problem, tried, scale)
        best = int(np.argmin(costs))
        moved = float(np.abs(tried[best] - theta).max())
        theta = tried[best]
        if moved < 0.003:
            break
    return _laplace(problem, theta, config, task)


def _laplace(
    problem: HistoryProblem, theta: Floats, config: InferenceConfig, task: Task
) -> Posterior:
    residuals = problem.residuals(theta[None])[0]
    scale = _scales(problem, residuals)
    slopes = jacobian(problem, theta, residuals, config.step) / scale[:, None]
    weights = _weights(residuals / scale) / CORRELATED
    precision = slopes.T @ (weights[:, None] * slopes) + np.eye(len(theta)) / PRIOR_STD**2
    mean = np.full(len(task.space.names), 0.5)
    mean[problem.free] = theta
    return Posterior(mean, np.linalg.cholesky(np.linalg.inv(precision)), problem.free, task)


def _scales(problem: HistoryProblem, residuals: Floats) -> Floats:
    """The scale of every residual [R]: of its sensor, at least the noise."""
    scales = np.ones_like(residuals)
    for channel in np.unique(problem.channels):
        members = problem.channels == channel
        typical = 1.48 * np.median(np.abs(residuals[members]))
        scales[members] = max(1.0, float(np.nan_to_num(typical, nan=1.0)))
    return scales


def _weights(standard: Floats) -> Floats:
    """Huber's weights; what could not be simulated has none."""
    size = np.abs(standard)
    return np.where(np.isfinite(size), np.minimum(1.0, HUBER / np.maximum(size, 1e-9)), 0.0)


def _steps(problem: HistoryProblem, theta: Floats, standard: Floats, slopes: Floats) -> Floats:
    """Candidates [1 + D, U]: staying, and a step for each damping."""
    weights = _weights(standard) / CORRELATED
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
    huber = np.where(size < HUBER, 0.5 * size**2, HUBER * (size - 0.5 * HUBER))
    prior = 0.5 * np.square((theta - problem.initial) / PRIOR_STD).sum(axis=1)
    return huber.sum(axis=1) / CORRELATED + prior
