"""panda-gym: goal tasks of a Franka Panda arm in PyBullet.

What is mended here, with panda-gym 3.0.7: an unseeded `reset()` seeds from the operating system
upstream, here it continues the generator of the last seed; PandaFlip (see `panda_flip`).
"""

from typing import Any

import gymnasium as gym
import panda_gym

from daneel.envs.suites.core import gym_make


def ids() -> list[str]:
    """Return every panda-gym id."""
    return list(panda_gym.ENV_IDS)


def build(env_id: str, max_steps: int | None, pixels: bool, kwargs: dict[str, Any]) -> gym.Env:
    """Make an environment."""
    return _Seeded(gym_make(env_id, max_steps, kwargs))


def success_key(env_id: str) -> str | None:
    """Return "is_success"."""
    return "is_success"


class _Seeded(gym.Wrapper):
    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None):
        if seed is None:
            seed = int(self.env.unwrapped.np_random.integers(2**31))
        return self.env.reset(seed=seed, options=options)
