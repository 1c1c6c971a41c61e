"""`daneel plot`: learning curves of one run or of many seeds, as PNG or SVG."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import tyro

from daneel.errors import ConfigError, RunFolderError, nearest
from daneel.evaluation import curves, plot
from daneel.evaluation.curves import EPISODE_RETURN, EVAL_RETURN, Series
from daneel.evaluation.run_data import RunData, load

DM_CONTROL = "dm_control/"


@dataclass(frozen=True)
class Options:
    """Draw interquartile mean and 95 % bootstrap interval over seeds; one panel a task.

    Runs of one task and one agent are taken as seeds of each other. Runs may differ in length.
    """

    runs: Annotated[tyro.conf.Positional[tuple[Path, ...]], tyro.conf.arg(metavar="RUN")]
    """Run folders."""

    out: Path = Path("curves.png")
    """The picture to write, .png or .svg."""

    metric: str = ""
    """What to draw, a key of metrics.jsonl; evaluations where all runs have some, else the
    smoothed returns of training episodes."""

    json: bool = False
    """Print one JSON object."""


def run(options: Options) -> int:
    """Draws, says where, and says where seeds are too few."""
    if not options.runs:
        raise ConfigError(
            "There is nothing to plot. Expected run folders. Type `daneel plot runs/*`."
        )
    runs = [load(path) for path in options.runs]
    metric = options.metric or _common_metric(runs)
    panels = [_panel(env, group, metric) for env, group in _by(runs, "env_id").items()]
    panels += _all_tasks(runs, metric)
    path = plot.draw(panels, options.out)
    notes = _notes(panels)
    if options.json:
        titles = [panel.title for panel in panels]
        told = {"picture": str(path), "metric": metric, "panels": titles, "notes": notes}
        print(json.dumps(told))
        return 0
    print("\n".join(f"note: {note}" for note in notes), end="\n" * bool(notes), file=sys.stderr)
    print(path)
    return 0


def _panel(env: str, runs: Sequence[RunData], metric: str) -> plot.Panel:
    lines = [
        plot.line(agent, [_curve(run, metric) for run in group], np.random.default_rng(0))
        for agent, group in _by(runs, "agent").items()
    ]
    return plot.Panel(env, lines, _words(metric))


def _all_tasks(runs: Sequence[RunData], metric: str) -> list[plot.Panel]:
    """One more panel over all tasks, where their scores have one scale and seeds are complete."""
    tasks = _by(runs, "env_id")
    same_scale = metric == curves.EVAL_SUCCESS or all(name.startswith(DM_CONTROL) for name in tasks)
    if len(tasks) < 2 or not same_scale:
        return []
    lines = []
    for agent, group in _by(runs, "agent").items():
        by_task = _by(group, "env_id")
        if set(by_task) != set(tasks) or len({len(seeds) for seeds in by_task.values()}) != 1:
            continue
        curves_of = [[_curve(run, metric) for run in seeds] for seeds in by_task.values()]
        summary = curves.summarise_tasks(curves_of, np.random.default_rng(0))
        lines.append(plot.Line(agent, summary))
    return [plot.Panel(f"all {len(tasks)} tasks", lines, _words(metric))] if lines else []


def _by(runs: Sequence[RunData], attribute: str) -> dict[str, list[RunData]]:
    groups: dict[str, list[RunData]] = {}
    for run in runs:
        groups.setdefault(getattr(run, attribute), []).append(run)
    return groups


def _common_metric(runs: Sequence[RunData]) -> str:
    return EVAL_RETURN if all(len(run.series(EVAL_RETURN)) for run in runs) else EPISODE_RETURN


def _curve(run: RunData, metric: str) -> Series:
    curve = run.series(metric)
    if not len(curve):
        known = sorted({key for record in run.records for key in record})
        raise RunFolderError(
            f"The run {str(run.path)!r} has no numbers of {metric!r}. "
            f"Nearest: {', '.join(nearest(metric, known)) or 'nothing was logged'}. "
            f"Type `daneel plot {run.path} --metric NAME`."
        )
    return curves.smooth(curve) if metric == EPISODE_RETURN else curve


def _words(metric: str) -> str:
    return {EVAL_RETURN: "return", EPISODE_RETURN: "return (training)"}.get(metric, metric)


def _notes(panels: Sequence[plot.Panel]) -> list[str]:
    notes = []
    for panel in panels:
        for line in panel.lines:
            few = curves.too_few(int(line.summary.count.max()))
            notes += [f"{panel.title}, {line.label}: {few}"] if few else []
    return notes
