"""Steps the training environments, episode after episode, so that they can be put back exactly.

A simulator's inner state has no common format, so a checkpoint holds what led to it: the seed of
the running episode and the actions since its reset. Restoring replays them and compares the
observation that comes out with the one that was stored, bit for bit.

Shapes: N environments, A action dimensions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from gymnasium import spaces
from gymnasium.vector import VectorEnv

from daneel.envs import scored_at_end
from daneel.errors import CheckpointError, NonFiniteError
from daneel.training.seeding import episode_seed

Observation = dict[str, np.ndarray]


@dataclass(frozen=True, slots=True)
class FinishedEpisode:
    """An episode that just ended."""

    env_index: int
    """Which of the parallel environments."""
    return_: float
    """Sum of its rewards, undiscounted."""
    length: int
    """Decisions taken."""
    success: bool | None
    """Whether it succeeded; None where the environment has no such signal."""


@dataclass(frozen=True, slots=True)
class Step:
    """One decision in every environment; `next_obs` is the true final one where `done`."""

    reward: np.ndarray
    """[N] float64."""
    terminated: np.ndarray
    """[N] bool."""
    truncated: np.ndarray
    """[N] bool."""
    next_obs: Observation
    """Each [N, ...]."""
    done: np.ndarray | None
    """[N] bool where an episode ended, None when none did."""
    finished: list[FinishedEpisode]
    """The episodes that ended."""


class SeenRange:
    """Smallest and largest value seen in each entry of every vector modality, for the gate."""

    def __init__(self, space: spaces.Dict) -> None:
        """Start with nothing seen."""
        vectors = {k: s for k, s in space.spaces.items() if is_vector(s)}
        self.low = {k: np.full(s.shape or (), np.inf, np.float32) for k, s in vectors.items()}
        self.high = {k: np.full(s.shape or (), -np.inf, np.float32) for k, s in vectors.items()}

    def update(self, obs: Mapping[str, np.ndarray]) -> None:
        """Take note of a batch of observations [N, ...]."""
        for key, low in self.low.items():
            value, high = obs[key], self.high[key]
            np.minimum(low, value.min(axis=0), out=low)
            np.maximum(high, value.max(axis=0), out=high)

    def state_dict(self) -> dict[str, Any]:
        """The two bounds, each by modality."""
        return {"low": dict(self.low), "high": dict(self.high)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over what `state_dict` returned."""
        self.low = {key: np.array(value) for key, value in state["low"].items()}
        self.high = {key: np.array(value) for key, value in state["high"].items()}


def is_vector(space: spaces.Space[Any]) -> bool:
    """Whether observations of `space` are vectors of real numbers."""
    return isinstance(space, spaces.Box) and space.dtype == np.float32 and len(space.shape) == 1


