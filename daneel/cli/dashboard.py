"""`daneel dashboard`: open the local dashboard of runs that were tracked with trackio."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from daneel.errors import RunFolderError
from daneel.training.tracking import PROJECT, TRACKERS


@dataclass(frozen=True)
class Options:
    """Serve the dashboard on this machine until Ctrl-C."""

    runs: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="RUNS")] = Path("runs")
    """The folder that holds the runs."""

    port: int | None = None
    """Port on the loopback interface; a free one when left out."""

    open_browser: bool = False
    """Open it in a browser as well."""


def run(options: Options) -> int:
    """Serve until interrupted."""
    TRACKERS.load("trackio")  # says which extra brings it
    from daneel.training.trackio_tracker import tracked_folder, use_folder

    use_folder(options.runs)
    folder = tracked_folder()
    if not any(folder.glob("*.db")):
        raise RunFolderError(
            f"{str(folder)!r} holds no tracked run. Expected runs that were trained with trackio."
            " Type `daneel train quickstart --tracker trackio`."
        )
    import trackio

    print(f"Ctrl-C ends it. Shown: {folder}", file=sys.stderr)
    trackio.show(
        project=PROJECT,
        open_browser=options.open_browser,
        host="127.0.0.1",
        share=False,
        server_port=options.port,
        block_thread=True,
    )
    return 0
