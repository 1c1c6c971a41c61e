"""Trackers: the run's metrics in a dashboard, besides `metrics.jsonl`, which is always written.

All trackers take the same calls, so a run looks the same in any of them. Weights & Biases is used
with an account, or offline by itself where no key is found; trackio keeps everything on this
machine and needs no account.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from daneel.registry import Entry, Registry

PROJECT = "daneel"
"""Name of the project that runs appear under."""

TRACKERS = Registry(
    "tracker",
    Entry("none", "daneel.training.tracking:NoTracker", "only metrics.jsonl in the run folder"),
    Entry(
        "wandb",
        "daneel.training.wandb_tracker:WandbTracker",
        "Weights & Biases; offline by itself without a key",
    ),
    Entry(
        "trackio",
        "daneel.training.trackio_tracker:TrackioTracker",
        "local dashboard without an account: `daneel dashboard`",
        extra="trackio",
    ),
)


class Tracker(Protocol):
    """Where metrics go besides the run folder."""

    def log(self, metrics: Mapping[str, float], step: int) -> None:
        """Record scalar metrics at an environment step."""
        ...

    def log_video(self, name: str, path: Path, step: int) -> None:
        """Record an mp4 file."""
        ...

    def finish(self) -> list[str]:
        """Close; returns lines that tell the user where to look."""
        ...


class NoTracker:
    """Does nothing; `metrics.jsonl` is written anyway."""

    def __init__(self, run: Path, config: Mapping[str, Any]) -> None:
        """Take the arguments of every tracker."""

    def log(self, metrics: Mapping[str, float], step: int) -> None:
        """Do nothing."""

    def log_video(self, name: str, path: Path, step: int) -> None:
        """Do nothing."""

    def finish(self) -> list[str]:
        """Say nothing."""
        return []


def open_tracker(name: str, run: Path, config: Mapping[str, Any]) -> Tracker:
    """The tracker `name` for a run folder.

    Raises:
        UnknownNameError: no tracker has this name.
        MissingExtraError: its package is not installed.
    """
    return TRACKERS.load(name)(run, config)
