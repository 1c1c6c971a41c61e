"""Small environments for tests of the training loop."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces


class GoalPoint(gym.Env[Any, np.ndarray]):
    """A point on a line that must reach a goal; the interface of Gymnasium-Robotics."""

    def __init__(self) -> None:
        """Positions and goals in [-1, 1], steps of at most 0.2."""
        box = spaces.Box(-2.0, 2.0, (1,), np.float32)
        self.observation_space = spaces.Dict(
            {"observation": box, "achieved_goal": box, "desired_goal": box}
        )
        self.action_space = spaces.Box(-1.0, 1.0, (1,), np.float32)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Draw a position and a goal."""
        super().reset(seed=seed)
        self._at, self._goal = self.np_random.uniform(-1, 1, (2, 1)).astype(np.float32)
        return self._observe(), {"is_success": False}

    def step(
        self, action: np.ndarray
    ) -> tuple[dict[str, np.ndarray], float, bool, bool, dict[str, Any]]:
        """Move, with noise from the environment's own generator."""
        noise = self.np_random.normal(0, 0.01, 1)
        self._at = np.clip(self._at + 0.2 * np.asarray(action) + noise, -2, 2).astype(np.float32)
        reward = float(self.compute_reward(self._at, self._goal, {}))
        return self._observe(), reward, False, False, {"is_success": reward > -0.05}

    def compute_reward(self, achieved: np.ndarray, goal: np.ndarray, info: Any) -> np.ndarray:
        """Minus the distance [...] between achieved and goal [..., 1]."""
        return -np.abs(np.asarray(achieved) - goal)[..., 0]

    def _observe(self) -> dict[str, np.ndarray]:
        return {
            "observation": self._at.copy(),
            "achieved_goal": self._at.copy(),
            "desired_goal": self._goal.copy(),
        }


GOAL_POINT = "tests/GoalPoint-v0"


def register() -> None:
    """Register the environments of this module; once is enough."""
    if GOAL_POINT not in gym.registry:
        gym.register(GOAL_POINT, f"{__name__}:GoalPoint", max_episode_steps=7)
