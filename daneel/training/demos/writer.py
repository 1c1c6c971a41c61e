"""Writes a LeRobot dataset, version 3.0; `layout.py` says what goes where.

T decisions of an episode, N rows of the dataset, D numbers of a column.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from daneel.training.demos import arrow, layout
from daneel.training.demos.features import Demonstration, check_episode, find_features
from daneel.training.demos.film import FilmWriter
from daneel.training.demos.layout import DatasetError, Feature, Info
from daneel.training.demos.numbered import NumberedFiles
from daneel.training.demos.origin import write_origin
from daneel.training.demos.partial import PartialFolder
from daneel.training.demos.statistics import PixelCounts, Statistics, column_statistics
from daneel.training.demos.tables import episodes_table, tasks_table


class DatasetWriter:
    """Writes episode after episode; the folder appears when `finish` has written all.

    A context manager: left without `finish`, nothing remains. The first episode says what columns
    and cameras there are.
    """

    def __init__(
        self,
        path: Path,
        fps: int,
        robot_type: str | None = None,
        names: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        """Begin the dataset `path`.

        Args:
            path: A folder that does not exist.
            fps: Decisions in a second of the world's time.
            robot_type: Name of the robot.
            names: By column, what its D numbers are.

        Raises:
            DatasetError: The folder exists, or cannot be written.
        """
        self.path, self.fps = path, fps
        self._robot_type, self._names = robot_type, dict(names or {})
        self._folder = PartialFolder(path)
        self._features: dict[str, Feature] = {}
        self._tasks: dict[str, int] = {}
        self._rows: list[dict[str, Any]] = []
        self._total = 0
        self._schema: Any = None
        self._data = NumberedFiles(
            self._folder.path,
            layout.DATA,
            layout.DATA_FILE_MB,
            lambda file: arrow.TableWriter(file, self._schema),
        )
        self._films: dict[str, NumberedFiles[FilmWriter]] = {}
        self._pixels: dict[str, PixelCounts] = {}

    def add(self, episode: Demonstration) -> None:
        """Append one episode.

        Raises:
            DatasetError: It differs from the first in columns, types or shapes, holds NaN, or the
                disk is full.
        """
        found = find_features(episode, self.fps, self._names)
        check_episode(episode, found, self._features or found)
        if not self._features:
            self._begin(found)
        columns = self._with_indices(episode)
        place = self._data.append(arrow.to_table(columns, self._schema))
        self._rows.append(
            {
                "episode_index": len(self._rows),
                "tasks": [episode.instruction],
                "length": len(episode),
                "dataset_from_index": self._total,
                "dataset_to_index": self._total + len(episode),
                **{f"data/{key}": number for key, number in place.items()},
                **self._append_frames(episode.frames),
                **episode.facts,
                **_flat({key: column_statistics(value) for key, value in columns.items()}),
            }
        )
        self._total += len(episode)

    def finish(self, origin: Mapping[str, Any] | None = None) -> Path:
        """Write statistics and metadata, and let the folder appear; returns it.

        Args:
            origin: How the dataset was made, for `meta/daneel.json`, which adds hashes.

        Raises:
            DatasetError: There is no episode, or the disk is full.
        """
        if not self._rows:
            raise DatasetError("A dataset of no episodes cannot be written. Expected at least one.")
        for files in (self._data, *self._films.values()):
            files.close()
        root = self._folder.path
        arrow.write_table(tasks_table(list(self._tasks)), root / layout.TASKS)
        first = layout.EPISODES.format(chunk_index=0, file_index=0)
        arrow.write_table(episodes_table(self._rows), root / first)
        self._write_json(layout.STATS, _plain(self._statistics()))
        self._write_json(layout.INFO, self._info().to_json())
        with arrow.writing(root / layout.ORIGIN):
            write_origin(root, origin or {})
        self._folder.appear()
        return self.path

    def __enter__(self) -> Self:
        """Nothing more."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Take away what was not finished."""
        for films in self._films.values():
            if films.writer is not None:
                films.writer.abandon()
        self._folder.remove()

    def _begin(self, features: dict[str, Feature]) -> None:
        root = self._folder.path
        columns = {key: feature for key, feature in features.items() if not feature.is_camera}
        self._schema = arrow.pa.schema([arrow.field(*item) for item in columns.items()])
        self._features = features
        for key in set(features) - set(columns):
            pattern = layout.VIDEO.replace("{video_key}", key)
            self._films[key] = NumberedFiles(
                root, pattern, layout.VIDEO_FILE_MB, lambda file: FilmWriter(file, self.fps)
            )
            self._pixels[key] = PixelCounts()

    def _with_indices(self, episode: Demonstration) -> dict[str, np.ndarray]:
        steps = np.arange(len(episode))
        task = self._tasks.setdefault(episode.instruction, len(self._tasks))
        return {
            **episode.columns,
            "timestamp": (steps / self.fps).astype(np.float32),
            "frame_index": steps,
            "episode_index": np.full_like(steps, len(self._rows)),
            "index": steps + self._total,
            "task_index": np.full_like(steps, task),
        }

    def _append_frames(self, frames: Mapping[str, np.ndarray]) -> dict[str, Any]:
        """Film the images; returns where they are, and their statistics."""
        row: dict[str, Any] = {}
        for key, images in frames.items():
            found: dict[str, Any] = dict(self._films[key].append(images))
            film = self._films[key].writer
            assert film is not None
            found["from_timestamp"] = (film.frames - len(images)) / self.fps
            found["to_timestamp"] = film.frames / self.fps
            row |= {f"videos/{key}/{name}": value for name, value in found.items()}
            seen = PixelCounts()
            seen.add(images)
            self._pixels[key].merge(seen)
            row |= _flat({key: seen.statistics()})
        return row

    def _statistics(self) -> dict[str, Statistics]:
        """Of every column, read back one by one, and of the pixels."""
        found = {key: pixels.statistics() for key, pixels in self._pixels.items()}
        for key, feature in self._features.items():
            if not feature.is_camera:
                parts = [
                    arrow.to_numpy(key, arrow.read_table(path, [key]).column(key), feature.shape)
                    for path in self._data.paths
                ]
                found[key] = column_statistics(np.concatenate(parts))
        return found

    def _info(self) -> Info:
        return Info(
            version=layout.VERSION,
            fps=self.fps,
            features=self._features,
            total_episodes=len(self._rows),
            total_frames=self._total,
            total_tasks=len(self._tasks),
            video_path=layout.VIDEO if self._films else None,
            robot_type=self._robot_type,
        )

    def _write_json(self, name: str, value: Mapping[str, Any]) -> None:
        path = self._folder.path / name
        with arrow.writing(path):
            path.write_text(json.dumps(value, indent=4) + "\n", encoding="utf-8")


def _flat(statistics: Mapping[str, Statistics]) -> dict[str, np.ndarray]:
    """As columns of the table of episodes: "stats/action/mean"."""
    return {
        f"stats/{key}/{name}": value
        for key, found in statistics.items()
        for name, value in found.items()
    }


def _plain(statistics: Mapping[str, Statistics]) -> dict[str, dict[str, Any]]:
    return {
        key: {name: value.tolist() for name, value in found.items()}
        for key, found in statistics.items()
    }
