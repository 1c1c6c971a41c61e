"""Environments of Gymnasium itself, and any other that is registered with it."""

from importlib.util import find_spec
from typing import Any

import gymnasium as gym
from gymnasium.envs.registration import EnvSpec, load_env_creator

from daneel.errors import ConfigError, MissingExtraError

_OPTIONAL = {"box2d": "Box2D", "phys2d": "jax", "tabular": "jax", "mujoco": "mujoco"}
_NEEDS_OLD_MUJOCO = ("Pusher-v4",)  # refuses MuJoCo 3
_OTHER_SOURCES = ("shimmy", "metaworld", "gymnasium_robotics", "panda_gym")


def ids() -> list[str]:
    """Return the registered ids that can be made here; ids of the other sources are left out."""
    return [
        env_id
        for env_id, spec in gym.registry.items()
        if _is_usable(spec) and env_id not in _NEEDS_OLD_MUJOCO
    ]


def build(env_id: str, max_steps: int | None, pixels: bool, kwargs: dict[str, Any]) -> gym.Env:
    """Make a registered environment.

    Raises:
        ConfigError: The constructor refuses `kwargs`.
        MissingExtraError: A package that the environment needs is not installed.
    """
    if pixels and _draws_itself(env_id):
        kwargs = {"render_mode": "rgb_array", **kwargs}
    return gym_make(env_id, max_steps, kwargs)


def success_key(env_id: str) -> str | None:
    """Return None: Gymnasium's own have no such signal, and others are asked at every step."""
    return None


def gym_make(env_id: str, max_steps: int | None, kwargs: dict[str, Any]) -> gym.Env:
    """Call `gymnasium.make` without its checker, with errors that name the environment."""
    try:
        return gym.make(env_id, max_episode_steps=max_steps, disable_env_checker=True, **kwargs)
    except (gym.error.DependencyNotInstalled, ImportError) as error:
        raise MissingExtraError(
            f"Env {env_id!r} needs a package that is not installed. Gymnasium says: {error}"
        ) from error
    except TypeError as error:
        if not kwargs:
            raise
        raise refused_arguments(env_id, kwargs, error) from error


def refused_arguments(env_id: str, kwargs: dict[str, Any], error: TypeError) -> ConfigError:
    """Return the error for arguments that a constructor does not take."""
    return ConfigError(
        f"Env {env_id!r} refuses the arguments {kwargs} ({error}). "
        "Expected arguments of its constructor. Leave out --env.kwargs."
    )


def _is_usable(spec: EnvSpec) -> bool:
    entry = spec.entry_point
    if not isinstance(entry, str):  # Gymnasium's removed v2 and v3: functions that raise
        return False
    parts = entry.partition(":")[0].split(".")
    if parts[0] in _OTHER_SOURCES:
        return False
    group = parts[2] if parts[:2] == ["gymnasium", "envs"] and len(parts) > 2 else ""
    return group not in _OPTIONAL or find_spec(_OPTIONAL[group]) is not None


def _draws_itself(env_id: str) -> bool:
    """Whether the environment has its own RGB images and is not MuJoCo, which we draw faster."""
    entry = gym.spec(env_id).entry_point
    if isinstance(entry, str):
        if entry.startswith("gymnasium.envs.mujoco"):
            return False
        entry = load_env_creator(entry)
    metadata = getattr(entry, "metadata", {})
    return "rgb_array" in metadata.get("render_modes", [])
