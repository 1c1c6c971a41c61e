"""The layers between a native environment and an agent, innermost first.

`ActionRepeat` turns environment steps into decisions, `Modalities` turns native observations into
dictionaries. `daneel.envs.frames` adds rendering.
"""

from collections.abc import Mapping
from typing import Any

import gymnasium as gym

from daneel.envs.spaces import (
    Observation,
    ObservationMap,
    action_space_for_agents,
    native_action,
)

REACHED, AT_GOAL = "success", "is_success"
"""Entries of a native `info` that signal success, by the conventions of the suites: the task was
done in this step (Meta-World, Adroit), and the goal is held in this step (Fetch, Panda)."""


def scored_at_end(info: Mapping[str, Any]) -> bool:
    """Whether an episode's success is read from its last decision, not from any of them.

    Goal environments (`is_success`: Fetch, Shadow hand, Panda) are scored at the end of the
    episode, as in Plappert et al. 2018 (arXiv:1802.09464); suites with `success` (Meta-World,
    Adroit) count an episode in which it was ever reached, as in Yu et al. 2019 (arXiv:1910.10897).

    Args:
        info: That of a decision, of one environment or of a vector of them.
    """
    return AT_GOAL in info


class ActionRepeat(gym.Wrapper):
    """Runs `repeat` environment steps for one decision and sums their rewards.

    An end of episode stops the repetition, so the observation of a decision that ends an episode
    is the true terminal one. `info` is that of the last step, with two changes: "frames" is the
    number of environment steps taken, and "success" is true if it was true in any of them
    ("is_success" is that of the last step: see `scored_at_end`).
    """

    def __init__(self, env: gym.Env, repeat: int) -> None:
        """Wrap `env`."""
        super().__init__(env)
        self.repeat = repeat
        self._is_over = False
        if "render_fps" in env.metadata:  # frames per second of simulated time, one per decision
            self.metadata = {**env.metadata, "render_fps": env.metadata["render_fps"] / repeat}

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Begin an episode."""
        self._is_over = False
        return self.env.reset(seed=seed, options=options)

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Take one decision.

        Raises:
            gymnasium.error.ResetNeeded: The episode is over. (Gymnasium 1.4's `AsyncVectorEnv`
                would step on silently, where its `SyncVectorEnv` fails.)
        """
        if self._is_over:
            raise gym.error.ResetNeeded("The episode is over: reset the environment first.")
        observation, reward, terminated, truncated, info = self.env.step(action)
        total, frames, reached = float(reward), 1, bool(info.get(REACHED, False))
        while frames < self.repeat and not (terminated or truncated):
            observation, reward, terminated, truncated, info = self.env.step(action)
            total, frames = total + float(reward), frames + 1
            reached = reached or bool(info.get(REACHED, False))
        self._is_over = bool(terminated or truncated)
        info = {**info, "frames": frames}
        if reached:
            info[REACHED] = True
        return observation, total, bool(terminated), bool(truncated), info


class Modalities(gym.Wrapper):
    """Dict observations by modality, actions as agents give them, `info["success"]`.

    Raises:
        SpaceError: Agents cannot use the environment's spaces.
    """

    def __init__(self, env: gym.Env, env_id: str, success_key: str | None = None) -> None:
        """Wrap `env`, whose native `info` signals success under `success_key`.

        None looks for "is_success" and "success" in every `info`, for environments of unknown
        suites; where neither is there, there is no `info["success"]` either.
        """
        super().__init__(env)
        self._native_actions = env.action_space
        self._success_key = success_key
        self._map = ObservationMap(env.observation_space, env_id)
        self.observation_space = self._map.space
        self.action_space = action_space_for_agents(env.action_space, env_id)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Begin an episode."""
        observation, info = self.env.reset(seed=seed, options=options)
        return self._map(observation), info

    def step(self, action: Any) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """Take one decision with an action from `action_space`."""
        observation, reward, terminated, truncated, info = self.env.step(
            native_action(self._native_actions, action)
        )
        key = self._success_key or next((key for key in (AT_GOAL, REACHED) if key in info), None)
        if key is not None:
            info["success"] = bool(info[key])
        return self._map(observation), float(reward), terminated, truncated, info
