"""Making environments: the one door to every source."""

from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

import gymnasium as gym
from gymnasium.vector import AsyncVectorEnv, AutoresetMode, SyncVectorEnv

from daneel.envs.config import EnvConfig
from daneel.envs.frames import Frames
from daneel.envs.sources import SOURCES, load_source, source_name
from daneel.envs.wrappers import ActionRepeat, Modalities
from daneel.errors import ConfigError, MissingExtraError, unknown_name

T = TypeVar("T")

AUTORESETS = {
    "disabled": AutoresetMode.DISABLED,
    "next_step": AutoresetMode.NEXT_STEP,
    "same_step": AutoresetMode.SAME_STEP,
}
VECTORIZATIONS: dict[str, Callable[..., SyncVectorEnv | AsyncVectorEnv]] = {
    "sync": SyncVectorEnv,
    # Not forked from this process: a fork inherits the locks of OpenGL's and PyTorch's threads
    # without the threads, and hangs.
    "async": partial(AsyncVectorEnv, context="forkserver"),
}


def make(
    id: str,
    num_envs: int = 1,
    seed: int | None = None,
    action_repeat: int = 1,
    render: tuple[int, int] | None = None,
    *,
    autoreset: str = "disabled",
    max_episode_steps: int | None = None,
    vectorization: str = "sync",
    **kwargs: Any,
) -> SyncVectorEnv | AsyncVectorEnv:
    """Make `num_envs` environments that step together.

    Observations are dictionaries of modalities (see `daneel.envs.spaces`), batched [N, ...];
    actions are float32 [N, A] in the environment's own units, or int64 [N]. `info["frames"]` [N]
    counts environment steps of the decision, `info["success"]` [N] is there where the task has
    such a signal (see `success_signal`).

    By default nothing is reset behind your back: the observation of a step that ends an episode
    is the true terminal one, and you begin the next episode of exactly those environments with
    `reset(seed=[...], options={"reset_mask": mask})`, mask bool [N]; seeds elsewhere are ignored,
    and Gymnasium removes "reset_mask" from the dictionary you pass, so pass a fresh one. Stepping
    an environment whose episode is over is an error. `terminated` is a true end (its value is not
    bootstrapped), `truncated` a time limit.

    Args:
        id: Gymnasium id, `dm_control/<domain>-<task>-v0` or `Meta-World/<task>-v3`.
        num_envs: N.
        seed: Environment i and its action space are seeded with `seed + i`; later resets without
            seeds continue from there. The seed of a reset determines its episode entirely.
        action_repeat: Environment steps per decision, their rewards summed.
        render: (height, width) in pixels of `render()`, which returns N uint8 images [H, W, 3]
            and never changes the simulation. None makes no renderer.
        autoreset: "disabled", or Gymnasium's "next_step" or "same_step".
        max_episode_steps: Time limit in decisions; None keeps the environment's own.
        vectorization: "sync" (one process), or "async" (one process per environment; slower for
            light simulators, and a script then needs `if __name__ == "__main__":`).
        **kwargs: Further arguments of the environment's constructor.

    Raises:
        UnknownNameError: No environment has this id; the nearest are named.
        MissingExtraError: Its package is not installed; the extra is named.
        SpaceError: Its observations or actions are not what agents can use.
        ConfigError: Another argument is outside its range.
        RenderError: `render` is given and the machine cannot draw.
    """
    config = EnvConfig(id, num_envs, action_repeat, max_episode_steps, kwargs)
    return make_from_config(config, seed, render, autoreset=autoreset, vectorization=vectorization)


def make_from_config(
    config: EnvConfig,
    seed: int | None = None,
    render: tuple[int, int] | None = None,
    *,
    autoreset: str = "disabled",
    vectorization: str = "sync",
) -> SyncVectorEnv | AsyncVectorEnv:
    """Do what `make` does, with its environment arguments in a `EnvConfig`."""
    mode = _choose("autoreset", autoreset, AUTORESETS)
    vectorize = _choose("vectorization", vectorization, VECTORIZATIONS)
    thunks = [
        partial(_make_seeded, config, None if seed is None else seed + i, render)
        for i in range(config.num_envs)
    ]
    env = vectorize(thunks, autoreset_mode=mode)
    if seed is not None:
        env.action_space.seed(seed)
    return env


def make_single(
    config: EnvConfig, *, render: tuple[int, int] | None = None, modalities: bool = True
) -> gym.Env:
    """Make one environment (`config.num_envs` is not used).

    Args:
        config: What to make.
        render: (height, width) of `render()`; None makes no renderer.
        modalities: False keeps the native observations, actions and `info`, for libraries that
            bring their own; action repeat, time limit and rendering still apply.

    Raises:
        DaneelError: As `make`.
    """
    source = load_source(source_name(config.id))
    limit = config.max_episode_steps
    max_steps = None if limit is None else limit * config.action_repeat
    try:
        env = source.build(config.id, max_steps, render is not None, dict(config.kwargs))
    except gym.error.Error as error:
        hint = "Type `daneel list envs` to see them all."
        raise unknown_name("env", config.id, list_ids(), hint) from error
    if render is not None:
        env = Frames(env, config.id, *render)
    env = ActionRepeat(env, config.action_repeat)
    return Modalities(env, config.id, source.success_key(config.id)) if modalities else env


def list_ids(namespace: str | None = None) -> list[str]:
    """Return the ids of every installed source, or of the source `namespace`; makes no environment.

    Raises:
        UnknownNameError: There is no source of this name.
        MissingExtraError: The source asked for is not installed.
    """
    if namespace is not None:
        return sorted(load_source(namespace).ids())
    found: list[str] = []
    for name in SOURCES.names():
        try:
            found += load_source(name).ids()
        except MissingExtraError:
            continue  # list what can be made; `make` names the extra for the rest
    return sorted(found)


def success_signal(config: EnvConfig) -> str | None:
    """Return the native name of the task's success signal, or None where its source names none.

    Where it names one, `info["success"]` of every decision is a bool. Environments that you have
    registered yourself belong to no such source: None, yet `info["success"]` is there as soon as
    their `info` holds "is_success" or "success".
    """
    return load_source(source_name(config.id)).success_key(config.id)


def _make_seeded(config: EnvConfig, seed: int | None, render: tuple[int, int] | None) -> gym.Env:
    env = make_single(config, render=render)
    if seed is not None:
        env.reset(seed=seed)
        env.action_space.seed(seed)
    return env


def _choose(name: str, value: str, choices: dict[str, T]) -> T:
    if value not in choices:
        raise ConfigError(f"{name} is {value!r}. Expected one of {', '.join(choices)}.")
    return choices[value]
