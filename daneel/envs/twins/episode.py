"""One copy of a task, decision by decision: what both Gymnasium environments run."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from gymnasium import spaces

from daneel.envs.twins.parameters import Floats
from daneel.envs.twins.plant import Engine, Plant
from daneel.envs.twins.task import Task

Observation = dict[str, np.ndarray]


@dataclass(frozen=True)
class Step:
    """What came of one decision."""

    observation: Observation
    """What the sensors say."""
    reward: float
    """1 in the middle of the goal, 1 / 2 at its edge, towards 0 far off."""
    success: bool
    """Whether the goal has been held for as long as the task asks."""
    over: bool
    """Whether the time is up."""


class Episode:
    """Runs episodes in an engine with one copy."""

    def __init__(
        self, task: Task, engine: Engine, parameters: Floats, decisions: int | None = None
    ) -> None:
        """Takes an engine with `parameters` [1, P]; `decisions` replaces the task's time limit."""
        self._task, self._plant = task, Plant(task, engine, parameters)
        self._limit = decisions or task.decisions
        self._rng = np.random.default_rng(0)

    def reset(self, rng: np.random.Generator) -> Observation:
        """Begins an episode; start, goal and noise come from `rng`."""
        self._rng = rng
        start = self._task.draw_start(rng, 1)
        self._goals = self._task.draw_goal(rng, 1)
        self._plant.begin(start, np.zeros_like(start))
        self._done = self._held = 0
        return self._observe()

    def step(self, action: Floats) -> Step:
        """Takes one decision with `action` [A]."""
        self._plant.step(np.asarray(action, float)[None])
        self._done += 1
        far = float(self._plant.distance(self._goals)[0])
        self._held = self._held + 1 if far < 1 else 0
        success = self._held >= self._task.hold
        return Step(self._observe(), 1 / (1 + far**2), success, self._done >= self._limit)

    def close(self) -> None:
        """Gives back what the engine holds."""
        self._plant.close()

    def _observe(self) -> Observation:
        seen = {"state": self._plant.sense(self._rng)[0].astype(np.float32)}
        if self._goals.shape[1]:
            seen["goal"] = self._goals[0].astype(np.float32)
        return seen


def observation_space(task: Task) -> spaces.Dict:
    """Positions, then velocities, as "state" float32 [2 Q]; "goal" [G] where there is one."""
    boxes: dict[str, spaces.Space] = {
        "state": spaces.Box(-np.inf, np.inf, (2 * task.joints,), np.float32)
    }
    if task.goal_low:
        low, high = np.array(task.goal_low, np.float32), np.array(task.goal_high, np.float32)
        boxes["goal"] = spaces.Box(low, high, dtype=np.float32)
    return spaces.Dict(boxes)


def action_space(task: Task) -> spaces.Box:
    """Shares of the greatest force of each actuator, -1 to 1 [A]."""
    return spaces.Box(-1.0, 1.0, (task.actuators,), np.float32)
