"""The layers between a native environment and an agent, innermost first.

`ActionRepeat` turns environment steps into decisions, `Modalities` turns native observations into
dictionaries. `daneel.envs.frames` adds rendering.
"""

from typing import Any

import gymnasium as gym

from daneel.envs.spaces import (
    Observation,
    ObservationMap,
    action_space_for_agents,
    native_action,
)


class ActionRepeat(gym.Wrapper):
    """Runs `repeat` environment steps for one decision and sums their rewards.

    An end of episode stops the repetition, so the observation of a decision that ends an episode
    is the true terminal one. `info` is that of the last step, with two changes: "frames" is the
    number of environment steps taken, and `success_key` is true if it was true in any of them.
    """

    def __init__(self, env: gym.Env, repeat: int, success_key: str | None = None) -> None:
        """Wrap `env`; `success_key` names the native entry of `info` that signals success."""
        super().__init__(env)
        self.repeat = repeat
        self._is_over = False
        self._success_key = success_key
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
        total, frames, success = float(reward), 1, self._is_success(info)
        while frames < self.repeat and not (terminated or truncated):
            observation, reward, terminated, truncated, info = self.env.step(action)
            total, frames, success = (
                total + float(reward),
                frames + 1,
                success or self._is_success(info),
            )
        self._is_over = bool(terminated or truncated)
        info = {**info, "frames": frames}
        if self._success_key is not None:
            info[self._success_key] = success
        return observation, total, bool(terminated), bool(truncated), info

    def _is_success(self, info: dict[str, Any]) -> bool:
        return self._success_key is not None and bool(info.get(self._success_key, False))


class Modalities(gym.Wrapper):
    """Dict observations by modality, actions as agents give them, `info["success"]`.

    Raises:
        SpaceError: Agents cannot use the environment's spaces.
    """

    def __init__(self, env: gym.Env, env_id: str, success_key: str | None = None) -> None:
        """Wrap `env`, whose native `info` signals success under `success_key`, if it does."""
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
        if self._success_key is not None:
            info["success"] = bool(info[self._success_key])
        return self._map(observation), float(reward), terminated, truncated, info
