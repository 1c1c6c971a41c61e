"""Meta-World: `Meta-World/<task>-v3` is what Meta-World calls MT1 with `env_name="<task>-v3"`.

What is mended here, with metaworld 3.1.1:

- `reset(seed=...)` is ignored upstream and MT1 draws 50 goals from NumPy's global generator. Here
  each episode draws its start and goal from the task's whole range by the seed of the reset.
- MT1 declares goals to be 0 in its observation space; here the space has the goal's true bounds.
- Only observations of steps are clipped to the space upstream; here the first one is as well.
"""

from typing import Any

import gymnasium as gym
import numpy as np
from metaworld.env_dict import ALL_V3_ENVIRONMENTS
from metaworld.sawyer_xyz_env import SawyerXYZEnv

from daneel.errors import unknown_name

_PREFIX = "Meta-World/"


def ids() -> list[str]:
    """Return the 50 tasks."""
    return [_PREFIX + task for task in ALL_V3_ENVIRONMENTS]


def build(env_id: str, max_steps: int | None, pixels: bool, kwargs: dict[str, Any]) -> gym.Env:
    """Make a task with the goal in the observation; its own time limit is 500 steps."""
    task = env_id.removeprefix(_PREFIX)
    if task not in ALL_V3_ENVIRONMENTS:
        raise unknown_name("env", env_id, ids(), "Type `daneel list envs Meta-World`.")
    return _SeededTask(ALL_V3_ENVIRONMENTS[task](**kwargs), max_steps)


def success_key(env_id: str) -> str | None:
    """Return "success"."""
    return "success"


class _SeededTask(gym.Wrapper):
    def __init__(self, task: SawyerXYZEnv, max_steps: int | None) -> None:
        super().__init__(task)
        self._task = task
        task._set_task_called = True  # what set_task() does, without a fixed goal
        task._partially_observable = False
        task._freeze_rand_vec = False
        task.seeded_rand_vec = True
        vars(task).pop("sawyer_observation_space", None)  # cached with the goal hidden
        self.observation_space = task.sawyer_observation_space
        if max_steps is not None:
            task.max_path_length = max_steps

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        if seed is not None:
            self._task.seed(seed)
        observation, info = self.env.reset(options=options)
        space = self._task.sawyer_observation_space
        return np.clip(observation, space.low, space.high), info
