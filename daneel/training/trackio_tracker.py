"""Trackio: the calls of Weights & Biases, with database and dashboard on this machine.

Runs that lie side by side share one database, `runs/.trackio`, unless `TRACKIO_DIR` says otherwise.
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from daneel.training.tracking import PROJECT

if importlib.util.find_spec("trackio") is None:
    raise ImportError("No module named 'trackio'", name="trackio")


class TrackioTracker:
    """A resumed run goes on under the same name."""

    def __init__(self, run: Path, config: Mapping[str, Any]) -> None:
        """Begin or go on with the tracked run that belongs to the folder `run`."""
        use_folder(run.parent)
        import trackio  # after `use_folder`

        self._trackio, self._runs = trackio, run.parent
        with contextlib.redirect_stdout(io.StringIO()):  # its advertisement
            self.run = trackio.init(
                project=PROJECT,
                name=run.name,
                config=dict(config),
                resume="allow",
                embed=False,
                auto_log_gpu=False,
                auto_log_cpu=False,
            )

    def log(self, metrics: Mapping[str, float], step: int) -> None:
        """Record scalar metrics at an environment step."""
        self._trackio.log(dict(metrics), step=step)

    def log_video(self, name: str, path: Path, step: int) -> None:
        """Record an mp4 file."""
        self._trackio.log({name: self._trackio.Video(str(path), format="mp4")}, step=step)

    def finish(self) -> list[str]:
        """Flush and close."""
        with contextlib.redirect_stdout(io.StringIO()):
            self._trackio.finish()
        return [f"daneel dashboard {self._runs}"]


def use_folder(runs: Path) -> None:
    """Keep what is tracked in `runs`. Trackio reads the variable once, when it is imported."""
    os.environ.setdefault("TRACKIO_DIR", str((runs / ".trackio").absolute()))


def tracked_folder() -> Path:
    """Where the database is, after `use_folder`."""
    return Path(os.environ["TRACKIO_DIR"])
