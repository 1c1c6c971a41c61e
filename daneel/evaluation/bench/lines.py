"""Pictures of benches: lines over logarithmic axes, a panel a question, one legend."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from daneel.evaluation.plot import COLOURS, STYLE

DASHES: tuple[Any, ...] = ("-", "--", ":")
"""When the colours begin again, the dashes change."""


@dataclass(frozen=True)
class Panel:
    """One pair of axes."""

    title: str
    """Above it."""
    x_label: str
    """Below it."""
    y_label: str
    """Left of it."""
    lines: Mapping[str, Sequence[tuple[float, float]]]
    """Points of each line by its name in the legend."""
    dots: Mapping[str, Sequence[tuple[float, float]]] = field(default_factory=dict)
    """Points that are not joined."""
    log: tuple[bool, bool] = (True, True)
    """Whether x and y are logarithmic."""


def draw(panels: Sequence[Panel], path: Path, *, columns: int = 2) -> Path:
    """Draws the panels as SVG, the same bytes for the same data, and returns the path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    across = min(columns, len(panels))
    down = math.ceil(len(panels) / across)
    names = dict.fromkeys(name for panel in panels for name in (*panel.lines, *panel.dots))
    styles = {name: _style(at) for at, name in enumerate(names)}
    legend_columns = 2 if across == 1 else 5  # more would stick out of the picture
    legend_inches = 0.2 * math.ceil(len(names) / legend_columns)
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(4.6 * across, 3.3 * down + legend_inches), layout="constrained")
        axes = figure.subplots(down, across, squeeze=False).ravel()
        for panel, ax in zip(panels, axes, strict=False):
            _draw_panel(ax, panel, styles)
        for ax in axes[len(panels) :]:
            ax.set_axis_off()
        handles = [axes[0].plot([], [], **style)[0] for style in styles.values()]
        figure.legend(
            handles, list(styles), loc="outside lower center", ncols=legend_columns, frameon=False
        )
        temporary = path.with_name(f".{path.stem}.part{path.suffix}")
        figure.savefig(temporary, metadata={"Date": None}, facecolor="white")
        temporary.replace(path)
    return path


def _style(at: int) -> dict[str, Any]:
    dashes = DASHES[at // len(COLOURS) % len(DASHES)]
    return {"color": COLOURS[at % len(COLOURS)], "linestyle": dashes, "linewidth": 1.6}


def _draw_panel(ax: Axes, panel: Panel, styles: Mapping[str, dict[str, Any]]) -> None:
    for name, points in panel.lines.items():
        xs, ys = zip(*sorted(points), strict=True)
        marker = "o" if len(points) <= 20 else None
        ax.plot(xs, ys, marker=marker, markersize=3, **styles[name])
    for name, points in panel.dots.items():
        xs, ys = zip(*points, strict=True)
        ax.scatter(xs, ys, s=9, color=styles[name]["color"], zorder=3)
    ax.set_title(panel.title, loc="left")
    ax.set_xlabel(panel.x_label)
    ax.set_ylabel(panel.y_label)
    if panel.log[0]:
        ax.set_xscale("log")
    if panel.log[1]:
        ax.set_yscale("log")
