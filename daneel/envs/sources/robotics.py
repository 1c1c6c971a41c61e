"""Gymnasium-Robotics: Fetch, Shadow hand, Adroit hand, Franka kitchen and mazes."""

import contextlib
import io
from typing import Any

import gymnasium as gym

from daneel.envs.sources.core import gym_make

with contextlib.redirect_stderr(io.StringIO()):  # a notice about old versions at every import
    import gymnasium_robotics

gym.register_envs(gymnasium_robotics)

_PREFIXES = ("Fetch", "Hand", "Adroit", "FrankaKitchen", "PointMaze", "AntMaze")
_MUJOCO_PY = "MujocoPy"  # entry points of versions whose simulator is no longer maintained


def ids() -> list[str]:
    """Return the ids that run on the maintained MuJoCo bindings."""
    return [
        env_id
        for env_id, spec in gym.registry.items()
        if env_id.startswith(_PREFIXES) and _MUJOCO_PY not in str(spec.entry_point)
    ]


def build(env_id: str, max_steps: int | None, pixels: bool, kwargs: dict[str, Any]) -> gym.Env:
    """Make an environment; the kitchen also gets `info["success"]`."""
    env = gym_make(env_id, max_steps, kwargs)
    return _KitchenSuccess(env) if env_id.startswith("FrankaKitchen") else env


def success_key(env_id: str) -> str | None:
    """Return "is_success" for Fetch and Shadow hand, "success" for the others."""
    return "is_success" if env_id.startswith(("Fetch", "Hand")) else "success"


class _KitchenSuccess(gym.Wrapper):
    """Success is that every task asked for was completed at some time in the episode."""

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        observation, reward, terminated, truncated, info = self.env.step(action)
        done = set(info["episode_task_completions"])
        info["success"] = done >= set(self.env.get_wrapper_attr("goal"))
        return observation, reward, terminated, truncated, info
