"""The tables of instructions and of episodes of version 3.0."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from daneel.training.demos import layout
from daneel.training.demos.arrow import pa, read_table
from daneel.training.demos.layout import DatasetError, EpisodeRow, Film, Info

_WITHOUT_NAME = "__index_level_0__"
"""What pandas calls the column of an index without a name: older datasets have it."""


def tasks_table(instructions: Sequence[str]) -> Any:
    """Instructions in the order of their `task_index`.

    LeRobot reads it with pandas and finds the instruction in the index, so the table carries what
    pandas writes of an index.
    """
    named = {"field_name": "task", "name": "task", "numpy_type": "object"}
    notes = {
        "index_columns": ["task"],
        "column_indexes": [],
        "columns": [
            {"field_name": "task_index", "name": "task_index", "numpy_type": "int64"}
            | {"pandas_type": "int64", "metadata": None},
            named | {"pandas_type": "unicode", "metadata": None},
        ],
        "creator": {"library": "pyarrow", "version": pa.__version__},
        "pandas_version": "2.0.0",
    }
    table = pa.table(
        {
            "task_index": pa.array(range(len(instructions)), pa.int64()),
            "task": pa.array(list(instructions), pa.string()),
        }
    )
    return table.replace_schema_metadata({"pandas": json.dumps(notes)})


def episodes_table(rows: Sequence[Mapping[str, Any]]) -> Any:
    """A row per episode; arrays become lists."""
    place = {"meta/episodes/chunk_index": 0, "meta/episodes/file_index": 0}
    plain = [
        {key: value.tolist() if hasattr(value, "tolist") else value for key, value in row.items()}
        for row in rows
    ]
    return pa.Table.from_pylist([{**row, **place} for row in plain])


def read_tasks(root: Path) -> dict[int, str]:
    """Instructions by `task_index`.

    Raises:
        DatasetError: The table is absent, cut short, or has other columns.
    """
    columns = read_table(root / layout.TASKS).to_pydict()
    texts = next((columns[key] for key in ("task", _WITHOUT_NAME) if key in columns), None)
    if texts is None or "task_index" not in columns:
        raise DatasetError(
            f"{root / layout.TASKS} has the columns {', '.join(columns)}. Expected 'task_index' "
            "and 'task'. The dataset is not whole: copy it again."
        )
    return dict(zip(columns["task_index"], texts, strict=True))


def read_episodes(root: Path, info: Info) -> list[EpisodeRow]:
    """What the metadata says of every episode, in order.

    Raises:
        DatasetError: A table is absent, cut short, or lacks a column.
    """
    paths = sorted((root / layout.EPISODES_FOLDER).glob("*/*.parquet"))
    rows = [row for path in paths for row in _plain_rows(path)]
    cameras = [key for key, feature in info.features.items() if feature.dtype == "video"]
    try:
        found = [_episode(root, info, row, cameras) for row in rows]
    except KeyError as error:
        raise DatasetError(
            f"{root / layout.EPISODES_FOLDER} lacks the column {error}. Expected what LeRobot "
            f"{info.version} writes. The dataset is not whole: copy it again."
        ) from error
    return sorted(found, key=lambda episode: episode.index)


def _plain_rows(path: Path) -> Iterable[dict[str, Any]]:
    """Rows without statistics, of which there are many."""
    table = read_table(path)
    kept = [name for name in table.column_names if not name.startswith("stats/")]
    return table.select(kept).to_pylist()


def _episode(root: Path, info: Info, row: Mapping[str, Any], cameras: Sequence[str]) -> EpisodeRow:
    data = info.data_path.format(
        chunk_index=row["data/chunk_index"], file_index=row["data/file_index"]
    )
    return EpisodeRow(
        index=row["episode_index"],
        tasks=tuple(row["tasks"] or ()),
        start=row["dataset_from_index"],
        stop=row["dataset_to_index"],
        data=root / data,
        films={key: _film(root, info, row, key) for key in cameras},
    )


def _film(root: Path, info: Info, row: Mapping[str, Any], key: str) -> Film:
    path = (info.video_path or layout.VIDEO).format(
        video_key=key,
        chunk_index=row[f"videos/{key}/chunk_index"],
        file_index=row[f"videos/{key}/file_index"],
    )
    return Film(root / path, float(row[f"videos/{key}/from_timestamp"]))
