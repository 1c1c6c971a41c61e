"""Replay of everything the agent has lived: one ring of rows per environment stream.

Shapes: N streams (parallel environments), R rows per stream, B batch, H horizon, G goal size.

Every stream is a ring of R rows. A row holds an observation and, unless it is the last one of its
episode, the transition that starts there (action, reward, terminated)::

    row      0    1    2    3      4    5    6
    obs      o0   o1   o2   o3     p0   p1   p2
    begins   yes  yes  yes  no     yes  yes  no    (row 6 is the newest: nothing began there yet)
                            └ the true final observation of the first episode

The next observation of a transition is the following row: observations are stored once, the true
terminal observation is kept, and a window of rows stops by itself at an episode's end and at the
write head. ``ordinal_row`` lists the rows that begin a transition in order of arrival, so a uniform
draw over valid transitions is one integer draw and one look-up, with no rejection and a fixed
number of random numbers per call (which keeps resumed runs identical).

Hindsight relabelling (Andrychowicz et al. 2017, arXiv:1707.01495, "future" strategy) is applied to
whole windows: a window gets ONE goal, achieved later in the same episode, because a model that
rolls out a window must see a single goal. Relabelled windows never terminate: reaching a goal that
was chosen afterwards did not end the episode.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import gymnasium as gym
import numpy as np
import torch

from daneel.errors import CheckpointError, ConfigError, SpaceError
from daneel.world_models import Batch

Relabel = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""(achieved [B, G], goal [B, G]) -> reward [B]."""

_OPEN_EPISODE = np.iinfo(np.int64).max
_MIN_ROWS = 4


