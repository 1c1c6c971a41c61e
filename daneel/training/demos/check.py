"""Says what is wrong with a dataset: every problem that can be found, each in one sentence."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from daneel.training.demos import layout
from daneel.training.demos.arrow import column_names
from daneel.training.demos.film import count_frames
from daneel.training.demos.layout import DatasetError, EpisodeRow
from daneel.training.demos.origin import changed_files
from daneel.training.demos.reader import DemoDataset
from daneel.training.demos.statistics import column_statistics

TIME_TOLERANCE_S = 1e-4
"""How far LeRobot lets a timestamp be from its frame."""
_STATISTICS = {"min": 1e-6, "max": 1e-6, "mean": 1e-3, "std": 1e-3, "count": 0.0}
"""Tolerance of each statistic as a share of the column's range; other writers round, too."""


def find_problems(path: Path) -> list[str]:
    """Problems of the dataset in `path`, none when it is sound; one that hides others ends it.

    Checked are: counts, files and their columns, indices, timestamps, instructions, finite numbers,
    statistics, films, and the hashes of a dataset that was made here.
    """
    problems: list[str] = []
    try:
        problems += changed_files(path)
        dataset = DemoDataset(path)
        problems += _counts(dataset)
        problems += _missing_columns(dataset)
        gaps = list(_gaps(dataset))
        if gaps:
            return problems + gaps
        columns = dataset.columns()
    except DatasetError as error:
        return [*problems, str(error)]
    problems += _films(dataset)
    if columns:
        problems += _indices(dataset, columns)
        problems += _tasks(dataset, columns)
        problems += _not_finite(columns)
        problems += _statistics(dataset, columns)
    return problems


def _counts(dataset: DemoDataset) -> Iterator[str]:
    episodes, info = dataset.episodes, dataset.info
    found = {
        "total_episodes": (info.total_episodes, len(episodes)),
        "total_frames": (info.total_frames, sum(row.length for row in episodes)),
        "total_tasks": (info.total_tasks, len(dataset.tasks)),
    }
    for name, (said, counted) in found.items():
        if said != counted:
            yield f"info.json says {name} {said}, and the tables have {counted}"
    if [row.index for row in episodes] != list(range(len(episodes))):
        yield "the table of episodes does not number them 0, 1, 2, ..."


def _gaps(dataset: DemoDataset) -> Iterator[str]:
    episodes = dataset.episodes
    ends = [0, *(row.stop for row in episodes)]
    for row, end in zip(episodes, ends, strict=False):
        if row.start != end or row.length < 1:
            yield f"episode {row.index} spans the rows {row.start} to {row.stop}, not from {end} on"


def _missing_columns(dataset: DemoDataset) -> Iterator[str]:
    info = dataset.info
    for key in layout.INDEX_COLUMNS:
        if key not in info.features:
            yield f"info.json names no feature {key!r}"
    expected = {key for key, feature in info.features.items() if feature.dtype != "video"}
    for path in {row.data for row in dataset.episodes}:
        found = set(column_names(path))
        for key in sorted(expected ^ found):
            where = (
                "no column in" if key in expected else "no feature in info.json, but a column in"
            )
            yield f"{key!r} is {where} {path.relative_to(dataset.path)}"


def _indices(dataset: DemoDataset, columns: dict[str, np.ndarray]) -> Iterator[str]:
    rows = dataset.episodes
    lengths = np.array([row.length for row in rows])
    frame = np.concatenate([np.arange(length) for length in lengths])
    expected = {
        "index": np.arange(len(frame)),
        "episode_index": np.repeat([row.index for row in rows], lengths),
        "frame_index": frame,
    }
    for key, value in expected.items():
        if key in columns and not np.array_equal(columns[key], value):
            at = int(np.flatnonzero(columns[key] != value)[0])
            yield f"{key!r} is {columns[key][at]} in row {at}, and {value[at]} was expected"
    if "timestamp" in columns:
        late = np.abs(columns["timestamp"] - frame / dataset.info.fps)
        # float32 cannot say large times to a tenth of a millisecond
        allowed = TIME_TOLERANCE_S + np.spacing(columns["timestamp"])
        if (late > allowed).any():
            at = int(np.argmax(late > allowed))
            yield (
                f"'timestamp' is {columns['timestamp'][at]:.4f} s in row {at}, and "
                f"{frame[at] / dataset.info.fps:.4f} s was expected"
            )
    if layout.DONE in columns and not columns[layout.DONE][np.cumsum(lengths) - 1].all():
        yield f"{layout.DONE!r} is not true in the last row of every episode"


def _tasks(dataset: DemoDataset, columns: dict[str, np.ndarray]) -> Iterator[str]:
    if "task_index" not in columns:
        return
    for row in dataset.episodes:
        used = {int(number) for number in np.unique(columns["task_index"][row.start : row.stop])}
        without_text = used - set(dataset.tasks)
        if without_text:
            yield f"episode {row.index} has task {min(without_text)}, which has no text"
        elif row.tasks and {dataset.tasks[number] for number in used} != set(row.tasks):
            yield f"episode {row.index} has other instructions in its rows than in its table"


def _not_finite(columns: dict[str, np.ndarray]) -> Iterator[str]:
    for key, value in columns.items():
        if value.dtype.kind == "f" and not np.isfinite(value).all():
            row = int(np.argwhere(~np.isfinite(value))[0, 0])
            yield f"{key!r} is not finite in row {row}"


def _statistics(dataset: DemoDataset, columns: dict[str, np.ndarray]) -> Iterator[str]:
    path = dataset.path / layout.STATS
    if not path.exists():
        if dataset.info.version == layout.VERSION:
            yield f"{layout.STATS} is missing"
        return
    try:
        recorded = layout.read_json(path)
    except DatasetError as error:
        yield str(error)
        return
    for key, value in columns.items():
        if key not in recorded:
            yield f"{layout.STATS} has nothing of {key!r}"
        elif np.isfinite(value).all():
            yield from _compare(key, recorded[key], value)


def _compare(key: str, recorded: Any, value: np.ndarray) -> Iterator[str]:
    exact = column_statistics(value)
    span = np.maximum(exact["max"] - exact["min"], np.abs(exact["max"])) + 1e-9
    for name, tolerance in _STATISTICS.items():
        if not isinstance(recorded, dict) or name not in recorded:
            yield f"{layout.STATS} has no {name!r} of {key!r}"
            continue
        try:
            said = np.asarray(recorded[name], np.float64).reshape(exact[name].shape)
        except (TypeError, ValueError):
            yield f"{layout.STATS}: {name!r} of {key!r} has another size than the column"
            continue
        if (np.abs(said - exact[name]) > tolerance * (span if tolerance else 1.0)).any():
            yield f"{layout.STATS}: {name!r} of {key!r} is {said}, and the rows give {exact[name]}"


def _films(dataset: DemoDataset) -> Iterator[str]:
    ends: dict[Path, float] = {}
    for row in dataset.episodes:
        for film in row.films.values():
            ends[film.path] = max(ends.get(film.path, 0.0), _end_s(dataset, row, film.start_s))
    for path, end_s in ends.items():
        needed, found = round(end_s * dataset.info.fps), count_frames(path)
        if found < needed:
            name = path.relative_to(dataset.path)
            yield f"{name} has {found} frames that can be decoded, and {needed} are needed"


def _end_s(dataset: DemoDataset, row: EpisodeRow, start_s: float) -> float:
    return start_s + row.length / dataset.info.fps
