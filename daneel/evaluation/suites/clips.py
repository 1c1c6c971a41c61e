"""Short films of single episodes, for the page."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gymnasium as gym
import imageio.v2 as iio
import numpy as np

from daneel.envs import write_video
from daneel.evaluation.suites.episodes import Stage

MOST_FRAMES = 150
"""Longer episodes keep evenly spaced frames."""
FPS = 15.0


@dataclass(frozen=True)
class Clip:
    """A film of one episode."""

    number: int
    """Of the episode."""
    video: bytes
    """H.264 in MP4."""
    poster: bytes
    """PNG of the last frame."""


def film(stage: Stage, number: int) -> Clip:
    """Runs episode `number` again and films it; `stage` was made with a renderer."""
    frames: list[np.ndarray] = []

    def watch(env: gym.Env) -> None:
        frame: Any = env.render()
        frames.append(np.asarray(frame))

    stage.run(number, watch)
    chosen = np.linspace(0, len(frames) - 1, min(len(frames), MOST_FRAMES)).round().astype(int)
    kept = [frames[at] for at in chosen]
    poster: Any = iio.imwrite("<bytes>", kept[-1], format="png")
    return Clip(number, _encode(kept), bytes(poster))


def _encode(frames: list[np.ndarray]) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        return write_video(frames, Path(folder) / "clip.mp4", FPS).read_bytes()
