"""A history as a calibration problem: short replays in the source simulator.

A history is cut into stretches of a few decisions. Each is replayed in the source simulator from
the state that the sensors showed at its beginning, with the commands that were sent (multiple
shooting, Bock and Plitt 1984, with the starts measured instead of solved for). The first state of
an episode is known up to the spread of resets, which is what makes the bias of a sensor visible.

Parameters live in units of their prior's range, 0 to 1.

Legend: N candidates, S stretches, L decisions in a stretch, Q joints, P parameters, R residuals.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from daneel.agents.calibration.history import Run
from daneel.envs.twins import MujocoEngine, Plant, Task
from daneel.envs.twins.parameters import COMMON, NOISE, Floats
from daneel.envs.twins.plant import VELOCITY_NOISE

PRIOR_STD = 0.35
"""Of each parameter around the middle of its range, in units of the range."""


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
