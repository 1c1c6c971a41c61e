"""Videos are whole, playable and even."""

from typing import Any

import imageio.v2 as iio
import numpy as np
import pytest

from daneel.envs import write_video
from daneel.errors import RenderError


def frames(count, height=31, width=48):
    """Yield ever lighter grey images."""
    for index in range(count):
        yield np.full((height, width, 3), 20 * index, np.uint8)


def test_a_video_reads_back(tmp_path):
    """A video reads back."""
    path = write_video(frames(6), tmp_path / "new" / "clip.mp4", fps=12.5)
    reader: Any = iio.get_reader(path)
    with reader:
        meta = reader.get_meta_data()
        seen = [frame.mean() for frame in reader]
    assert meta["size"] == (48, 30)  # the odd row is lost
    assert meta["fps"] == pytest.approx(12.5)
    assert (meta["codec"], meta["pix_fmt"]) == ("h264", "yuv420p(progressive)")
    assert len(seen) == 6
    assert np.allclose(seen, np.arange(6) * 20, atol=6)
    assert list(path.parent.iterdir()) == [path]


def broken():
    """Yield images of which the last is smaller."""
    yield from frames(2)
    yield np.zeros((10, 10, 3), np.uint8)


@pytest.mark.parametrize("images", [iter(()), broken(), iter([np.zeros((4, 4), np.uint8)])])
def test_nothing_is_left_behind_by_bad_frames(tmp_path, images):
    """Nothing is left behind by bad frames."""
    with pytest.raises(RenderError):
        write_video(images, tmp_path / "clip.mp4", fps=10)
    assert list(tmp_path.iterdir()) == []


def test_the_old_video_survives_a_failure(tmp_path):
    """The old video survives a failure."""
    path = write_video(frames(2), tmp_path / "clip.mp4", fps=10)
    before = path.read_bytes()
    with pytest.raises(RenderError):
        write_video(broken(), path, fps=10)
    assert path.read_bytes() == before


def test_errors_say_what_to_do(tmp_path):
    """Errors say what to do."""
    with pytest.raises(RenderError, match=r"ends in '\.mp4'"):
        write_video(frames(1), tmp_path / "clip.gif", fps=10)
    (tmp_path / "file").touch()
    with pytest.raises(RenderError, match="--video PATH"):
        write_video(frames(1), tmp_path / "file" / "clip.mp4", fps=10)
