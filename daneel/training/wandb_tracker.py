"""Weights & Biases, offline by itself where there is no key."""

from __future__ import annotations

import netrc
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import wandb

from daneel.training.tracking import PROJECT


class WandbTracker:
    """Weights & Biases. A resumed run goes on under the same id."""

    def __init__(self, run: Path, config: Mapping[str, Any]) -> None:
        """Begin or go on with the tracked run that belongs to the folder `run`."""
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
        self.run.log({name: wandb.Video(str(path), format="mp4")}, step=step)

    def finish(self) -> list[str]:
        """Flush and close."""
        # Asked for offline, the address is a warning on the terminal.
        where = f"wandb sync {Path(self.run.dir).parent}" if self.offline else str(self.run.url)
        self.run.finish()
        wandb.teardown()  # finish() returns before an offline run is on disk (0.31)
        return [where]


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