class Collector:
    """Steps a vector environment whose autoreset is disabled and begins its next episodes.

    Args:
        env: Dict observations, N environments, `AutoresetMode.DISABLED`.
        seed: seed of the run; every episode's own seed comes from it.
        env_id: name of the environment in messages.
    """

    def __init__(self, env: VectorEnv, seed: int, env_id: str) -> None:
        """Take over `env`; nothing is reset before `start` or `load_state_dict`."""
        self.env = env
        self.obs: Observation = {}
        self.decisions = 0
        assert isinstance(env.single_observation_space, spaces.Dict)
        self.seen = SeenRange(env.single_observation_space)
        self._seed, self._env_id = seed, env_id
        self._everywhere = np.ones(env.num_envs, bool)
        self._episode = np.full(env.num_envs, -1)
        self._return = np.zeros(env.num_envs)
        self._length = np.zeros(env.num_envs, np.int64)
        self._success = np.zeros(env.num_envs, bool)
        self._actions: list[list[np.ndarray]] = [[] for _ in range(env.num_envs)]
        actions = env.single_action_space
        self._idle_action = actions.low if isinstance(actions, spaces.Box) else np.int64(0)

    def start(self) -> None:
        """Begin the first episode everywhere."""
        self._begin(self._everywhere)

    def step(self, action: np.ndarray) -> Step:
        """Take `action` [N, A] or [N]; `obs` is then what the next decision is made from.

        Raises:
            NonFiniteError: a reward or an observation is NaN or infinite.
        """
        next_obs, reward, terminated, truncated, info = self.env.step(action)
        for log, one in zip(self._actions, np.array(action), strict=True):
            log.append(one)
        self.decisions += self.env.num_envs
        self._check_finite("reward", reward)
        self._notice(next_obs)
        self._return += reward
        self._length += 1
        has_signal = "success" in info
        if has_signal:
            now = np.asarray(info["success"], bool)
            self._success = now if scored_at_end(info) else self._success | now
        done = np.logical_or(terminated, truncated)
        if not done.any():
            self.obs = next_obs
            return Step(reward, terminated, truncated, next_obs, None, [])
        finished = self._finish(done, has_signal)
        self._begin(done)
        return Step(reward, terminated, truncated, next_obs, done, finished)

    def _finish(self, done: np.ndarray, has_signal: bool) -> list[FinishedEpisode]:
        return [
            FinishedEpisode(
                env_index=int(i),
                return_=float(self._return[i]),
                length=int(self._length[i]),
                success=bool(self._success[i]) if has_signal else None,
            )
            for i in np.flatnonzero(done)
        ]

    def _begin(self, mask: np.ndarray) -> None:
        """Begin the next episode where `mask` [N] is true."""
        self._episode = self._episode + mask
        self._return[mask], self._length[mask] = 0.0, 0
        self._success = self._success & ~mask
        for i in np.flatnonzero(mask):
            self._actions[i] = []
        self._reset(mask)
        self._notice(self.obs)

    def _reset(self, mask: np.ndarray) -> None:
        """Reset to the start of the current episodes where `mask` [N] is true."""
        seeds: Any = [  # Any: the base class does not declare the lists that its subclasses take
            episode_seed(self._seed, i, int(episode)) for i, episode in enumerate(self._episode)
        ]
        self.obs, _ = self.env.reset(seed=seeds, options={"reset_mask": mask.copy()})

    def _notice(self, obs: Observation) -> None:
        self.seen.update(obs)
        for key in self.seen.low:
            self._check_finite(f"observation {key!r}", obs[key])

    def _check_finite(self, what: str, value: np.ndarray) -> None:
        finite = np.isfinite(value)
        if finite.all():
            return
        where = int(np.argwhere(~finite)[0][0])
        raise NonFiniteError(
            f"{self._env_id} (environment {where} of {self.env.num_envs}) gave a {what} that is"
            f" not finite, {np.asarray(value)[where]}, at decision {self.decisions} of the run"
            f" (decision {self._length[where] + 1} of its episode {self._episode[where]}). Every"
            " reward and observation must be a finite number. Mend the environment, then type"
            " `daneel resume RUN` to go on from the last checkpoint, which is kept."
        )

    def state_dict(self) -> dict[str, Any]:
        """What leads back here: episodes, actions since each reset, and where they led."""
        return {
            "episode": self._episode.copy(),
            "return": self._return.copy(),
            "length": self._length.copy(),
            "success": self._success.copy(),
            "actions": [np.array(log) for log in self._actions],
            "obs": dict(self.obs),
            "decisions": self.decisions,
            "seen": self.seen.state_dict(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Put the simulators back by replaying the running episodes.

        Raises:
            CheckpointError: the simulator did not return to its stored observation.
        """
        self._episode = np.array(state["episode"])
        self._actions = [list(log) for log in state["actions"]]
        self._replay_actions()
        self._compare(state["obs"])
        self._return = np.array(state["return"])
        self._length = np.array(state["length"])
        self._success = np.array(state["success"])
        self.decisions = int(state["decisions"])
        self.seen.load_state_dict(state["seen"])

    def _replay_actions(self) -> None:
        """Bring all streams to their stored moment together: the shorter ones begin later.

        A vector environment steps everywhere at once, so a stream that has not begun yet is
        stepped idly and reset when its turn comes; a reset with a seed determines the episode.
        """
        lengths = np.array([len(log) for log in self._actions])
        begins = lengths.max() - lengths
        self._reset(self._everywhere)
        for t in range(int(lengths.max())):
            if t > 0 and (begins == t).any():
                self._reset(begins == t)
            action = [
                log[max(t - begin, 0)] if log else self._idle_action
                for log, begin in zip(self._actions, begins, strict=True)
            ]
            self.obs, _, terminated, truncated, _ = self.env.step(np.array(action))
            ended = (terminated | truncated) & (begins > t)
            if ended.any():
                self._reset(ended)
        if (idle := (lengths == 0) & (lengths.max() > 0)).any():
            self._reset(idle)

    def _compare(self, stored: Observation) -> None:
        for key, value in self.obs.items():
            if not np.array_equal(value, stored[key]):
                distance = np.abs(np.subtract(value, stored[key], dtype=np.float64)).max()
                raise CheckpointError(
                    f"{self._env_id} did not return to its stored state: observation {key!r}"
                    f" differs by up to {distance:.3g} after its actions were replayed. The same"
                    " environment, with the same version of its simulator, must give the same"
                    " observations. Install the versions that the run's card lists, or start again"
                    " with `daneel train`."
                )
