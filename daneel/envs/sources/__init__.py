"""Where environments come from: one module per source, imported on the first use of its ids.

A source module offers the functions of `Source`. Third-party packages are imported at its top, so
that the registry can name the missing extra.
"""

from typing import Any, Protocol, cast

import gymnasium as gym

from daneel.registry import Entry, Registry


class Source(Protocol):
    """What a source module offers."""

    def ids(self) -> list[str]:
        """Return the ids of the source without making an environment."""
        ...

    def build(
        self, env_id: str, max_steps: int | None, pixels: bool, kwargs: dict[str, Any]
    ) -> gym.Env:
        """Make the native environment `env_id`.

        Every source of randomness follows `reset(seed=...)`, so that the seed and the actions
        determine the episode whatever happened before it.

        Args:
            env_id: One of `ids()`.
            max_steps: Time limit in environment steps; None keeps the source's own.
            pixels: Whether `render()` will be called.
            kwargs: Further arguments of the constructor.
        """
        ...

    def success_key(self, env_id: str) -> str | None:
        """Return the entry of the native `info` that says whether the task is done, if any."""
        ...


SOURCES = Registry(
    "env source",
    Entry("gymnasium", "daneel.envs.sources.core", "MuJoCo v5, classic control, Box2D, toy text"),
    Entry("dm_control", "daneel.envs.sources.dm_control", "DeepMind Control Source through shimmy"),
    Entry("Meta-World", "daneel.envs.sources.meta_world", "50 tasks of a Sawyer arm", "suites"),
    Entry("robotics", "daneel.envs.sources.robotics", "Fetch, Shadow hand, Adroit", "suites"),
    Entry("panda", "daneel.envs.sources.panda", "Franka Panda arm in PyBullet", "suites"),
    Entry("twins", "daneel.envs.sources.twins", "tasks in MuJoCo, and their twins in PyBullet"),
)

_PREFIXES = {
    "dm_control/": "dm_control",
    "Meta-World/": "Meta-World",
    "Panda": "panda",
    "Fetch": "robotics",
    "Hand": "robotics",
    "Adroit": "robotics",
    "FrankaKitchen": "robotics",
    "PointMaze": "robotics",
    "AntMaze": "robotics",
    "Twin/": "twins",
}


def source_name(env_id: str) -> str:
    """Return the name in `SOURCES` of the source that owns `env_id`.

    Whatever has no known prefix belongs to "gymnasium", which knows all registered environments.
    """
    for prefix, name in _PREFIXES.items():
        if env_id.startswith(prefix):
            return name
    return "gymnasium"


def load_source(name: str) -> Source:
    """Import the source called `name`.

    Raises:
        UnknownNameError: There is no such source.
        MissingExtraError: Its package is not installed; the message names the extra.
    """
    return cast(Source, SOURCES.load(name))
