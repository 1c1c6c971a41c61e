"""The source simulator as a Gymnasium environment: MuJoCo, parameters as you like."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gymnasium as gym
import numpy as np

from daneel.envs.twins.episode import Episode, Observation, action_space, observation_space
from daneel.envs.twins.mujoco_engine import MujocoEngine
from daneel.envs.twins.parameters import Floats
from daneel.envs.twins.task import Task
from daneel.envs.twins.tasks import load_task
from daneel.errors import unknown_name


class SourceTwin(gym.Env[dict[str, Any], np.ndarray]):
    """One task in the engine to train in."""

    def __init__(
        self,
        task: str,
        parameters: Mapping[str, float] | None = None,
        decisions: int | None = None,
    ) -> None:
        """Makes the task called `task`.

        Args:
            task: Its name.
            parameters: Values by name; those left out are nominal.
            decisions: Time limit; None keeps the task's own.

        Raises:
            UnknownNameError: There is no such task, or no such parameter.
        """
        spec = load_task(task)
        values = parameter_row(spec, parameters or {})[None]
        self._episode = Episode(spec, MujocoEngine(spec, values), values, decisions)
        self.observation_space, self.action_space = observation_space(spec), action_space(spec)
        self.metadata = {"render_modes": [], "render_fps": 1 / spec.decision_seconds}

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Begins an episode."""
        super().reset(seed=seed)
        return self._episode.reset(self.np_random), {}

    def step(self, action: np.ndarray) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """Takes one decision."""
        step = self._episode.step(action)
        return step.observation, step.reward, False, step.over, {"is_success": step.success}

    def close(self) -> None:
        """Gives the engine back."""
        self._episode.close()


def parameter_row(task: Task, values: Mapping[str, float]) -> Floats:
    """The nominal parameters [P] with some values replaced.

    Raises:
        UnknownNameError: A name is not a parameter of the task.
    """
    row, names = task.space.nominal.copy(), task.space.names
    for name, value in values.items():
        if name not in names:
            raise unknown_name("parameter", name, names, "Leave it out for its nominal value.")
        row[names.index(name)] = value
    return row
