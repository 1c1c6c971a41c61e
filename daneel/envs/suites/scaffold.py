"""The file of a new suite with one task in it, as far as an environment can say it by itself."""

from __future__ import annotations

import re
from typing import Any

import gymnasium as gym
from gymnasium import spaces

from daneel.envs.config import EnvConfig
from daneel.envs.making import make_single, success_signal
from daneel.envs.wrappers import AT_GOAL, REACHED, scored_at_end

_PAGE = """\
# A suite of your own. Saved as own.yaml, it works as it stands: daneel eval random --suite own.yaml
# What the environment could not say by itself is marked with "?"; docs/suites/adding.md explains.
summary: "? what these tasks ask"
train: [{name}]
skills:
  {name}:
    env: {env}
    horizon: {horizon} # environment steps{horizon_note}
    embodiment: {name}-robot
    success: {success}
    instructions:
      - "? {words}, in the plainest words"
      - "? {words}, said another way"
      - "? {words}, said a third way"
embodiments:
  {name}-robot: # what each number of an action means, and what an action of 1 asks for
    actions: [{actions}]
    units: [{units}]
"""
_UNLIMITED = 1000


def scaffold(env_id: str) -> str:
    """The text of a suite file with one task.

    Args:
        env_id: Id of the environment, as `daneel list envs` names it.

    Raises:
        UnknownNameError: There is no such environment.
        MissingExtraError: Its package is not installed.
    """
    env = make_single(EnvConfig(id=env_id))
    try:
        limit = env.spec.max_episode_steps if env.spec is not None else None
        count, success = _actions(env.action_space), _success(env, env_id)
    finally:
        env.close()
    words = _words(env_id)
    return _PAGE.format(
        name="-".join(["my", *words]),
        words=" ".join(words),
        env=env_id,
        horizon=limit or _UNLIMITED,
        horizon_note="" if limit else '; "?" its registration names none',
        success=success,
        actions=", ".join(f'"?{at}"' for at in range(count)),
        units=", ".join('"?"' for _ in range(count)),
    )


def _words(env_id: str) -> list[str]:
    """HalfCheetah-v5 -> half, cheetah."""
    name = re.sub(r"-v\d+$", "", env_id.rpartition("/")[2])
    return [word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+", name)]


def _actions(space: spaces.Space[Any]) -> int:
    return space.shape[0] if isinstance(space, spaces.Box) else 1


def _success(env: gym.Env[Any, Any], env_id: str) -> str:
    """The rule in YAML: the package's signal, or a return where it has none."""
    env.reset(seed=0)
    _, _, _, _, info = env.step(env.action_space.sample())
    if scored_at_end(info):
        return f"{{kind: held, source: \"info['{AT_GOAL}'] of its package\"}}"
    if "success" in info:
        signal = success_signal(EnvConfig(id=env_id)) or REACHED
        return f"{{kind: reached, source: \"info['{signal}'] of its package\"}}"
    known = env.spec.reward_threshold if env.spec is not None else None
    source = "reward_threshold of its registration" if known is not None else "? who published it"
    return f'{{kind: return, at_least: {known if known is not None else 0}, source: "{source}"}}'