class Replay:
    """Uniform replay of windows that never cross an episode.

    Args:
        observation_space: the Dict space of ONE environment.
        action_space: Box or Discrete space of one environment.
        capacity: rows kept over all streams. A transition takes one row, and each finished episode
            one more for its final observation. The oldest rows are overwritten.
        num_envs: number of streams N; `add` expects arrays with that leading size.
        rng: generator of every random draw of this replay; part of `state_dict`.
        relabel: vectorised reward of a goal environment, or None for no hindsight.
        relabel_ratio: share of windows that get a hindsight goal.

    Raises:
        ConfigError: capacity too small, or a ratio outside [0, 1].
        SpaceError: a space that cannot be stored, or `relabel` without "achieved" and "goal".
    """

    def __init__(
        self,
        observation_space: gym.spaces.Dict,
        action_space: gym.Space[Any],
        capacity: int,
        num_envs: int,
        rng: np.random.Generator,
        relabel: Relabel | None = None,
        relabel_ratio: float = 0.8,
    ) -> None:
        """Reserve an empty ring; RAM is taken as it fills."""
        self.rows = capacity // num_envs
        if self.rows < _MIN_ROWS:
            raise ConfigError(
                f"replay_capacity is {capacity} for {num_envs} environments. At least"
                f" {_MIN_ROWS} rows per environment are needed."
                f" Type `--replay_capacity {_MIN_ROWS * num_envs}` or more."
            )
        if not 0.0 <= relabel_ratio <= 1.0:
            raise ConfigError(f"relabel_ratio is {relabel_ratio}. It must lie in [0, 1].")
        if relabel is not None and not {"achieved", "goal"} <= set(observation_space.spaces):
            raise SpaceError(
                f"Hindsight needs the keys 'achieved' and 'goal', but the observation has"
                f" {sorted(observation_space.spaces)}. Pass relabel=None for such an environment."
            )
        self.num_envs = num_envs
        self._rng = rng
        self._relabel = relabel
        self._relabel_ratio = relabel_ratio
        shape = (num_envs, self.rows)
        layout = _layout(observation_space, action_space, relabel is not None)
        # np.zeros maps pages on first touch, so a large capacity costs nothing until it is used.
        self._data = {key: np.zeros(shape + item, dtype) for key, (item, dtype) in layout.items()}
        self._flat = {k: v.reshape(-1, *v.shape[2:]) for k, v in self._data.items()}
        self._obs_keys = tuple(observation_space.spaces)
        self._env = np.arange(num_envs)
        self._head = np.zeros(num_envs, np.int64)  # row (never wrapped) of the next transition
        self._episode_start = np.zeros(num_envs, np.int64)
        self._first = np.zeros(num_envs, np.int64)  # ordinal of the oldest transition still stored
        self._count = np.zeros(num_envs, np.int64)  # ordinal of the next transition

    def __len__(self) -> int:
        """Transitions that can be sampled now."""
        return int((self._count - self._first).sum())

    @property
    def capacity(self) -> int:
        """Rows over all streams."""
        return self.rows * self.num_envs

    @property
    def nbytes(self) -> int:
        """Bytes of the full ring (RAM is taken as rows are first written)."""
        return sum(array.nbytes for array in self._data.values())

    def add(
        self,
        obs: Mapping[str, np.ndarray],
        action: np.ndarray,
        reward: np.ndarray,
        terminated: np.ndarray,
        truncated: np.ndarray,
        next_obs: Mapping[str, np.ndarray],
    ) -> None:
        """Store one transition per stream; every array has leading size N.

        Args:
            obs: observations the actions were chosen from.
            action: env-unit actions [N, A] or [N].
            reward: [N].
            terminated: [N] bool, the task itself ended.
            truncated: [N] bool, only the clock ended the episode.
            next_obs: what followed, the TRUE final observation where an episode ended (not the
                first one of the next episode).
        """
        env, row = self._env, self._head
        here, after = row % self.rows, (row + 1) % self.rows
        self._evict(row + 1 - self.rows)
        data = self._data
        for key in self._obs_keys:
            data["obs." + key][env, here] = obs[key]
            data["obs." + key][env, after] = next_obs[key]
        data["action"][env, here] = action
        data["reward"][env, here] = reward
        data["terminated"][env, here] = terminated
        data["begins"][env, here] = True
        data["begins"][env, after] = False
        data["ordinal_row"][env, self._count % self.rows] = row
        self._count += 1
        done = np.logical_or(terminated, truncated)
        if self._relabel is not None:
            data["last_row"][env, here] = _OPEN_EPISODE
            self._close_episodes(done)
        self._head = row + 1 + done
        self._episode_start = np.where(done, self._head, self._episode_start)

    def _evict(self, newest_dead: np.ndarray) -> None:
        """Forget transitions whose rows are overwritten (at most two rows per add)."""
        for _ in range(2):
            slot = self._first % self.rows
            row = self._data["ordinal_row"][self._env, slot]
            self._first += (self._first < self._count) & (row <= newest_dead)

    def _close_episodes(self, done: np.ndarray) -> None:
        """Tell every row of a finished episode where its final observation lies."""
        for i in np.flatnonzero(done):
            last = self._head[i] + 1
            start = max(self._episode_start[i], last - self.rows + 1)
            self._data["last_row"][i, np.arange(start, last) % self.rows] = last

    def sample(self, batch_size: int, horizon: int, context: int = 0) -> Batch:
        """Draw windows that start uniformly over all stored transitions.

        Args:
            batch_size: number of windows B.
            horizon: transitions per window H; windows that reach the episode's end or the newest
                row earlier are masked from there on.
            context: observations C before each window; where the episode, or what is left of it,
                begins later, the first ones repeat it and do not count.

        Returns:
            A CPU `Batch` of fresh arrays.

        Raises:
            ValueError: nothing stored yet, or `horizon` does not fit into the ring.
        """
        if horizon >= self.rows:
            raise ValueError(f"horizon {horizon} does not fit into {self.rows} rows per stream")
        env, start = self._draw_starts(batch_size)
        index, mask = self._window(env, start, horizon)
        flat = self._flat
        steps = index[:, :-1]
        before, length = self._context(env, start, context)
        index = np.concatenate([before, index], 1)
        obs = {key: flat["obs." + key][index] for key in self._obs_keys}
        action, reward = flat["action"][steps], flat["reward"][steps]
        terminated = flat["terminated"][steps].astype(np.float32)
        if self._relabel is not None:
            self._hindsight(env, start, obs, reward, terminated)
        if not mask.all():
            action[~mask], reward[~mask], terminated[~mask] = 0, 0.0, 0.0
        return Batch(
            obs={key: torch.from_numpy(value[:, context:]) for key, value in obs.items()},
            action=torch.from_numpy(action),
            reward=torch.from_numpy(reward),
            terminated=torch.from_numpy(terminated),
            mask=torch.from_numpy(mask.astype(np.float32)),
            context={
                key: torch.from_numpy(value[:, :context]) for key, value in obs.items() if context
            },
            context_length=torch.from_numpy(length) if context else None,
        )

    def _draw_starts(self, batch_size: int) -> tuple[np.ndarray, np.ndarray]:
        """Streams [B] and rows [B] (not wrapped), uniform over valid transitions."""
        valid = self._count - self._first
        ends = np.cumsum(valid)
        if ends[-1] == 0:
            raise ValueError("the replay is empty: add transitions before sampling")
        draw = self._rng.integers(ends[-1], size=batch_size)
        env = np.searchsorted(ends, draw, side="right")
        ordinal = draw - (ends - valid - self._first)[env]
        return env, self._flat["ordinal_row"][env * self.rows + ordinal % self.rows]

    def _window(
        self, env: np.ndarray, start: np.ndarray, horizon: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Flat indices [B, H+1], repeating the last real observation, and mask [B, H]."""
        offset = np.arange(horizon + 1)
        slot = (start % self.rows)[:, None]
        base = (env * self.rows)[:, None]
        begins = self._flat["begins"][base + _wrap(slot + offset[:-1], self.rows)]
        mask = np.logical_and.accumulate(begins, axis=1)
        length = mask.sum(axis=1, keepdims=True)
        return base + _wrap(slot + np.minimum(offset, length), self.rows), mask

    def _context(
        self, env: np.ndarray, start: np.ndarray, count: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Flat indices [B, C] of the rows before `start`, and how many are of its episode [B]."""
        back = np.arange(count, 0, -1)
        row = start[:, None] - back
        oldest = self._flat["ordinal_row"][env * self.rows + self._first[env] % self.rows]
        base = (env * self.rows)[:, None]
        # Every row of the episode before `start` began a transition; the row before it did not.
        begins = self._flat["begins"][base + row % self.rows]
        there = np.logical_and(row >= oldest[:, None], begins)
        length = np.logical_and.accumulate(there[:, ::-1], axis=1).sum(axis=1)
        row = start[:, None] - np.minimum(back, length[:, None])
        return base + row % self.rows, length

    def _hindsight(
        self,
        env: np.ndarray,
        start: np.ndarray,
        obs: dict[str, np.ndarray],
        reward: np.ndarray,
        terminated: np.ndarray,
    ) -> None:
        """Give a share of the windows a goal achieved later in their episode, in place."""
        assert self._relabel is not None
        chosen = self._rng.random(len(env)) < self._relabel_ratio
        future = self._rng.random(len(env))
        newest = np.minimum(self._last_row(env, start), self._newest_row()[env])
        row = start + 1 + (future * (newest - start)).astype(np.int64)
        goal = self._flat["obs.achieved"][env * self.rows + row % self.rows][chosen]
        obs["goal"][chosen] = goal[:, None]
        horizon = reward.shape[1]
        achieved = obs["achieved"][chosen, -horizon:]  # a step is judged on what it reached
        goals = np.broadcast_to(goal[:, None], achieved.shape)
        shape = (-1, *goal.shape[1:])
        new = self._relabel(achieved.reshape(shape), goals.reshape(shape))
        reward[chosen] = np.asarray(new, np.float32).reshape(achieved.shape[:2])
        terminated[chosen] = 0.0

    def _last_row(self, env: np.ndarray, start: np.ndarray) -> np.ndarray:
        return self._flat["last_row"][env * self.rows + start % self.rows]

    def _newest_row(self) -> np.ndarray:
        """Row [N] of the newest observation: the head, or one before it after an episode's end."""
        return np.where(self._head == self._episode_start, self._head - 1, self._head)

    def state_dict(self) -> dict[str, Any]:
        """Everything needed to continue exactly: the rows in use, counters and the generator."""
        used = int(min(self._newest_row().max() + 1, self.rows))
        return {
            "data": {key: array[:, :used] for key, array in self._data.items()},
            "counters": {name: getattr(self, "_" + name).copy() for name in _COUNTERS},
            "rows": self.rows,
            "rng": self._rng.bit_generator.state,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over what `state_dict` returned.

        Raises:
            CheckpointError: the state belongs to a replay of another size or other spaces.
        """
        if state["rows"] != self.rows or set(state["data"]) != set(self._data):
            raise CheckpointError(
                f"The stored replay has {state['rows']} rows of {sorted(state['data'])}."
                f" This run expects {self.rows} rows of {sorted(self._data)}."
                " Resume with the replay_capacity, num_envs and environment of the run."
            )
        for key, array in self._data.items():
            stored = state["data"][key]
            if stored.shape[:1] + stored.shape[2:] != array.shape[:1] + array.shape[2:]:
                raise CheckpointError(
                    f"The stored replay has {key} of shape {stored.shape}, this run"
                    f" {array.shape}. Resume with the environment and num_envs of the run."
                )
            array[:] = 0
            array[:, : stored.shape[1]] = stored
        for name in _COUNTERS:
            setattr(self, "_" + name, np.array(state["counters"][name], np.int64))
        self._rng.bit_generator.state = state["rng"]


_COUNTERS = ("head", "episode_start", "first", "count")


def _wrap(index: np.ndarray, rows: int) -> np.ndarray:
    """Wrap indices below 2 * rows; a subtraction is several times cheaper than a modulo."""
    return index - rows * (index >= rows)


def _layout(
    observation_space: gym.spaces.Dict, action_space: gym.Space[Any], hindsight: bool
) -> dict[str, tuple[tuple[int, ...], Any]]:
    """Item shape and dtype of each stored array."""
    layout: dict[str, tuple[tuple[int, ...], Any]] = {}
    for key, space in observation_space.spaces.items():
        if space.shape is None or space.dtype is None:
            raise SpaceError(
                f"Observation '{key}' is a {type(space).__name__} space, which has no fixed shape."
                " The replay stores arrays of fixed shape. Flatten it in an observation wrapper."
            )
        is_float = np.issubdtype(space.dtype, np.floating)
        layout["obs." + key] = (space.shape, np.float32 if is_float else space.dtype)
    if isinstance(action_space, gym.spaces.Discrete):
        layout["action"] = ((), np.int64)
    elif isinstance(action_space, gym.spaces.Box):
        layout["action"] = (action_space.shape, np.float32)
    else:
        raise SpaceError(
            f"The action space is {action_space}. Box and Discrete actions are supported."
            " Type `daneel list envs` for environments that work."
        )
    layout |= {"reward": ((), np.float32), "terminated": ((), np.bool_), "begins": ((), np.bool_)}
    layout["ordinal_row"] = ((), np.int64)
    if hindsight:
        layout["last_row"] = ((), np.int64)
    return layout


def saving_bytes(replay_bytes: int, num_envs: int) -> int:
    """Bytes that saving a `Replay` of `replay_bytes` takes on top, at most.

    The rows in use of a single stream lie side by side and are written from where they are; those
    of several streams have unused rows between them until the rings are full, and are copied.
    """
    return replay_bytes if num_envs > 1 else 0


def memory_bytes(
    observation_space: gym.spaces.Dict,
    action_space: gym.Space[Any],
    capacity: int,
    num_envs: int = 1,
    hindsight: bool = False,
) -> int:
    """Bytes a full `Replay` of these arguments takes, without allocating it."""
    layout = _layout(observation_space, action_space, hindsight)
    row = sum(int(np.prod(item)) * np.dtype(dtype).itemsize for item, dtype in layout.values())
    return row * (capacity // num_envs) * num_envs
