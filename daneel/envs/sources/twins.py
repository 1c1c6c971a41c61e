"""Twins: `Twin/TASK-v0` in MuJoCo, `Twin/TASKDeployed-v0` in PyBullet with hidden parameters."""

from __future__ import annotations

from typing import Any

import gymnasium as gym

from daneel.envs.sources.core import refused_arguments
from daneel.envs.twins.deployed import DeployedTwin
from daneel.envs.twins.source import SourceTwin
from daneel.envs.twins.tasks import TASKS

_PREFIX, _DEPLOYED, _VERSION = "Twin/", "Deployed", "-v0"


def ids() -> list[str]:
    """Return both ids of every task."""
    return [
        f"{_PREFIX}{name}{form}{_VERSION}" for name in TASKS.names() for form in ("", _DEPLOYED)
    ]


def build(env_id: str, max_steps: int | None, pixels: bool, kwargs: dict[str, Any]) -> gym.Env:
    """Make a task in the engine that its id says.

    The environment is made without a Gymnasium spec, which would show a twin's seed.

    Raises:
        ConfigError: The constructor refuses `kwargs`.
    """
    if env_id not in ids():
        raise gym.error.NameNotFound(f"There is no {env_id}.")
    name = env_id.removeprefix(_PREFIX).removesuffix(_VERSION)
    try:
        if name.endswith(_DEPLOYED):
            return DeployedTwin(name.removesuffix(_DEPLOYED), decisions=max_steps, **kwargs)
        return SourceTwin(name, decisions=max_steps, **kwargs)
    except TypeError as error:
        raise refused_arguments(env_id, kwargs, error) from error


def success_key(env_id: str) -> str | None:
    """Return "is_success": the goal is held, as it must be at the end of the episode."""
    return "is_success"
