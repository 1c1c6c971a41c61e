"""Reads the replay of one of our own run folders as a log: everything that a training lived.

Legend: N streams of the replay, R rows of each.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from daneel.training import checkpoint
from daneel.training.logs.episode import LogError, LoggedEpisode
from daneel.training.run_folder import RunFolder

NAME = "run folder"
_OBS = "obs."


def holds(path: Path) -> bool:
    """Whether `path` is a run folder."""
    return (path / "config.yaml").is_file() and (path / "checkpoints").is_dir()


def env(path: Path) -> dict[str, Any] | None:
    """The environment of the run, as configuration."""
    return {**RunFolder.open(path).config()["env"], "num_envs": 1}


def episodes(path: Path) -> Iterator[LoggedEpisode]:
    """Every episode that the newest checkpoint's replay still holds; the one under way is cut off.

    Raises:
        CheckpointError: There is no checkpoint, or it is damaged.
        LogError: The run's agent keeps its replay in another form.
    """
    run = RunFolder.open(path)
    replay = checkpoint.load(run.checkpoint(), only=["replay"])["replay"]
    if "data" not in replay or "counters" not in replay:
        raise LogError(
            f"The run {path} was trained by Stable-Baselines3, which keeps its replay in a form "
            "of its own. Expected a run of Daneel's planner. Type `daneel train ENV` to make one."
        )
    for stream in range(len(replay["counters"]["head"])):
        yield from _stream(replay, stream)


def _stream(replay: dict[str, Any], stream: int) -> Iterator[LoggedEpisode]:
    """Episodes are runs of rows that follow each other and begin a transition."""
    data, rows = replay["data"], replay["rows"]
    counters = {name: int(values[stream]) for name, values in replay["counters"].items()}
    ordinals = np.arange(counters["first"], counters["count"]) % rows
    begins = data["ordinal_row"][stream][ordinals]
    for part in np.split(begins, np.flatnonzero(np.diff(begins) != 1) + 1):
        if len(part):
            yield _episode(data, stream, part, rows)


def _episode(data: dict[str, Any], stream: int, part: np.ndarray, rows: int) -> LoggedEpisode:
    here, seen = part % rows, np.append(part, part[-1] + 1) % rows
    return LoggedEpisode(
        obs={
            key.removeprefix(_OBS): value[stream][seen]
            for key, value in data.items()
            if key.startswith(_OBS)
        },
        action=data["action"][stream][here],
        reward=data["reward"][stream][here],
        terminated=bool(data["terminated"][stream][here[-1]]),
    )
