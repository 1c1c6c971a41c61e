"""Reads Minari datasets (Farama-Foundation/Minari, 0.4 and 0.5) from disk, without the package.

    <dataset>/data/main_data.hdf5        a group `episode_N` each: observations [T + 1, ...],
                                         actions, rewards, terminations, truncations [T, ...]
    <dataset>/data/metadata.json         since 0.5: spaces, the environment's spec
    <dataset>/data/N/part-0.{arrow,parquet}   the same in columns of T + 1 rows, the last one padded

Observations of one array are the modality `state`, those of a goal environment `state`, `achieved`
and `goal`; other dictionaries keep their keys. Needs h5py or pyarrow, of the extra `demos`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from daneel.errors import MissingExtraError
from daneel.training.logs.episode import LogError, LoggedEpisode

NAME = "Minari"

_HDF5, _META = "main_data.hdf5", "metadata.json"
_TABLES = ("arrow", "parquet")
_GOAL_KEYS = {"observation": "state", "achieved_goal": "achieved", "desired_goal": "goal"}


def holds(path: Path) -> bool:
    """Whether `path` is a dataset (or its folder `data`)."""
    folder = _data(path)
    return (folder / _HDF5).exists() or _table_format(folder) is not None


def env(path: Path) -> dict[str, Any] | None:
    """The environment that the dataset was recorded in, as configuration; None if it is unsaid."""
    spec = _metadata(_data(path)).get("env_spec")
    if not spec:
        return None
    found = json.loads(spec) if isinstance(spec, str | bytes) else spec
    return {"id": found["id"], "kwargs": found.get("kwargs") or {}}


def episodes(path: Path) -> Iterator[LoggedEpisode]:
    """Every episode, in order.

    Raises:
        LogError: A file is damaged, or actions or observations are of a kind that has no arrays.
        MissingExtraError: The package that reads the file is not installed.
    """
    folder = _data(path)
    kind = _table_format(folder)
    found = _from_hdf5(folder / _HDF5) if kind is None else _from_tables(folder, kind)
    for index, parts in enumerate(found):
        yield _episode(parts, f"episode {index} of {path}")


def _data(path: Path) -> Path:
    return path / "data" if (path / "data").is_dir() else path


def _table_format(folder: Path) -> str | None:
    if not (folder / _META).exists():
        return None
    kind = _metadata(folder).get("data_format")
    return kind if kind in _TABLES else None


def _metadata(folder: Path) -> dict[str, Any]:
    file = folder / _META
    if not file.exists():
        return {}
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise _damaged(file, error) from error
    return found if isinstance(found, dict) else {}


def _episode(parts: Mapping[str, Any], where: str) -> LoggedEpisode:
    seen, action = parts["observations"], parts["actions"]
    if isinstance(seen, Mapping):
        is_goal = set(_GOAL_KEYS) <= set(seen)
        names = _GOAL_KEYS if is_goal else {}
        obs: dict[str, Any] = {names.get(str(key), str(key)): seen[key] for key in seen}
    else:
        obs = {"image" if np.ndim(seen) == 4 else "state": seen}
    nested = isinstance(action, Mapping) or any(isinstance(v, Mapping) for v in obs.values())
    if nested or any(np.asarray(v).dtype.kind not in "fiub" for v in obs.values()):
        raise LogError(
            f"{where} has nested or encoded observations or actions. Expected arrays of numbers, "
            "or one dictionary of them. Flatten the spaces when you record the dataset."
        )
    ended = np.asarray(parts["terminations"], bool)
    return LoggedEpisode(
        obs={key: np.asarray(value) for key, value in obs.items()},
        action=np.asarray(action),
        reward=np.asarray(parts["rewards"], np.float32),
        terminated=bool(ended[-1]) if len(ended) else False,
    )


_PARTS = ("observations", "actions", "rewards", "terminations")


def _from_hdf5(path: Path) -> Iterator[dict[str, Any]]:
    try:
        import h5py
    except ImportError as error:
        raise _missing("h5py") from error
    try:
        with h5py.File(path, "r") as file:
            names = sorted(map(str, file), key=lambda name: int(name.rpartition("_")[2]))
            for name in names:
                group: Any = file[name]
                yield {part: _plain(group[part], h5py.Group) for part in _PARTS}
    except (OSError, KeyError, ValueError) as error:
        raise _damaged(path, error) from error


def _plain(node: Any, group: type) -> Any:
    """Arrays of a dataset, dictionaries of a group."""
    return {key: _plain(node[key], group) for key in node} if isinstance(node, group) else node[()]


def _from_tables(folder: Path, kind: str) -> Iterator[dict[str, Any]]:
    try:
        import pyarrow.dataset as tables
    except ImportError as error:
        raise _missing("pyarrow") from error
    numbers = sorted(int(one.name) for one in folder.iterdir() if one.name.isdigit())
    for number in numbers:
        files = sorted(str(file) for file in (folder / str(number)).glob(f"*.{kind}"))
        try:
            table = tables.dataset(files, format=kind).to_table()
            columns = {part: _column(table.column(part)) for part in _PARTS}
        except (OSError, KeyError, ValueError) as error:
            raise _damaged(folder / str(number), error) from error
        yield {k: v if k == "observations" else v[:-1] for k, v in columns.items()}


def _column(column: Any) -> Any:
    rows = column.to_pylist()
    if rows and isinstance(rows[0], dict):
        return {key: np.array([row[key] for row in rows]) for key in rows[0]}
    return np.array(rows)


def _missing(package: str) -> MissingExtraError:
    return MissingExtraError(
        f"Minari datasets need the Python package {package!r}, which is not installed. It comes "
        "with the extra 'demos'. Type `pip install \"daneel[demos]\"`."
    )


def _damaged(path: Path, error: Exception) -> LogError:
    return LogError(
        f"Cannot read {path}: {error}. Expected a whole dataset in Minari's layout. "
        "Download or record it again."
    )
