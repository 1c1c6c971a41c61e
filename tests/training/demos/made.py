"""Datasets for tests: random ones through our writer, and one written by hand without it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import imageio.v2 as iio
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from daneel.training.demos import DatasetWriter, Demonstration


def random_episode(rng: np.random.Generator, steps: int, image: int | None = None) -> Demonstration:
    """Columns of every type, with the numbers that rounding would show."""
    state = rng.standard_normal((steps, 3)).astype(np.float32)
    state[0] = -0.0, np.finfo(np.float32).smallest_subnormal, np.finfo(np.float32).max
    frames = {}
    if image is not None:
        shades = np.linspace(0, 250, steps).astype(np.uint8)
        frames["observation.images.main"] = np.broadcast_to(
            shades[:, None, None, None], (steps, image, image, 3)
        )
    return Demonstration(
        instruction=str(rng.choice(["open it", "öffne es", "close it"])),
        columns={
            "observation.state": state,
            "observation.precise": rng.standard_normal((steps, 2)),
            "observation.counts": rng.integers(-(2**62), 2**62, (steps, 4)),
            "action": rng.standard_normal((steps, 1)).astype(np.float32),
            "next.reward": rng.standard_normal(steps).astype(np.float32),
            "next.done": np.arange(steps) == steps - 1,
        },
        frames=frames,
        facts={"daneel/seed": 7},
    )


def write(path: Path, lengths: tuple[int, ...] = (5, 3, 8), image: int | None = None) -> list[Any]:
    """A dataset of random episodes; returns them."""
    rng = np.random.default_rng(3)
    episodes = [random_episode(rng, steps, image) for steps in lengths]
    with DatasetWriter(path, fps=10, robot_type="arm", names={"action": ["push"]}) as writer:
        for episode in episodes:
            writer.add(episode)
        writer.finish({"skill": "test"})
    return episodes


TASKS = ["put the cube in the box", "push the cube"]
LENGTHS = [4, 3, 5]
_FPS = 5


def foreign_rows() -> dict[str, list[Any]]:
    """Rows as a robot's recorder has them: plain lists, an action of two, a state of one."""
    episode = np.repeat(np.arange(3), LENGTHS)
    frame = np.concatenate([np.arange(length) for length in LENGTHS])
    return {
        "observation.state": [[0.5 * i] for i in range(12)],
        "action": [[float(i), -float(i)] for i in range(12)],
        "next.reward": [0.0] * 12,
        "timestamp": (frame / _FPS).tolist(),
        "frame_index": frame.tolist(),
        "episode_index": episode.tolist(),
        "index": list(range(12)),
        "task_index": (episode % 2).tolist(),
    }


def foreign_v30(root: Path, films: bool = False) -> Path:
    """Version 3.0 by hand: two data files, pandas' nameless index, lists without a fixed size."""
    _info(root, "v3.0", "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet", films)
    rows = _table(foreign_rows())
    _write(rows.slice(0, 7), root / "data/chunk-000/file-000.parquet")
    _write(rows.slice(7), root / "data/chunk-000/file-001.parquet")
    tasks = {"task_index": [0, 1], "__index_level_0__": TASKS}
    _write(pa.table(tasks), root / "meta/tasks.parquet")
    ends = np.cumsum(LENGTHS).tolist()
    episodes: dict[str, list[Any]] = {
        "episode_index": [0, 1, 2],
        "tasks": [[TASKS[i % 2]] for i in range(3)],
        "length": LENGTHS,
        "data/chunk_index": [0, 0, 0],
        "data/file_index": [0, 0, 1],
        "dataset_from_index": [0, *ends[:-1]],
        "dataset_to_index": ends,
        "stats/action/mean": [[0.0, 0.0]] * 3,
    }
    if films:
        key = "videos/observation.images.front"
        episodes |= {f"{key}/chunk_index": [0] * 3, f"{key}/file_index": [0] * 3}
        episodes[f"{key}/from_timestamp"] = [start / _FPS for start in [0, *ends[:-1]]]
        film(root / "videos/observation.images.front/chunk-000/file-000.mp4", range(12))
    _write(pa.table(episodes), root / "meta/episodes/chunk-000/file-000.parquet")
    _statistics(root)
    return root


def foreign_v21(root: Path) -> Path:
    """Version 2.1 by hand: a file per episode, metadata in JSON lines."""
    _info(root, "v2.1", "data/chunk-{episode_chunk:03d}/episode_{episode_index:06d}.parquet", True)
    rows, start = _table(foreign_rows()), 0
    for index, length in enumerate(LENGTHS):
        _write(rows.slice(start, length), root / f"data/chunk-000/episode_{index:06d}.parquet")
        name = f"videos/chunk-000/observation.images.front/episode_{index:06d}.mp4"
        film(root / name, range(start, start + length))
        start += length
    _lines(
        root / "meta/tasks.jsonl", [{"task_index": i, "task": text} for i, text in enumerate(TASKS)]
    )
    _lines(
        root / "meta/episodes.jsonl",
        [{"episode_index": i, "tasks": [TASKS[i % 2]], "length": n} for i, n in enumerate(LENGTHS)],
    )
    return root


def film(path: Path, shades: range) -> None:
    """A film whose frame k is as bright as twenty times the number that stands for it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    frames: list[Any] = [np.full((16, 32, 3), 20 * shade, np.uint8) for shade in shades]
    kind: Any = "FFMPEG"
    iio.mimwrite(path, frames, format=kind, fps=_FPS, macro_block_size=2)


def _info(root: Path, version: str, data_path: str, films: bool) -> None:
    features: dict[str, Any] = {
        "observation.state": {"dtype": "float32", "shape": [1], "names": {"motors": ["a"]}},
        "action": {"dtype": "float32", "shape": [2], "names": None},
        "next.reward": {"dtype": "float32", "shape": [1], "names": None},
        "timestamp": {"dtype": "float32", "shape": [1], "names": None},
    }
    for key in ("frame_index", "episode_index", "index", "task_index"):
        features[key] = {"dtype": "int64", "shape": [1], "names": None}
    if films:
        features["observation.images.front"] = {"dtype": "video", "shape": [16, 32, 3]}
    video = "videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4"
    if version == "v2.1":
        video = "videos/chunk-{episode_chunk:03d}/{video_key}/episode_{episode_index:06d}.mp4"
    info = {
        "codebase_version": version,
        "robot_type": "so101",
        "total_episodes": 3,
        "total_frames": 12,
        "total_tasks": 2,
        "chunks_size": 1000,
        "fps": _FPS,
        "splits": {"train": "0:3"},
        "data_path": data_path,
        "video_path": video,
        "features": features,
    }
    (root / "meta").mkdir(parents=True)
    (root / "meta/info.json").write_text(json.dumps(info))


def _statistics(root: Path) -> None:
    found = {}
    for key, column in foreign_rows().items():
        values = np.array(column, float).reshape(12, -1)
        one = {name: getattr(values, name)(0).tolist() for name in ("min", "max", "mean", "std")}
        found[key] = {**one, "count": [12]}
    (root / "meta/stats.json").write_text(json.dumps(found))


def _table(rows: dict[str, list[Any]]) -> Any:
    floats = ("observation.state", "action")
    columns = {key: pa.array(value) for key, value in rows.items()}
    columns |= {key: pa.array(rows[key], pa.list_(pa.float32())) for key in floats}
    for key in ("next.reward", "timestamp"):
        columns[key] = pa.array(rows[key], pa.float32())
    return pa.table(columns)


def _write(table: Any, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path)


def _lines(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
