"""Trackers: the run's metrics in a dashboard, besides `metrics.jsonl`, which is always written.

All trackers take the same calls, so a run looks the same in any of them. Weights & Biases is used
with an account, or offline by itself where no key is found; trackio keeps everything on this
machine and needs no account.
"""

from __future__ import annotations

import netrc
import os
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
        "daneel.training.tracking:WandbTracker",
        "Weights & Biases; offline by itself without a key",
    ),
    Entry(
        "trackio",
        "daneel.training.tracking:TrackioTracker",
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


class WandbTracker:
    """Weights & Biases. A resumed run goes on under the same id."""

    def __init__(self, run: Path, config: Mapping[str, Any]) -> None:
        """Begin or go on with the tracked run that belongs to the folder `run`."""
        import wandb

        self._wandb = wandb
        self.offline = wandb_is_offline()
        self.run = wandb.init(
            project=PROJECT,
            dir=run,
            name=run.name,
            id=run.name,
            resume="allow",
            config=dict(config),
            mode="offline" if self.offline else "online",
            settings=wandb.Settings(console="off", silent=True),
        )

    def log(self, metrics: Mapping[str, float], step: int) -> None:
        """Record scalar metrics at an environment step."""
        self.run.log(dict(metrics), step=step)

    def log_video(self, name: str, path: Path, step: int) -> None:
        """Record an mp4 file."""
        self.run.log({name: self._wandb.Video(str(path), format="mp4")}, step=step)

    def finish(self) -> list[str]:
        """Flush and close."""
        folder, url = Path(self.run.dir).parent, self.run.url
        self.run.finish()
        return [f"wandb sync {folder}" if self.offline else str(url)]


class TrackioTracker:
    """Trackio: the calls of Weights & Biases, a database and a dashboard on this machine."""

    def __init__(self, run: Path, config: Mapping[str, Any]) -> None:
        """Begin or go on with the tracked run that belongs to the folder `run`."""
        import trackio

        self._trackio = trackio
        self.run = trackio.init(
            project=PROJECT, name=run.name, config=dict(config), resume="allow", embed=False
        )

    def log(self, metrics: Mapping[str, float], step: int) -> None:
        """Record scalar metrics at an environment step."""
        self._trackio.log(dict(metrics), step=step)

    def log_video(self, name: str, path: Path, step: int) -> None:
        """Record an mp4 file."""
        self._trackio.log({name: self._trackio.Video(str(path), format="mp4")}, step=step)

    def finish(self) -> list[str]:
        """Flush and close."""
        self._trackio.finish()
        return ["daneel dashboard"]


def open_tracker(name: str, run: Path, config: Mapping[str, Any]) -> Tracker:
    """The tracker `name` for a run folder.

    Raises:
        UnknownNameError: no tracker has this name.
        MissingExtraError: its package is not installed.
    """
    return TRACKERS.load(name)(run, config)


def wandb_is_offline() -> bool:
    """Whether Weights & Biases must go offline: no key in the environment and none stored."""
    mode = os.environ.get("WANDB_MODE")
    if mode is not None:
        return mode != "online"
    return not (os.environ.get("WANDB_API_KEY") or _stored_key())


def _stored_key() -> bool:
    """Whether `wandb login` has stored a key for the server in use."""
    server = os.environ.get("WANDB_BASE_URL", "https://api.wandb.ai")
    host = server.partition("://")[2].partition("/")[0].partition(":")[0]
    path = Path(os.environ.get("NETRC", "~/.netrc")).expanduser()
    try:
        return netrc.netrc(path).authenticators(host) is not None
    except (OSError, netrc.NetrcParseError):
        return False
