"""Writing frames as a video that browsers play: H.264 in MP4."""

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

import imageio.v2 as iio
import numpy as np

from daneel.errors import RenderError


def write_video(frames: Iterable[np.ndarray], path: str | os.PathLike[str], fps: float) -> Path:
    """Write `frames` to `path`, which appears only when it is complete.

    Args:
        frames: Images uint8 [H, W, 3] of one size; an odd height or width loses its last pixel,
            because the codec stores colours of 2 x 2 pixels.
        path: File to write, ending in ".mp4"; folders on the way to it are made.
        fps: Frames per second.

    Raises:
        RenderError: There is no frame, the frames differ, or the file cannot be written.
    """
    path = Path(path)
    if path.suffix != ".mp4":
        raise RenderError(f"Cannot write the video {path}. Expected a name that ends in '.mp4'.")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=".video-") as folder:
            unfinished = Path(folder) / path.name
            _encode(frames, unfinished, fps)
            os.replace(unfinished, path)
    except OSError as error:
        raise RenderError(
            f"Cannot write the video {path}: {error}. Expected a folder that can be written and "
            "has room. Choose another with --video PATH."
        ) from error
    return path


def _encode(frames: Iterable[np.ndarray], path: Path, fps: float) -> None:
    iterator = iter(frames)
    first = next(iterator, None)
    if first is None:
        raise RenderError("A video of no frames cannot be written. Expected at least one image.")
    writer = iio.get_writer(
        path, format="FFMPEG", fps=fps, codec="libx264", pixelformat="yuv420p", macro_block_size=2,
        ffmpeg_log_level="error",
    )  # fmt: skip
    with writer:
        writer.append_data(_even(first, first.shape))
        for frame in iterator:
            writer.append_data(_even(frame, first.shape))


def _even(frame: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    is_image = frame.dtype == np.uint8 and frame.ndim == 3 and frame.shape[-1] == 3
    if not is_image or frame.shape != shape or min(shape[:2]) < 2:
        raise RenderError(
            f"A frame is {frame.dtype} {list(frame.shape)} and the first was {list(shape)}. "
            "Expected uint8 [H, W, 3] of one size, at least 2 x 2."
        )
    return frame[: shape[0] // 2 * 2, : shape[1] // 2 * 2]
