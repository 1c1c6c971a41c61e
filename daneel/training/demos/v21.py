"""The metadata of version 2.1: JSON lines, and files of one episode each."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from daneel.training.demos.layout import DatasetError, EpisodeRow, Film, Info

TASKS, EPISODES = "meta/tasks.jsonl", "meta/episodes.jsonl"


def read_tasks(root: Path) -> dict[int, str]:
    """Instructions by `task_index`.

    Raises:
        DatasetError: The file is absent or no JSON lines.
    """
    return {row["task_index"]: row["task"] for row in _rows(root / TASKS, "task_index", "task")}


def read_episodes(root: Path, info: Info) -> list[EpisodeRow]:
    """What the metadata says of every episode, in order.

    Raises:
        DatasetError: The file is absent or no JSON lines.
    """
    rows = _rows(root / EPISODES, "episode_index", "length")
    cameras = [key for key, feature in info.features.items() if feature.dtype == "video"]
    found: list[EpisodeRow] = []
    for row in sorted(rows, key=lambda row: row["episode_index"]):
        index, start = row["episode_index"], found[-1].stop if found else 0
        place = {"episode_chunk": index // info.chunks_size, "episode_index": index}
        pattern = info.video_path or ""
        films = {key: Film(root / pattern.format(video_key=key, **place), 0.0) for key in cameras}
        data = root / info.data_path.format(**place)
        tasks = tuple(row.get("tasks", ()))
        found.append(EpisodeRow(index, tasks, start, start + row["length"], data, films))
    return found


def _rows(path: Path, *keys: str) -> list[dict[str, Any]]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
        rows = [json.loads(line) for line in lines if line.strip()]
    except (OSError, ValueError) as error:
        raise _bad(path, str(error)) from error
    for row in rows:
        if not isinstance(row, dict) or not set(keys) <= set(row):
            raise _bad(path, f"a line is {str(row)[:80]!r}")
    return rows


def _bad(path: Path, why: str) -> DatasetError:
    return DatasetError(
        f"Cannot read {path}: {why}. Expected JSON lines of a LeRobot dataset v2.1. "
        "The dataset is not whole: copy it again."
    )
