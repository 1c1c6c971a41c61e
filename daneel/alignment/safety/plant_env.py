"""A plant as a Gymnasium environment, with a reward and a rule of what is safe."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from daneel.alignment.safety.plants import Array, DoubleIntegrator, Plant


@dataclass(frozen=True)
class Task:
    """What is to be done with a plant, and what must not happen."""

    plant: Plant
    """The dynamics."""
    begin: Callable[[np.random.Generator], tuple[Array, Array]]
    """Draws a first state `[S]` and a goal `[G]`."""
    reward: Callable[[Array, Array, Array], float]
    """Of (state, next state, goal)."""
    unsafe: Callable[[Array], NDArray[np.bool_]]
    """Which of states `[N, S]` must not be, bool `[N]`."""
    steps: int = 200
    """Decisions in an episode."""
    between: int = 4
    """States looked at between two decisions, where the plant moves in between."""


class PlantEnv(gym.Env[Any, Any]):
    """Observes [state, goal]; an unsafe state is reported, not punished and not the end.

    `info["unsafe"]` says whether the way to this state touched anything unsafe: the states between
    two decisions are looked at too (a shorter step of the same plant, where it has one).
    """

    def __init__(self, task: Task) -> None:
        """Make the spaces."""
        self.task, self.state, self.goal = task, np.zeros(0), np.zeros(0)
        state, goal = task.begin(np.random.default_rng(0))
        size = len(state) + len(goal)
        self.observation_space = spaces.Box(-np.inf, np.inf, (size,), np.float32)
        low, high = (e.astype(np.float32) for e in (task.plant.action_low, task.plant.action_high))
        self.action_space = spaces.Box(low, high, dtype=np.float32)
        self._step = 0

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.float32], dict[str, Any]]:
        """Draw a state and a goal."""
        super().reset(seed=seed)
        self.state, self.goal = self.task.begin(self.np_random)
        self._step = 0
        return self._observe(), {"unsafe": bool(self.task.unsafe(self.state[None])[0])}

    def step(self, action: Array) -> tuple[NDArray[np.float32], float, bool, bool, dict[str, Any]]:
        """Move; actions beyond the bounds are cut."""
        plant, before = self.task.plant, self.state
        cut = np.clip(np.asarray(action, np.float64), plant.action_low, plant.action_high)
        self.state = plant.step(before[None], cut[None])[0]
        self._step += 1
        unsafe = bool(self.task.unsafe(self._way(before, cut)).any())
        reward = self.task.reward(before, self.state, self.goal)
        return self._observe(), reward, False, self._step >= self.task.steps, {"unsafe": unsafe}

    def _way(self, before: Array, action: Array) -> Array:
        """States on the way `[N, S]`, the last one included."""
        if not isinstance(self.task.plant, DoubleIntegrator):
            return self.state[None]
        parts = self.task.between + 1
        plant = replace(self.task.plant, dt=self.task.plant.dt / parts)
        states = [before[None]]
        for _ in range(parts):
            states.append(plant.step(states[-1], action[None]))
        return np.concatenate([*states[1:-1], self.state[None]])

    def _observe(self) -> NDArray[np.float32]:
        return np.concatenate([self.state, self.goal]).astype(np.float32)
