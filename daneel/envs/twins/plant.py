"""What lies between a policy and the physics, the same for both engines: delay, gain, sensors.

A decision is an action in [-1, 1]^A. It reaches the actuators after the delay, weakened or
strengthened by the gain. Sensors give positions with bias and noise, and velocities with noise.

Legend: N copies, K steps of a decision, Q joints, A actuators, P parameters, G numbers of a goal.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

from daneel.envs.twins.parameters import COMMON, DELAY, GAIN, NOISE, Floats
from daneel.envs.twins.task import Task

VELOCITY_NOISE = 10.0
"""Noise of a velocity per noise of its position, 1 / s."""


class Engine(Protocol):
    """Physics of N copies."""

    @property
    def positions(self) -> Floats:
        """True positions [N, Q]."""
        ...

    @property
    def velocities(self) -> Floats:
        """True velocities [N, Q]."""
        ...

    def put(self, positions: Floats, velocities: Floats) -> None:
        """Moves every copy to a state [N, Q]."""
        ...

    def advance(self, forces: Floats) -> None:
        """Runs K steps under `forces` [N, K, A], as shares of the greatest force."""
        ...

    def close(self) -> None:
        """Gives back what the engine holds."""
        ...


class Plant:
    """N copies of a mechanism with their actuators and sensors."""

    def __init__(self, task: Task, engine: Engine, parameters: Floats) -> None:
        """Puts actuators and sensors with `parameters` [N, P] around an engine that has them."""
        self._task, self._engine = task, engine
        self._gain = parameters[:, GAIN, None, None]
        self._noise = parameters[:, NOISE, None] * np.asarray(task.noise)
        self._bias = parameters[:, len(COMMON) :]
        steps = parameters[:, DELAY] / task.mechanism.step
        whole = np.floor(steps).astype(int)
        self._share = (steps - whole)[:, None, None]  # of the step before, where delays are broken
        self._kept = int(whole.max()) + 1  # steps that are still on their way
        first = self._kept - whole[:, None] + np.arange(task.substeps)  # [N, K]
        self._late, self._later = first[..., None], first[..., None] - 1

    @property
    def positions(self) -> Floats:
        """True positions [N, Q]."""
        return self._engine.positions

    @property
    def velocities(self) -> Floats:
        """True velocities [N, Q]."""
        return self._engine.velocities

    def begin(self, positions: Floats, velocities: Floats, sent: Floats | None = None) -> None:
        """Moves every copy to a state [N, Q].

        Args:
            positions: True positions.
            velocities: True velocities.
            sent: Actions that were taken before [N, D, A], the last one last; none is rest.
        """
        self._engine.put(positions, velocities)
        count, actuators = len(positions), self._task.actuators
        self._line = np.zeros((count, self._kept, actuators))
        if sent is not None and sent.shape[1]:
            steps = np.repeat(sent, self._task.substeps, axis=1)[:, -self._kept :]
            self._line[:, self._kept - steps.shape[1] :] = steps

    def step(self, actions: Floats) -> None:
        """Runs one decision with `actions` [N, A]."""
        held = np.repeat(np.clip(actions, -1, 1)[:, None], self._task.substeps, axis=1)
        line = np.concatenate([self._line, held], axis=1)
        late = np.take_along_axis(line, self._late, axis=1)
        later = np.take_along_axis(line, self._later, axis=1)
        self._engine.advance(self._gain * ((1 - self._share) * late + self._share * later))
        self._line = line[:, -self._kept :]

    def sense(self, rng: np.random.Generator | None) -> Floats:
        """What the sensors say [N, 2 Q]: positions, velocities; without noise where rng is None."""
        positions, velocities = self.positions + self._bias, self.velocities
        if rng is not None:
            noise = rng.standard_normal((2, *positions.shape)) * self._noise
            positions, velocities = positions + noise[0], velocities + VELOCITY_NOISE * noise[1]
        return np.concatenate([positions, velocities], axis=1)

    def distance(self, goals: Floats) -> Floats:
        """How far every copy is from its goal [N]; large where the simulation broke."""
        far = self._task.distance(self.positions, self.velocities, goals)
        return np.where(np.isfinite(far), far, 1e3)

    def close(self) -> None:
        """Gives back what the engine holds."""
        self._engine.close()
