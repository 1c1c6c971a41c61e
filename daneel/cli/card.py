"""`daneel card`: write the model card and the report of a run."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from daneel.evaluation import card, report


@dataclass(frozen=True)
class Options:
    """Write card.md and report.html anew from what the run folder holds."""

    run: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="RUN")]
    """The run folder."""

    seeds: Annotated[tyro.conf.Positional[tuple[Path, ...]], tyro.conf.arg(metavar="OTHER")] = ()
    """Runs of the same training with other seeds: the report shows the interval over all."""

    json: bool = False
    """Print one JSON object."""


def run(options: Options) -> int:
    """Writes both and says where they are."""
    paths = {
        "card": str(card.write(options.run)),
        "report": str(report.write(options.run, options.seeds)),
    }
    print(json.dumps(paths) if options.json else "\n".join(paths.values()))
    return 0
