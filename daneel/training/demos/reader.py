"""Reads LeRobot datasets, version 3.0 and 2.1, ours or anybody's.

N rows of the dataset, T of an episode, D numbers of a column.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import imageio.v3 as iio
import numpy as np

from daneel.errors import unknown_name
from daneel.training.demos import arrow, tables, v21
from daneel.training.demos.film import read_frames
from daneel.training.demos.layout import INFO, DatasetError, EpisodeRow, read_info

SINGLE = ("timestamp", "frame_index", "episode_index", "index", "task_index")
_READERS = {"v3.0": tables, "v2.1": v21}


@dataclass(frozen=True)
class RecordedEpisode:
    """One episode of T decisions."""

    index: int
    """Its number in the dataset."""

    instruction: str
    """What was asked for; "" where the dataset does not say."""

    columns: dict[str, np.ndarray]
    """By column: [T] for bookkeeping (`timestamp`, `next.*`, ...), else [T, D]; read-only."""

    def __len__(self) -> int:
        """T."""
        return len(next(iter(self.columns.values())))


class DemoDataset:
    """A dataset on disk. Metadata is read at once, columns and frames when they are asked for.

    Attributes:
        path: Its folder.
        info: Rate, features and counts.
        tasks: Instructions by `task_index`.
        episodes: What the metadata says of each episode, in order.
    """

    def __init__(self, path: Path) -> None:
        """Open the dataset in the folder `path`.

        Raises:
            DatasetError: There is none, or its metadata cannot be read.
        """
        self.path = path
        self.info = read_info(path)
        reader = _READERS[self.info.version]
        self.tasks: dict[int, str] = reader.read_tasks(path)
        self.episodes: list[EpisodeRow] = reader.read_episodes(path, self.info)
        self._files = _rows_of_files(self.episodes)
        self._open: tuple[Path, dict[str, np.ndarray]] | None = None

    def __len__(self) -> int:
        """Episodes."""
        return len(self.episodes)

    @property
    def cameras(self) -> tuple[str, ...]:
        """Keys of the features that are images."""
        return tuple(key for key, feature in self.info.features.items() if feature.is_camera)

    @property
    def numbers(self) -> tuple[str, ...]:
        """Keys of the columns that hold numbers or truth values."""
        return tuple(key for key, feature in self.info.features.items() if feature.is_number)

    def columns(self, keys: Sequence[str] | None = None) -> dict[str, np.ndarray]:
        """Columns over all episodes, each [N] or [N, D]: the fast way to read everything.

        Args:
            keys: Which; all that hold numbers when None.

        Raises:
            UnknownNameError: There is no such column.
            DatasetError: A file is absent, cut short or foreign.
        """
        wanted = list(self.numbers if keys is None else keys)
        for key in wanted:
            self._refuse_unknown(key, self.numbers, "column of numbers")
        parts = [self._read(path, wanted) for path in self._files]
        return {key: np.concatenate([part[key] for part in parts]) for key in wanted if parts}

    def episode(self, index: int) -> RecordedEpisode:
        """Episode `index`, all its columns of numbers.

        Raises:
            DatasetError: There is no such episode, or its file cannot be read.
        """
        row = self._row(index)
        if self._open is None or self._open[0] != row.data:
            self._open = row.data, self._read(row.data, list(self.numbers))
        start = row.start - self._files[row.data].start
        part = slice(start, start + row.length)
        columns = {key: value[part] for key, value in self._open[1].items()}
        return RecordedEpisode(index, self._instruction(row, columns), columns)

    def __iter__(self) -> Iterator[RecordedEpisode]:
        """All episodes in order; one file is in memory at a time."""
        return (self.episode(index) for index in range(len(self)))

    def frames(self, index: int, camera: str | None = None) -> np.ndarray:
        """Images uint8 [T, H, W, 3] of episode `index`.

        Args:
            index: Which episode.
            camera: Key of the camera; the first one when None.

        Raises:
            UnknownNameError: There is no such camera.
            DatasetError: There are no images, no such episode, or the film cannot be read.
        """
        row = self._row(index)
        if not self.cameras:
            raise DatasetError(
                f"{self.path} has no images. Expected a dataset with cameras. "
                "Collect one: `daneel demos collect TASK --images 64 --out FOLDER`."
            )
        key = camera or self.cameras[0]
        self._refuse_unknown(key, self.cameras, "camera")
        if self.info.features[key].dtype == "video":
            film = row.films[key]
            return read_frames(film.path, film.start_s, row.length, self.info.fps)
        return self._still_images(row, key)

    def _still_images(self, row: EpisodeRow, key: str) -> np.ndarray:
        """Images that are stored as files inside the Parquet file."""
        start = row.start - self._files[row.data].start
        cells = arrow.read_table(row.data, [key]).column(key).slice(start, row.length).to_pylist()
        try:
            return np.stack([iio.imread(cell["bytes"], plugin="pillow") for cell in cells])
        except (TypeError, KeyError, ValueError, OSError) as error:
            raise DatasetError(
                f"Cannot read the images {key!r} of episode {row.index} in {row.data}: {error}. "
                "Expected PNG or JPEG in every row. The dataset is not whole: copy it again."
            ) from error

    def _read(self, path: Path, keys: list[str]) -> dict[str, np.ndarray]:
        table, expected = arrow.read_table(path, keys), len(self._files[path])
        if len(table) != expected:
            raise DatasetError(
                f"{path} has {len(table)} rows. Expected {expected}, as the table of episodes "
                "says. The dataset is not whole: copy or collect it again."
            )
        return {key: arrow.to_numpy(key, table.column(key), self._shape(key)) for key in keys}

    def _shape(self, key: str) -> tuple[int, ...]:
        """Of one row as an array; bookkeeping is single numbers, a vector of one stays a vector."""
        shape = self.info.features[key].shape
        is_single = key in SINGLE or key.startswith("next.")
        return () if is_single and shape == (1,) else shape

    def _instruction(self, row: EpisodeRow, columns: dict[str, np.ndarray]) -> str:
        if "task_index" in columns and len(columns["task_index"]):
            return self.tasks.get(int(columns["task_index"][0]), "")
        return row.tasks[0] if row.tasks else ""

    def _row(self, index: int) -> EpisodeRow:
        if not 0 <= index < len(self.episodes):
            raise DatasetError(
                f"{self.path} has no episode {index}. Expected 0 to {len(self.episodes) - 1}. "
                f"Type `daneel demos show {self.path}`."
            )
        return self.episodes[index]

    def _refuse_unknown(self, key: str, known: Sequence[str], kind: str) -> None:
        if key not in known:
            raise unknown_name(kind, key, known, f"Type `daneel demos show {self.path}`.")


def find_datasets(path: Path) -> list[Path]:
    """The dataset in `path`, or those in the folders in it, by name.

    Raises:
        DatasetError: There is none.
    """
    if (path / INFO).exists():
        return [path]
    found = sorted(file.parent.parent for file in path.glob(f"[!.]*/{INFO}"))
    if not found:
        raise DatasetError(
            f"There is no dataset in {path}. Expected a folder with {INFO}, or a folder of such "
            f"folders. Type `daneel demos collect TASK --out {path}` to make one."
        )
    return found


def _rows_of_files(episodes: Sequence[EpisodeRow]) -> dict[Path, range]:
    """Which rows of the dataset each file holds, by the table of episodes."""
    rows: dict[Path, range] = {}
    for episode in episodes:
        start = rows[episode.data].start if episode.data in rows else episode.start
        rows[episode.data] = range(start, episode.stop)
    return rows
