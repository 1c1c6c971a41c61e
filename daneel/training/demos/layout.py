"""The LeRobot dataset layout: where things are, what they are called, what `info.json` says.

Written here: version 3.0, the one that LeRobot has read and written since 0.4 (huggingface/lerobot,
`src/lerobot/datasets/`: `utils.py`, `dataset_metadata.py`, `dataset_writer.py`). Read: 3.0 and 2.1.

    meta/info.json                            rate, features, counts, patterns of the paths
    meta/stats.json                           statistics of every column over all rows
    meta/tasks.parquet                        instruction <-> task_index
    meta/episodes/chunk-000/file-000.parquet  a row per episode: rows it spans, files, statistics
    data/chunk-000/file-000.parquet           a row per decision, many episodes in a file
    videos/<key>/chunk-000/file-000.mp4       a frame per row, many episodes in a file
    meta/daneel.json                          ours: how it was collected, hashes of all files

A column is a *feature* with a numpy type and a shape; shape [1] is stored as plain numbers, [D] as
lists of D. Features of the type "video" are no columns: their frames are in the films.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from daneel.errors import DaneelError

VERSION = "v3.0"
READABLE = ("v3.0", "v2.1")

INFO, STATS, TASKS = "meta/info.json", "meta/stats.json", "meta/tasks.parquet"
ORIGIN = "meta/daneel.json"
EPISODES_FOLDER = "meta/episodes"
_PLACE = "chunk-{chunk_index:03d}/file-{file_index:03d}"
EPISODES = f"{EPISODES_FOLDER}/{_PLACE}.parquet"
DATA = f"data/{_PLACE}.parquet"
VIDEO = f"videos/{{video_key}}/{_PLACE}.mp4"

FILES_PER_CHUNK = 1000
DATA_FILE_MB, VIDEO_FILE_MB = 100, 200
"""Sizes in MiB from which on the next episode begins a new file."""

OBSERVATION, IMAGES = "observation.", "observation.images."
"""How the columns of modalities and of cameras begin: "observation.state"."""
ACTION, REWARD, DONE, TRUNCATED, SUCCESS = (
    "action", "next.reward", "next.done", "next.truncated", "next.success",
)  # fmt: skip

INDEX_COLUMNS = {
    "timestamp": "float32",
    "frame_index": "int64",
    "episode_index": "int64",
    "index": "int64",
    "task_index": "int64",
}
"""Columns that every dataset has, and their types; `timestamp` is in seconds."""

_NO_DATASET = (
    f"Expected a LeRobot dataset ({', '.join(READABLE)}): a folder with {INFO}. "
    "Type `daneel demos check PATH` to see all that is wrong with it."
)


class DatasetError(DaneelError):
    """A dataset of demonstrations cannot be written, or is truncated or foreign."""


@dataclass(frozen=True)
class Feature:
    """One column, or one camera."""

    dtype: str
    """Name of a numpy type; "video" or "image" for cameras; "string"."""

    shape: tuple[int, ...]
    """Of one row; images are [H, W, C] or [C, H, W], as `names` says."""

    names: Any = None
    """What the numbers are: a list of D names, or a mapping to one; None where nobody said."""

    info: Mapping[str, Any] = field(default_factory=dict)
    """Of a video: codec, size and rate."""

    @property
    def is_camera(self) -> bool:
        """Whether rows hold images."""
        return self.dtype in ("video", "image")

    @property
    def is_number(self) -> bool:
        """Whether rows hold numbers or truth values that a numpy array can hold."""
        return self.dtype == "bool" or self.dtype.rstrip("0123456789") in ("float", "int", "uint")

    def to_json(self) -> dict[str, Any]:
        """As in `info.json`."""
        value = {"dtype": self.dtype, "shape": list(self.shape), "names": self.names}
        return {**value, "info": dict(self.info)} if self.info else value


@dataclass(frozen=True)
class Info:
    """`meta/info.json`."""

    version: str
    fps: int
    """Decisions in a second of the world's time."""
    features: Mapping[str, Feature]
    total_episodes: int
    total_frames: int
    """Rows, which are decisions."""
    total_tasks: int
    """Different instructions."""
    data_path: str = DATA
    video_path: str | None = VIDEO
    chunks_size: int = FILES_PER_CHUNK
    robot_type: str | None = None

    def to_json(self) -> dict[str, Any]:
        """As in `info.json`."""
        return {
            "codebase_version": self.version,
            "fps": self.fps,
            "features": {key: feature.to_json() for key, feature in self.features.items()},
            "total_episodes": self.total_episodes,
            "total_frames": self.total_frames,
            "total_tasks": self.total_tasks,
            "chunks_size": self.chunks_size,
            "data_files_size_in_mb": DATA_FILE_MB,
            "video_files_size_in_mb": VIDEO_FILE_MB,
            "data_path": self.data_path,
            "video_path": self.video_path,
            "robot_type": self.robot_type,
            "splits": {"train": f"0:{self.total_episodes}"},
        }


@dataclass(frozen=True)
class Film:
    """Where the frames of one episode are."""

    path: Path
    start_s: float
    """Time in the film of the episode's first frame."""


@dataclass(frozen=True)
class EpisodeRow:
    """What the metadata says of one episode."""

    index: int
    tasks: tuple[str, ...]
    """Its instructions."""
    start: int
    """Its first row in the whole dataset."""
    stop: int
    """The row after its last."""
    data: Path
    """The Parquet file that holds it."""
    films: Mapping[str, Film] = field(default_factory=dict)
    """By key of the camera."""

    @property
    def length(self) -> int:
        """Decisions."""
        return self.stop - self.start


def read_info(root: Path) -> Info:
    """Reads `meta/info.json` of the dataset in `root`.

    Raises:
        DatasetError: There is none, it is not whole, or of a version that cannot be read.
    """
    data = read_json(root / INFO)
    version = data.get("codebase_version")
    if version not in READABLE:
        raise DatasetError(f"{root / INFO} is of version {version!r}. {_NO_DATASET}")
    try:
        return Info(
            version=version,
            fps=int(data["fps"]),
            features={key: _feature(item) for key, item in data["features"].items()},
            total_episodes=int(data["total_episodes"]),
            total_frames=int(data["total_frames"]),
            total_tasks=int(data["total_tasks"]),
            data_path=data["data_path"],
            video_path=data.get("video_path"),
            chunks_size=int(data.get("chunks_size", FILES_PER_CHUNK)),
            robot_type=data.get("robot_type"),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        what = f"lacks {error}" if isinstance(error, KeyError) else f"is not readable: {error}"
        raise DatasetError(f"{root / INFO} {what}. {_NO_DATASET}") from error


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file of a dataset.

    Raises:
        DatasetError: It cannot be read, or holds no object.
    """
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise DatasetError(f"Cannot read {path}: {reason}. {_NO_DATASET}") from error
    if not isinstance(value, dict):
        raise DatasetError(f"{path} holds a {type(value).__name__}, no object. {_NO_DATASET}")
    return value


def _feature(data: Mapping[str, Any]) -> Feature:
    shape = tuple(int(size) for size in data["shape"])
    return Feature(str(data["dtype"]), shape, data.get("names"), data.get("info") or {})
