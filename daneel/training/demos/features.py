"""What columns and cameras an episode has, and whether another has the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from daneel.training.demos.layout import INDEX_COLUMNS, DatasetError, Feature


@dataclass(frozen=True)
class Demonstration:
    """One episode of T decisions; row t holds what was seen, done and got in decision t."""

    instruction: str
    """What was asked for."""

    columns: Mapping[str, np.ndarray]
    """By column: [T, D], or [T] for single numbers. The writer adds the index columns."""

    frames: Mapping[str, np.ndarray] = field(default_factory=dict)
    """By key of the camera ("observation.images.front"): uint8 [T, H, W, 3], H and W even."""

    facts: Mapping[str, int | float | bool | str] = field(default_factory=dict)
    """Further columns of the table of episodes: the seed, the return."""

    def __len__(self) -> int:
        """T."""
        return len(next(iter(self.columns.values())))


def find_features(
    episode: Demonstration, fps: int, names: Mapping[str, Sequence[str]]
) -> dict[str, Feature]:
    """Features of an episode, and the index columns that every dataset has.

    Args:
        episode: At least one decision of it.
        fps: Decisions per second.
        names: What the numbers of some columns are; left out where their number differs.
    """
    found: dict[str, Feature] = {}
    for key, value in episode.columns.items():
        shape = value.shape[1:] or (1,)
        named = list(names.get(key, ()))
        found[key] = Feature(value.dtype.name, shape, named if (len(named),) == shape else None)
    for key, frames in episode.frames.items():
        found[key] = _camera(frames.shape[1:], fps)
    return found | {key: Feature(dtype, (1,)) for key, dtype in INDEX_COLUMNS.items()}


def check_episode(
    episode: Demonstration, found: Mapping[str, Feature], expected: Mapping[str, Feature]
) -> None:
    """Refuses an episode that cannot be written.

    Args:
        episode: The episode.
        found: Its features.
        expected: Those of the dataset.

    Raises:
        DatasetError: Features differ, lengths differ, numbers are not finite, frames are no images.
    """
    if found != expected:
        keys = [key for key in {**expected, **found} if found.get(key) != expected.get(key)]
        raise DatasetError(
            f"An episode has {_describe(keys[0], found)}, and the first one had "
            f"{_describe(keys[0], expected)}. Expected the same columns in every episode. "
            "Write them to two datasets."
        )
    for key, value in {**episode.columns, **episode.frames}.items():
        if len(value) != len(episode) or len(value) == 0:
            raise DatasetError(
                f"{key!r} has {len(value)} rows in an episode of {len(episode)} decisions. "
                "Expected one row for each, and at least one. Look at what collects it."
            )
    for key, value in episode.columns.items():
        if value.dtype.kind == "f" and not np.isfinite(value).all():
            row = int(np.argwhere(~np.isfinite(value))[0, 0])
            raise DatasetError(
                f"{key!r} is {value[row]} in decision {row} of an episode. Expected finite "
                "numbers. Look at the environment, and at who acts in it."
            )
    for key, frames in episode.frames.items():
        _check_images(key, frames)


def _check_images(key: str, frames: np.ndarray) -> None:
    is_film = frames.dtype == np.uint8 and frames.ndim == 4 and frames.shape[-1] == 3
    if not is_film or frames.shape[1] % 2 or frames.shape[2] % 2 or 0 in frames.shape:
        raise DatasetError(
            f"{key!r} holds {frames.dtype} {list(frames.shape)}. Expected images uint8 "
            "[T, H, W, 3] with H and W even, as H.264 stores them. Type for example `--images 64`."
        )


def _camera(shape: tuple[int, ...], fps: int) -> Feature:
    height, width = shape[:2] if len(shape) == 3 else (0, 0)
    info = {
        "video.height": height,
        "video.width": width,
        "video.codec": "h264",
        "video.pix_fmt": "yuv420p",
        "video.fps": fps,
        "video.channels": 3,
        "has_audio": False,
        "is_depth_map": False,
    }
    return Feature("video", shape, ["height", "width", "channels"], info)


def _describe(key: str, features: Mapping[str, Feature]) -> str:
    feature = features.get(key)
    return f"no {key!r}" if feature is None else f"{key!r} {feature.dtype} {list(feature.shape)}"
