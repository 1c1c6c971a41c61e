"""DeepMind Control Suite through shimmy's compatibility layer.

What is mended here, with dm_control 1.0.28 and shimmy 2.0.1:

- Tasks whose model is drawn at construction (`lqr`) get a fixed generator: otherwise two instances
  of one id are different tasks.
- shimmy reports `control_timestep * 1000` as frames per second, on the class; the true rate is
  put on the instance.
- shimmy's `info` holds dm_env enums, of no use to an agent and slow to batch; it is left out.

Four locomotion tasks (CmuHumanoidMazeForage, CmuHumanoidHeterogeneousForage, RodentMazeForage,
RodentTwoTouch) do not follow their seed upstream and are left so: runs on them cannot be repeated.

A time limit of the suite ends an episode with discount 1, which shimmy reports as truncation.
"""

from typing import Any

import gymnasium as gym

from daneel.envs.rendering import choose_backend
from daneel.envs.sources.core import gym_make

choose_backend()  # dm_control picks its OpenGL library at import, and GLFW without a display fails

from shimmy.utils import envs_configs  # noqa: E402

_SUITE_IDS = {
    f"dm_control/{domain}-{task}-v0" for domain, task in envs_configs.DM_CONTROL_SUITE_ENVS
}


def ids() -> list[str]:
    """Return the ids of the control suite, and of dm_control's locomotion and manipulation."""
    return [i for i in gym.registry if i.startswith("dm_control/") and "compatibility" not in i]


def build(env_id: str, max_steps: int | None, pixels: bool, kwargs: dict[str, Any]) -> gym.Env:
    """Make a dm_control task.

    In the locomotion and manipulation tasks `max_steps` can only shorten the native time limit.
    """
    if env_id in _SUITE_IDS:
        task_kwargs: dict[str, Any] = {"random": 0}
        if max_steps is not None:
            task_kwargs["time_limit"] = float("inf")
        kwargs = {**kwargs, "task_kwargs": {**task_kwargs, **kwargs.get("task_kwargs", {})}}
    return _Mended(gym_make(env_id, max_steps, kwargs))


def success_key(env_id: str) -> str | None:
    """Return None: dm_control has rewards only."""
    return None


class _Mended(gym.Wrapper):
    def __init__(self, env: gym.Env) -> None:
        super().__init__(env)
        self.metadata = {**env.metadata, "render_fps": 1.0 / env.get_wrapper_attr("dt")}

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        return self.env.reset(seed=seed, options=options)[0], {}

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        return *self.env.step(action)[:4], {}
