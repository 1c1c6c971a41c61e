"""`daneel resume`: go on with a run that was interrupted, or train a finished one for longer."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import tyro

from daneel.cli.train import finish, title
from daneel.training import ProgressLine, RunFolder, TrainConfig, train
from daneel.training.config import from_data


@dataclass(frozen=True)
class Options:
    """Go on from the latest checkpoint, bit for bit as if nothing had happened (on a CPU)."""

    run: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="RUN")]
    """The run folder."""

    steps: int | None = None
    """Train to this many environment steps instead of those asked for at first."""

    tracker: str | None = None
    """Another tracker: none, wandb or trackio."""

    json: bool = False
    """Print one JSON object at the end."""


def run(options: Options) -> int:
    """Resume and finish."""
    folder = RunFolder.open(options.run)
    config = _config(folder, options)
    if not folder.has_checkpoint():
        print(f"{options.run} has no checkpoint yet: it begins anew.", file=sys.stderr)
    with ProgressLine(title(config)) as progress:
        result = train(config, resume=options.run, on_progress=progress)
    return finish(result, as_json=options.json, command=None)


def _config(folder: RunFolder, options: Options) -> TrainConfig[Any]:
    changes = {"steps": options.steps, "tracker": options.tracker}
    given = {name: value for name, value in changes.items() if value is not None}
    return replace(from_data(folder.config()), out=str(folder.path), **given)
