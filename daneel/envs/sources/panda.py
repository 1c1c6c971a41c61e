"""panda-gym: goal tasks of a Franka Panda arm in PyBullet.

What is mended here, with panda-gym 3.0.7 and PyBullet 3.2.7:

- PyBullet keeps contact points across panda-gym's reset (and across its own `restoreState`), so
  that in tasks with an object an episode depends on the one before. Here each reset first moves
  the objects apart, so that every contact is forgotten, and then restores the first state.
- An unseeded `reset()` seeds from the operating system; here it continues the generator of the
  last seed.
- PandaFlip cannot be made at all (see `panda_flip`).
- PyBullet prints to standard output when it connects; that is kept off the terminal.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import gymnasium as gym
from gymnasium.envs.registration import EnvSpec

from daneel.envs.sources.core import gym_make


@contextmanager
def _quiet() -> Iterator[None]:
    """Send what compiled code prints to the standard streams nowhere."""
    streams = (sys.stdout, sys.stderr)
    for stream in streams:
        stream.flush()
    saved = [os.dup(number) for number in (1, 2)]
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)
        yield
    finally:
        for number, copy in zip((1, 2), saved, strict=True):
            os.dup2(copy, number)
            os.close(copy)
        os.close(nowhere)


with _quiet():  # PyBullet says when it was built
    import panda_gym
    from panda_gym.envs.core import PyBulletRobot
    from panda_gym.pybullet import PyBullet

_FIXED = ("panda", "plane", "table")


def ids() -> list[str]:
    """Return every panda-gym id."""
    return list(panda_gym.ENV_IDS)


def build(env_id: str, max_steps: int | None, pixels: bool, kwargs: dict[str, Any]) -> gym.Env:
    """Make an environment."""
    with _quiet():
        return _Seeded(gym_make(_mended(env_id), max_steps, kwargs))


def success_key(env_id: str) -> str | None:
    """Return "is_success"."""
    return "is_success"


def _mended(env_id: str) -> Any:
    """Return what `gymnasium.make` takes for `env_id`: the id, or our own spec for PandaFlip."""
    spec = gym.registry.get(env_id)
    if spec is None or not env_id.startswith("PandaFlip"):
        return env_id
    return EnvSpec(
        id=spec.id,
        entry_point="daneel.envs.sources.panda_flip:SeededFlipEnv",
        max_episode_steps=spec.max_episode_steps,
        kwargs=dict(spec.kwargs),
    )


class _Seeded(gym.Wrapper):
    def __init__(self, env: gym.Env) -> None:
        super().__init__(env)
        self._simulation: PyBullet = env.get_wrapper_attr("sim")
        self._robot: PyBulletRobot = env.get_wrapper_attr("robot")
        client = self._simulation.physics_client
        client.setPhysicsEngineParameter(deterministicOverlappingPairs=1)
        self._first_state = client.saveState()

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        if seed is None:
            seed = int(self.np_random.integers(2**31))
        self._forget_contacts()
        self._simulation.physics_client.restoreState(stateId=self._first_state)
        return self.env.reset(seed=seed, options=options)

    def _forget_contacts(self) -> None:
        simulation, client = self._simulation, self._simulation.physics_client
        self._robot.reset()
        for index, (name, body) in enumerate(simulation._bodies_idx.items()):
            if name not in _FIXED:
                client.resetBasePositionAndOrientation(
                    body, [100.0 + 10.0 * index, 0, 50], [0, 0, 0, 1]
                )
        client.performCollisionDetection()
