"""The critic as a term of the reward (row L-4): `daneel train ... --critic WEIGHT`.

When an episode of the training ends, `CriticRLHF` reads the whole of it as a trajectory, and the
last reward is lowered by `WEIGHT` times its score, 0 for a sound one and 1 for a faulty one (it
trembles, jumps, saturates its motors, ...). The agent learns from the sum and evaluations score the
task alone, so preferring sound episodes is learnt and not written into the results.

The critic reads vectors of numbers; images are left out. Its buffers are rebuilt by the replay of
actions that puts a simulator back, so a resumed run is the same run.

Shapes: N environments, T decisions, K numbers of an observation, A of an action.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from gymnasium.vector import VectorEnv, VectorWrapper

from daneel.alignment.judging import CriticRLHF, Trajectory
from daneel.alignment.judging.trajectory_faults import SHORTEST
from daneel.errors import ConfigError

INFO = "critic"
"""Key of the last step's info that holds the score of the episode."""
HALF = 0.5
"""What a discrete action stands for as a number: well inside the bounds, so that none saturates."""


class EpisodeCritic:
    """Collects one episode and scores it when it ends.

    Args:
        critic: Has learnt from trajectories.
        observation: Space of the observations by modality.
        action: Space of the actions.

    Raises:
        ConfigError: No modality is a vector of numbers.
    """

    def __init__(
        self, critic: CriticRLHF, observation: spaces.Space[Any], action: spaces.Space[Any]
    ) -> None:
        """Begin with an empty episode."""
        self._critic, self._action = critic, action
        self._keys = _vectors(observation)
        self._observations: list[np.ndarray] = []
        self._actions: list[np.ndarray] = []

    def begin(self) -> None:
        """Forget the episode."""
        self._observations, self._actions = [], []

    def note(self, observation: Mapping[str, np.ndarray], action: Any) -> None:
        """Take in what was seen, and what was done then."""
        seen = [np.asarray(observation[key], np.float64).ravel() for key in self._keys]
        self._observations.append(np.concatenate(seen))
        self._actions.append(self._scaled(action))

    def score(self) -> float:
        """How faulty the episode is, 0 .. 1; 0 for one too short to be read."""
        if len(self._actions) < SHORTEST:
            return 0.0
        seen, done = np.array(self._observations), np.array(self._actions)  # [T, K], [T, A]
        return self._critic.criticise(Trajectory(seen, done)).score

    def _scaled(self, action: Any) -> np.ndarray:
        """An action as numbers in [-1, 1]; a bound that is infinite is none."""
        if not isinstance(self._action, spaces.Box):
            return HALF * np.asarray(spaces.flatten(self._action, action), np.float64)
        low, high = (np.asarray(end, np.float64) for end in (self._action.low, self._action.high))
        bounded = np.isfinite(low) & np.isfinite(high)
        middle = np.where(bounded, (low + high) / 2, 0.0)
        reach = np.where(bounded, np.maximum((high - low) / 2, 1e-12), np.inf)
        return ((np.asarray(action, np.float64) - middle) / reach).ravel()


class CriticEnv(gym.Wrapper[Any, Any, Any, Any]):
    """One environment whose episodes are scored at their end.

    Args:
        env: Dict observations by modality.
        weight: What a score of 1 takes away from the last reward.
        critic: Has learnt from trajectories.
    """

    def __init__(self, env: gym.Env[Any, Any], weight: float, critic: CriticRLHF) -> None:
        """Wrap `env`; nothing is reset yet."""
        super().__init__(env)
        self._weight = weight
        self._episode = EpisodeCritic(critic, env.observation_space, env.action_space)

    def reset(self, **given: Any) -> tuple[Any, dict[str, Any]]:
        """Begin an episode."""
        self._episode.begin()
        self._seen, info = self.env.reset(**given)
        return self._seen, info

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """One decision; the last one's reward has the term."""
        self._episode.note(self._seen, action)
        self._seen, reward, terminated, truncated, info = self.env.step(action)
        if terminated or truncated:
            info[INFO] = self._episode.score()
            reward = float(reward) - self._weight * info[INFO]
        return self._seen, reward, terminated, truncated, info


class CriticVectorEnv(VectorWrapper[Any, Any, Any, Any, Any]):
    """The same for N environments whose autoreset is disabled.

    Args:
        env: Dict observations by modality.
        weight: What a score of 1 takes away from the last reward.
        critic: Has learnt from trajectories.
    """

    def __init__(self, env: VectorEnv[Any, Any, Any], weight: float, critic: CriticRLHF) -> None:
        """Wrap `env`; nothing is reset yet."""
        super().__init__(env)
        self._weight = weight
        spaces_ = env.single_observation_space, env.single_action_space
        self._episodes = [EpisodeCritic(critic, *spaces_) for _ in range(env.num_envs)]

    def reset(
        self, *, seed: Any = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Begin episodes everywhere, or where `options["reset_mask"]` [N] is true."""
        everywhere = np.ones(self.num_envs, bool)
        for index in np.flatnonzero((options or {}).get("reset_mask", everywhere)):
            self._episodes[index].begin()
        self._seen, info = self.env.reset(seed=seed, options=options)
        return self._seen, info

    def step(self, actions: Any) -> tuple[Any, Any, Any, Any, dict[str, Any]]:
        """One decision everywhere; rewards of episodes that end have the term."""
        for index, (episode, action) in enumerate(zip(self._episodes, actions, strict=True)):
            episode.note({key: value[index] for key, value in self._seen.items()}, action)
        self._seen, reward, terminated, truncated, info = self.env.step(actions)
        reward = np.array(reward, np.float64)
        for index in np.flatnonzero(np.logical_or(terminated, truncated)):
            reward[index] -= self._weight * self._episodes[index].score()
        return self._seen, reward, terminated, truncated, info


def _vectors(observation: spaces.Space[Any]) -> tuple[str, ...]:
    """Modalities that are vectors of numbers."""
    assert isinstance(observation, spaces.Dict)
    found = [
        key
        for key, space in observation.spaces.items()
        if isinstance(space, spaces.Box) and len(space.shape) == 1 and space.dtype != np.uint8
    ]
    if not found:
        raise ConfigError(
            f"The critic cannot read the observations {dict(observation.spaces)}. Expected a "
            "vector of numbers among them. Leave --critic out, or train from states."
        )
    return tuple(found)
