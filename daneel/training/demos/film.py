"""Films of a dataset: H.264 in MP4, written frame by frame, read by time.

The codec loses detail and stores colours of 2 x 2 pixels, so frames do not come back bit for bit.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import imageio.v2 as iio
import imageio_ffmpeg
import numpy as np

from daneel.training.demos.arrow import writing
from daneel.training.demos.layout import DatasetError

KEY_EVERY = 2
"""Frames from one that is stored whole to the next: training reads films in random order."""
QUALITY = 18
"""Constant rate factor: 0 loses nothing but colours, 51 is the worst."""

_FFMPEG: Any = "FFMPEG"  # imageio declares the name of a format as an object


class FilmWriter:
    """A film to which the frames of episodes are appended."""

    def __init__(self, path: Path, fps: int) -> None:
        """Begin the film.

        Raises:
            DatasetError: The folder cannot be written.
        """
        self.path, self.frames = path, 0
        settings: dict[str, Any] = {"fps": fps, "codec": "libx264", "pixelformat": "yuv420p"}
        settings |= {"macro_block_size": 2, "quality": None, "ffmpeg_log_level": "error"}
        settings["output_params"] = ["-g", f"{KEY_EVERY}", "-crf", f"{QUALITY}", "-threads", "1"]
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            self._writer: Any = iio.get_writer(path, format=_FFMPEG, **settings)

    def size(self) -> int:
        """Bytes on disk so far; the encoder is some frames behind."""
        return self.path.stat().st_size if self.path.exists() else 0

    def append(self, frames: np.ndarray) -> None:
        """Append images uint8 [T, H, W, 3] of the size of the first ones, which is even."""
        with writing(self.path):
            for frame in frames:
                self._writer.append_data(frame)
        self.frames += len(frames)

    def close(self) -> None:
        """End the film, and see that it holds what was appended: ffmpeg fails silently here.

        Raises:
            DatasetError: It does not: the disk is full.
        """
        with writing(self.path):
            self._writer.close()
            if count_frames(self.path) != self.frames:
                raise OSError(f"{self.frames} frames were encoded, and they are not all there")

    def abandon(self) -> None:
        """End the encoder; the film is of no use any more."""
        with contextlib.suppress(OSError):
            self._writer.close()


def count_frames(path: Path) -> int:
    """Frames of a film; 0 where it cannot be decoded."""
    try:
        return imageio_ffmpeg.count_frames_and_secs(str(path))[0] or 0
    except (RuntimeError, OSError):
        return 0


def read_frames(path: Path, start_s: float, count: int, fps: float) -> np.ndarray:
    """Images uint8 [count, H, W, 3] from a time of the film on.

    Raises:
        DatasetError: The film is absent or shorter, or not a film.
    """
    # From half a frame earlier: the first frame that is not before it is the one that is meant.
    seek = ["-ss", f"{max(start_s - 0.5 / fps, 0.0):.6f}"]
    output = ["-fps_mode", "passthrough", "-frames:v", str(count)]
    frames: list[np.ndarray] = []
    try:
        reader = imageio_ffmpeg.read_frames(str(path), input_params=seek, output_params=output)
        width, height = next(reader)["size"]  # then frames
        frames = [np.frombuffer(raw, np.uint8).reshape(height, width, 3) for raw in reader]
    except (RuntimeError, OSError, StopIteration) as error:
        raise _unreadable(path, f"{len(frames)} of {count} frames can be decoded") from error
    if len(frames) < count:
        raise _unreadable(path, f"{len(frames)} frames from second {start_s:.2f} on, not {count}")
    return np.stack(frames)


def _unreadable(path: Path, why: str) -> DatasetError:
    return DatasetError(
        f"Cannot read {path}: {why}. Expected the whole film of a LeRobot dataset. "
        "Copy or collect the dataset again; `daneel demos check PATH` names all bad files."
    )
