"""Daneel's dict observations as Stable-Baselines3 takes them, and what each algorithm can handle.

- only `state`: a flat Box, `MlpPolicy`;
- only `image`: a Box of pixels, `CnnPolicy`;
- `state`, `achieved`, `goal`: the Dict of a goal environment, `MultiInputPolicy`;
- anything else: the Dict as it is, `MultiInputPolicy`.
"""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
from gymnasium import spaces
from stable_baselines3.common.off_policy_algorithm import OffPolicyAlgorithm

from daneel.agents.baseline_config import ALGORITHMS, CONTINUOUS_ONLY, DISCRETE_ONLY, SB3Config
from daneel.errors import SpaceError

GOAL_KEYS = {"state": "observation", "achieved": "achieved_goal", "goal": "desired_goal"}
"""Daneel's keys of a goal environment, and Gymnasium-Robotics' own names for them."""


def native_space(observation_space: spaces.Dict) -> tuple[spaces.Space[Any], str]:
    """The observation space that the algorithm sees, and the name of the policy that reads it.

    Raises:
        SpaceError: A modality is of a kind that Stable-Baselines3 cannot read.
    """
    for key, space in observation_space.spaces.items():
        if not isinstance(space, spaces.Box | spaces.Discrete | spaces.MultiBinary):
            raise SpaceError(
                f"The observation {key!r} is {space}. Stable-Baselines3 reads arrays and class "
                "labels only. Type `daneel train ENV` without --agent to use Daneel's own agent."
            )
    keys = set(observation_space.spaces)
    if keys in ({"state"}, {"image"}):
        (key,) = keys
        return observation_space[key], "MlpPolicy" if key == "state" else "CnnPolicy"
    names = GOAL_KEYS if is_goal(observation_space) else {}
    native = {names.get(key, key): space for key, space in observation_space.spaces.items()}
    return spaces.Dict(native), "MultiInputPolicy"


def replay_bytes(
    config: SB3Config,
    observation_space: spaces.Dict,
    action_space: spaces.Space[Any],
    rows: int,
    num_envs: int = 1,
) -> int:
    """Bytes of the library's replay of `rows` transitions, or of an on-policy rollout.

    Args:
        config: Which algorithm.
        observation_space: Dict of modalities, of one environment.
        action_space: Of one environment.
        rows: Transitions in the replay; an on-policy algorithm does not use it.
        num_envs: Parallel environments, each with a rollout of its own.
    """
    seen = sum(_bytes(space) for space in observation_space.spaces.values())
    acted = 8 if isinstance(action_space, spaces.Discrete) else _bytes(action_space)
    algorithm = ALGORITHMS[config.name]
    if not issubclass(algorithm, OffPolicyAlgorithm):
        default: int = inspect.signature(algorithm.__init__).parameters["n_steps"].default
        steps = int(config.kwargs.get("n_steps", default))
        return steps * num_envs * (seen + acted + 6 * 4)
    hindsight = 2 * 8 + _INFO_BYTES if is_goal(observation_space) else 0
    return rows * (2 * seen + acted + 3 * 4 + hindsight)


_INFO_BYTES = 72
"""An empty dict and the pointer to it, which HerReplayBuffer keeps for each transition."""


def _bytes(space: spaces.Space[Any]) -> int:
    return int(np.prod(space.shape or ())) * np.dtype(space.dtype).itemsize


def is_goal(observation_space: spaces.Dict) -> bool:
    """Whether these are the observations of a goal environment."""
    return {"achieved", "goal"} <= set(observation_space.spaces)


def to_native(obs: dict[str, np.ndarray]) -> np.ndarray | dict[str, np.ndarray]:
    """The native form of dict observations, batched or not."""
    if len(obs) == 1:
        return next(iter(obs.values()))
    if "achieved" not in obs:
        return obs
    return {GOAL_KEYS.get(key, key): value for key, value in obs.items()}


def check_spaces(name: str, policy: str, action_space: spaces.Space[Any]) -> None:
    """Refuses spaces that the algorithm `name` cannot handle.

    Raises:
        SpaceError: The message names an algorithm that can.
    """
    if name in CONTINUOUS_ONLY and not isinstance(action_space, spaces.Box):
        raise _wrong_space(name, f"actions are {action_space}", "continuous actions", "dqn")
    if name in DISCRETE_ONLY and not isinstance(action_space, spaces.Discrete):
        raise _wrong_space(name, f"actions are {action_space}", "discrete actions", "sac")
    if policy not in ALGORITHMS[name].policy_aliases:
        seen = {"CnnPolicy": "an image"}.get(policy, "a dict of several arrays")
        raise _wrong_space(name, f"observation is {seen}", "a single flat vector", "sac")


def _wrong_space(name: str, seen: str, expected: str, other: str) -> SpaceError:
    return SpaceError(
        f"The environment's {seen}. {name} needs {expected}. "
        f"Type the same command with `--agent {other}`."
    )
