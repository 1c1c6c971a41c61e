"""Learning curves as PNG or SVG: one panel a task, one line an agent, a band over seeds."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from daneel.errors import ConfigError
from daneel.evaluation import curves
from daneel.evaluation.curves import Series, Summary

if TYPE_CHECKING:  # half a second of every start, for pictures that few commands draw
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = ("#0b6e99", "#d9730d", "#6940a5", "#448361", "#ad1a72", "#64473a", "#787774")
"""Told apart by colour-blind readers in this order; each keeps its place in every panel."""

STYLE: dict[Any, Any] = {
    "font.size": 9.5,
    "axes.titlesize": 10.5,
    "axes.titleweight": "bold",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#9b9a97",
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e6e6e4",
    "grid.linewidth": 0.8,
    "svg.hashsalt": "daneel",
    "svg.fonttype": "path",
}
FORMATS = (".png", ".svg")


@dataclass(frozen=True)
class Line:
    """One agent in a panel."""

    label: str
    """Name in the legend."""
    summary: Summary
    """Middle and interval over its seeds."""
    seeds: Sequence[Series] = ()
    """Single runs, drawn thin; all there is to see when seeds are few."""


@dataclass(frozen=True)
class Panel:
    """One task."""

    title: str
    """Above the panel."""
    lines: Sequence[Line]
    """In drawing order; the first is the one that matters."""
    ylabel: str = "return"
    """What is measured."""
    threshold: float | None = None
    """Drawn as a dotted line where given."""


def draw(panels: Sequence[Panel], path: str | Path, *, columns: int = 4) -> Path:
    """Draws the panels into one picture; the suffix of `path` says PNG or SVG.

    Raises:
        ConfigError: The suffix is neither.
    """
    path = Path(path)
    if path.suffix not in FORMATS:
        raise ConfigError(
            f"The picture {str(path)!r} ends in {path.suffix!r}. Expected .png or .svg. "
            f"Type the same command with `--out {path.with_suffix('.png')}`."
        )
    import matplotlib

    path.parent.mkdir(parents=True, exist_ok=True)
    with matplotlib.rc_context(STYLE):
        figure = _figure(panels, columns)
        temporary = path.with_name(f".{path.stem}.part{path.suffix}")
        # Without a date the same data give the same SVG, byte for byte.
        metadata = {"Date": None} if path.suffix == ".svg" else {}
        figure.savefig(temporary, dpi=160, metadata=metadata, facecolor="white")
        temporary.replace(path)
    return path


def _figure(panels: Sequence[Panel], columns: int) -> Figure:
    from matplotlib.figure import Figure

    across = min(columns, len(panels))
    down = math.ceil(len(panels) / across)
    size = (6.4, 4.0) if len(panels) == 1 else (3.3 * across, 2.7 * down)
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots(down, across, squeeze=False).ravel()
    colours = _colours(panels)
    for panel, ax in zip(panels, axes, strict=False):
        _draw_panel(ax, panel, colours)
    for ax in axes[len(panels) :]:
        ax.set_axis_off()
    _legend(figure, axes[0], panels, colours)
    return figure


def _colours(panels: Sequence[Panel]) -> dict[str, str]:
    labels = dict.fromkeys(line.label for panel in panels for line in panel.lines)
    return {label: COLOURS[at % len(COLOURS)] for at, label in enumerate(labels)}


def _draw_panel(ax: Axes, panel: Panel, colours: Mapping[str, str]) -> None:
    from matplotlib.ticker import EngFormatter

    for line in panel.lines:
        _draw_line(ax, line, colours[line.label])
    if panel.threshold is not None:
        ax.axhline(panel.threshold, color="#37352f", linewidth=1, linestyle=(0, (1, 2)))
    ax.set_title(panel.title, loc="left")
    ax.set_ylabel(panel.ylabel)
    ax.set_xlabel("environment steps")
    ax.xaxis.set_major_formatter(EngFormatter(sep=""))
    ax.margins(x=0.02)


def _draw_line(ax: Axes, line: Line, colour: str) -> None:
    summary = line.summary
    for seed in line.seeds if len(line.seeds) > 1 else ():
        ax.plot(seed.steps, seed.values, color=colour, linewidth=0.7, alpha=0.35)
    marker: dict[str, Any] = {"marker": "o", "markersize": 3} if len(summary.steps) <= 60 else {}
    whole = summary.count == summary.count.max()
    ax.plot(summary.steps[whole], summary.middle[whole], color=colour, linewidth=1.8, **marker)
    if not whole.all():  # fewer runs than at first: shown, but not with the same weight
        ax.plot(summary.steps, summary.middle, color=colour, linewidth=1.2, linestyle="--")
    drawn = np.isfinite(summary.low)
    ax.fill_between(
        summary.steps, summary.low, summary.high, where=drawn.tolist(), color=colour,
        alpha=0.18, linewidth=0,
    )  # fmt: skip


def _legend(figure: Figure, ax: Axes, panels: Sequence[Panel], colours: Mapping[str, str]) -> None:
    seeds = {line.label: int(line.summary.count.max()) for p in panels for line in p.lines}
    handles = [ax.plot([], [], color=colour, linewidth=2.4)[0] for colour in colours.values()]
    labels = [
        label if len(panels) > 1 else f"{label} ({seeds[label]} seed{'s' * (seeds[label] > 1)})"
        for label in colours
    ]
    figure.legend(handles, labels, loc="outside lower center", ncols=4, frameon=False)


def line(label: str, runs: Sequence[Series], rng: np.random.Generator) -> Line:
    """The line of one agent from the curves of its seeds."""
    return Line(label, curves.summarise(runs, rng), runs)
