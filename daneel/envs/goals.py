"""Rewards of goals that were not asked for: what hindsight relabelling needs."""

import warnings
from collections.abc import Callable

import gymnasium as gym
import numpy as np
from gymnasium.vector import AsyncVectorEnv, SyncVectorEnv, VectorEnv

Relabel = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""Achieved goals [N, G] and goals [N, G] to rewards float32 [N]."""

_GOAL_KEYS = {"observation", "achieved_goal", "desired_goal"}


def goal_relabel(env: gym.Env | VectorEnv) -> Relabel | None:
    """Return the reward function of a goal environment made here, or None for any other.

    None as well where a goal is not one vector (Franka kitchen), and, with a warning, where
    `action_repeat` is more than 1: the goals achieved between decisions are not recorded, so the
    summed reward cannot be recomputed.

    The function belongs to the environment, or for an asynchronous vector environment to a copy of
    its first one; it does not depend on the simulation's state.
    """
    single = _single(env)
    native, compute = single.unwrapped.observation_space, _compute_reward(single)
    if not isinstance(native, gym.spaces.Dict) or set(native.spaces) != _GOAL_KEYS:
        return None
    goal = native["desired_goal"]
    if compute is None or not isinstance(goal, gym.spaces.Box):
        return None
    repeat = single.get_wrapper_attr("repeat")
    if repeat > 1:
        warnings.warn(
            f"No hindsight with action_repeat={repeat}: rewards between decisions are unknown. "
            "Use action_repeat=1 for goal environments.",
            stacklevel=2,
        )
        return None
    return _vectorised(compute, goal)


def _single(env: gym.Env | VectorEnv) -> gym.Env:
    if isinstance(env, SyncVectorEnv):
        return env.envs[0]
    if isinstance(env, AsyncVectorEnv):
        return env.env_fns[0]()
    assert isinstance(env, gym.Env), "made by daneel.envs"
    return env


def _compute_reward(env: gym.Env) -> Callable[..., object] | None:
    return getattr(env.unwrapped, "compute_reward", None)


def _vectorised(compute: Callable[..., object], goal: gym.spaces.Box) -> Relabel:
    """Return `compute` over batches; row by row where it does not take batches itself.

    PandaFlip's takes them and returns the rewards of all pairs.
    """

    def batched(achieved: np.ndarray, goals: np.ndarray) -> np.ndarray:
        return np.asarray(compute(achieved, goals, {}), np.float32)

    def by_row(achieved: np.ndarray, goals: np.ndarray) -> np.ndarray:
        pairs = zip(achieved, goals, strict=True)
        return np.array([compute(a, g, {}) for a, g in pairs], np.float32).reshape(len(goals))

    rng = np.random.default_rng(0)
    trial, other = rng.standard_normal((2, 3, *goal.shape)).astype(np.float32)
    try:
        rewards = batched(trial, other)
    except (ValueError, IndexError, TypeError, AssertionError):
        return by_row
    agrees = rewards.shape == (3,) and np.allclose(rewards, by_row(trial, other))
    return batched if agrees else by_row
