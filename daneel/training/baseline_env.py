"""One training environment of a Stable-Baselines3 algorithm: native observations, resumable.

`RecordedEnv` takes the place of the library's `Monitor` wrapper, so a step costs no layer more than
a peer's own script. On top of what `Monitor` reports it

- turns Daneel's dict observations into the native ones,
- seeds every episode from (seed, environment index, episode index) and keeps the actions since the
  last reset, so that a simulator is restored bit for bit by a reset and a replay of those actions,
- stops at a reward or an observation that is NaN or infinite,
- keeps the smallest and largest value seen of every number of every vector modality, for the gate.
"""

from __future__ import annotations

import math
import time
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from stable_baselines3.common.monitor import Monitor

from daneel.agents.baseline_spaces import native_space, to_native
from daneel.envs import scored_at_end
from daneel.errors import CheckpointError, NonFiniteError
from daneel.training.collector import Observation, SeenRange
from daneel.training.seeding import episode_seed


class RecordedEnv(Monitor[Any, Any]):
    """An environment for `learn`, whose state can be saved and restored.

    Args:
        env: One environment with dict observations by modality.
        env_id: Its name in messages.
        seed: Seed of the run.
        index: Which of the parallel environments this is.
        seen: Where the range of the observations is noted; the parallel environments share it.
    """

    def __init__(
        self,
        env: gym.Env[Any, Any],
        env_id: str,
        seed: int,
        index: int,
        seen: SeenRange,
    ) -> None:
        """Wraps `env`; nothing is reset yet."""
        super().__init__(env)
        assert isinstance(env.observation_space, spaces.Dict)
        self.observation_space, _ = native_space(env.observation_space)
        self._where = f"{env_id} (environment {index})"
        self.seen = seen
        self._seed, self._index = seed, index
        self._success = False
        self._episode = -1
        self._actions: list[Any] = []
        self._restore: dict[str, Any] | None = None
        self._observation: Observation = {}

    def reset(self, **kwargs: Any) -> tuple[Any, dict[str, Any]]:
        """Begins the next episode with its own seed, or goes back to where `restore` points."""
        if self._restore is not None:
            return self._go_back(self._restore)
        return self._begin(self._episode + 1)

    def _begin(self, episode: int) -> tuple[Any, dict[str, Any]]:
        self._episode, self._actions, self.rewards = episode, [], []
        self.needs_reset = self._success = False
        observation, info = self.env.reset(seed=episode_seed(self._seed, self._index, episode))
        self._notice(observation)
        return to_native(observation), info

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """One decision; `info["episode"]` holds return and length where the episode ends."""
        observation, reward, terminated, truncated, info = self.env.step(action)
        self._actions.append(action)
        self.rewards.append(reward := float(reward))
        self.total_steps += 1
        if not math.isfinite(reward):
            raise self._not_finite("reward", reward)
        self._notice(observation)
        if "success" in info:
            self._success = info["success"] or (self._success and not scored_at_end(info))
        if terminated or truncated:
            self.needs_reset = True
            elapsed = time.time() - self.t_start
            info["episode"] = {"r": sum(self.rewards), "l": len(self.rewards), "t": elapsed}
            if "success" in info:
                info["episode"]["success"] = bool(self._success)
        return to_native(observation), reward, terminated, truncated, info

    def _notice(self, observation: Observation) -> None:
        self._observation = observation
        for key, low in self.seen.low.items():
            value, high = observation[key], self.seen.high[key]
            np.minimum(low, value, out=low)
            np.maximum(high, value, out=high)
            if not np.isfinite(value).all():
                raise self._not_finite(f"observation {key!r}", value)

    def _not_finite(self, what: str, value: Any) -> NonFiniteError:
        return NonFiniteError(
            f"{self._where} gave a {what} of {value} at decision {len(self._actions)} of episode "
            f"{self._episode}. Every reward and observation must be finite; the last checkpoint "
            "is kept. Type `daneel resume RUN` once the environment is mended."
        )

    def state_dict(self) -> dict[str, Any]:
        """The episode, the actions since its reset, and the observation they led to."""
        return {
            "episode": self._episode,
            "actions": np.array(self._actions),
            "observation": dict(self._observation),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Makes the next `reset` lead to the saved state."""
        self._restore = state

    def _go_back(self, state: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        self._restore = None
        observation, info = self._begin(state["episode"])
        for action in np.asarray(state["actions"]):
            observation, _, _, _, info = self.step(action)
        for key, saved in state["observation"].items():
            if not np.array_equal(self._observation[key], np.asarray(saved)):
                raise CheckpointError(
                    f"{self._where} did not return to its saved state: {key!r} differs after "
                    f"{len(self._actions)} replayed decisions. Expected a simulator whose reset "
                    "with a seed is exact. Type `daneel train` to begin another run."
                )
        return observation, info
