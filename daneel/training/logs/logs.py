"""From paths to a replay of everything they hold, checked against an environment's spaces.

Legend: N transitions, R rows of the replay, D numbers of a modality.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from gymnasium import spaces

from daneel.registry import Entry, Registry
from daneel.training.logs.episode import LogError, LoggedEpisode, fitted, within_bounds
from daneel.training.ram import check_memory
from daneel.training.replay import Replay, memory_bytes

_HERE = "daneel.training.logs."
_LEAST_ROWS = 64  # a window must fit into the ring
LAYOUTS = Registry(
    "log layout",
    Entry("run", _HERE + "run_replay", "a run folder of `daneel train`: the replay of its agent"),
    Entry("lerobot", _HERE + "lerobot", "a LeRobot dataset, as `daneel demos collect` writes"),
    Entry("minari", _HERE + "minari", "a Minari dataset on disk: HDF5, Arrow or Parquet"),
)
"""Each entry is a module that is a `Layout`."""


class Layout(Protocol):
    """What a module that reads logs has."""

    NAME: str
    """What people call the layout."""

    def holds(self, path: Path) -> bool:
        """Whether `path` is of this layout."""
        ...

    def env(self, path: Path) -> dict[str, Any] | None:
        """The environment of the log, as configuration; None where it does not say."""
        ...

    def episodes(self, path: Path) -> Iterator[LoggedEpisode]:
        """All episodes as they are written down."""
        ...


@dataclass(frozen=True)
class Logs:
    """Everything that some logs hold, ready to draw batches from."""

    replay: Replay
    """All transitions."""
    best: Replay
    """Those of the episodes with the most reward; without rewards all of them."""
    has_rewards: bool
    """Whether every episode has rewards."""
    returns: tuple[float, ...]
    """Sum of rewards of each episode; empty without rewards."""
    lengths: tuple[int, ...]
    """Decisions of each episode."""
    clipped: float
    """Share of the actions that were beyond the bounds, and were clipped."""
    low: dict[str, np.ndarray]
    """Least value of each entry of every modality of vectors [D]."""
    high: dict[str, np.ndarray]
    """Greatest value of each [D]."""
    sha256: str
    """Over all numbers, in order: the same logs have the same."""

    def line(self) -> str:
        """What there is, for people."""
        parts = [f"{len(self.lengths):,} episodes", f"{len(self.replay):,} transitions"]
        if self.has_rewards:
            parts.append(f"mean return {np.mean(self.returns):,.1f}")
        else:
            parts.append("no rewards")
        return ", ".join(parts)


def logged_env(paths: Sequence[str]) -> dict[str, Any] | None:
    """The environment that the first of `paths` was recorded in; None where it does not say.

    Raises:
        LogError: It is no log.
    """
    path = Path(paths[0])
    return _layout(path).env(path)


def read_logs(
    paths: Sequence[str],
    observation: spaces.Dict,
    action: spaces.Space[Any],
    rng: np.random.Generator,
    best: float = 0.5,
) -> Logs:
    """Reads logs for an environment with these spaces.

    Args:
        paths: Datasets or folders of datasets.
        observation: Of one environment.
        action: Of one environment.
        rng: Draws the batches.
        best: Share of the episodes that are worth imitating, at least one.

    Raises:
        LogError: There is nothing, or something does not fit; the message says what and where.
        MemoryBudgetError: It does not fit in memory.
    """
    found = list(_episodes(paths, observation, action))
    named = ", ".join(paths)
    if not found:
        raise LogError(
            f"{named} holds no transition: an observation, an action and what came of it. Expected "
            "at least one episode of two observations. Record something first."
        )
    has_rewards = _have_rewards(found, named)
    replay, clipped = _fill(found, observation, action, rng, named)
    if clipped:
        warnings.warn(
            f"{clipped:.1%} of the actions in {named} are beyond the bounds of the environment and"
            " were clipped to them.",
            stacklevel=2,
        )
    returns = tuple(_sum(one.reward) for one in found) if has_rewards else ()
    chosen = replay
    if has_rewards and best < 1:
        order = np.argsort(returns, kind="stable")[::-1][: max(round(best * len(found)), 1)]
        chosen, _ = _fill([found[i] for i in sorted(order)], observation, action, rng, named)
    vectors = [key for key, space in observation.items() if len(space.shape or ()) == 1]
    return Logs(
        replay=replay,
        best=chosen,
        has_rewards=has_rewards,
        returns=returns,
        lengths=tuple(map(len, found)),
        clipped=clipped,
        low={key: np.min([one.obs[key].min(0) for one in found], 0) for key in vectors},
        high={key: np.max([one.obs[key].max(0) for one in found], 0) for key in vectors},
        sha256=_digest(found),
    )


def _episodes(
    paths: Sequence[str], observation: spaces.Dict, action: spaces.Space[Any]
) -> Iterator[LoggedEpisode]:
    """Every episode that holds something, in the order of the paths."""
    for path in map(Path, paths):
        layout = _layout(path)
        for index, episode in enumerate(layout.episodes(path)):
            if len(episode):
                where = f"{path} ({layout.NAME}), episode {index}"
                yield fitted(episode, observation, action, where)


def _layout(path: Path) -> Layout:
    if not path.exists():
        raise LogError(
            f"There is no log at {path}. Expected a folder. Type `ls {path.parent}` to see what "
            "there is."
        )
    for name in LAYOUTS.names():
        layout: Layout = LAYOUTS.load(name)
        if layout.holds(path):
            return layout
    raise LogError(
        f"{path} is no log that Daneel can read. Expected a LeRobot dataset (meta/info.json), a "
        "Minari dataset (data/main_data.hdf5), a run folder, or a folder of LeRobot datasets. "
        "Type `daneel demos collect TASK` or `daneel train ENV` to record one."
    )


def _have_rewards(found: Sequence[LoggedEpisode], named: str) -> bool:
    without = sum(one.reward is None for one in found)
    if 0 < without < len(found):
        raise LogError(
            f"In {named}, {without} of {len(found)} episodes have no rewards. Expected all or none."
            " Name only datasets with rewards, or only datasets without."
        )
    return not without


def _sum(reward: np.ndarray | None) -> float:
    assert reward is not None
    return float(reward.sum(dtype=np.float64))


def _digest(found: Sequence[LoggedEpisode]) -> str:
    digest = hashlib.sha256()
    for one in found:
        for name, value in {**one.obs, "action": one.action, "reward": one.reward}.items():
            digest.update(f"{name} {None if value is None else value.shape}\n".encode())
            if value is not None:
                digest.update(np.ascontiguousarray(value).tobytes())
        digest.update(str(one.terminated).encode())
    return digest.hexdigest()


def _fill(
    found: Sequence[LoggedEpisode],
    observation: spaces.Dict,
    action: spaces.Space[Any],
    rng: np.random.Generator,
    named: str,
) -> tuple[Replay, float]:
    """A replay of one stream that holds all episodes, and the share of clipped actions.

    It is filled by the state that adding every transition would have led to (`Replay.add`).
    """
    rows = sum(len(one) + 1 for one in found)
    capacity = max(rows + 1, _LEAST_ROWS)
    check_memory(memory_bytes(observation, action, capacity))
    replay = Replay(observation, action, capacity, 1, rng)
    acted, clipped = within_bounds(np.concatenate([_padded(one.action) for one in found]), action,
                                   named)  # fmt: skip
    begins = np.concatenate([np.arange(len(one) + 1) < len(one) for one in found])
    where = np.flatnonzero(begins)
    ends = np.concatenate([np.arange(len(one) + 1) == len(one) - 1 for one in found])
    over = np.concatenate([np.full(len(one) + 1, one.terminated) for one in found])
    data: dict[str, np.ndarray] = {
        f"obs.{key}": np.concatenate([one.obs[key] for one in found]) for key in observation
    }
    data |= {
        "action": acted,
        "reward": np.concatenate([_padded(_rewards(one)) for one in found]),
        "terminated": ends & over,
        "begins": begins,
        "ordinal_row": np.concatenate([where, np.zeros(rows - len(where), np.int64)]),
    }
    counters: Mapping[str, int] = {
        "head": rows, "episode_start": rows, "first": 0, "count": len(where),
    }  # fmt: skip
    replay.load_state_dict(
        {
            "data": {key: value[None] for key, value in data.items()},
            "counters": {name: np.array([value]) for name, value in counters.items()},
            "rows": replay.rows,
            "rng": rng.bit_generator.state,
        }
    )
    return replay, clipped


def _rewards(episode: LoggedEpisode) -> np.ndarray:
    return np.zeros(len(episode), np.float32) if episode.reward is None else episode.reward


def _padded(values: np.ndarray) -> np.ndarray:
    """One more row, for the episode's last observation."""
    return np.concatenate([values, values[-1:]])
