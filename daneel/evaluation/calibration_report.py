"""`report.html` of a calibration: one self-contained file that needs no network and no script.

Measured against simulated before and after, error by horizon, what is left in the residuals,
intervals, and what the log cannot tell apart. W windows, T steps, J joints, P parameters.
"""

from __future__ import annotations

from datetime import UTC, datetime
from html import escape
from pathlib import Path

import numpy as np

from daneel.agents.calibration.blocks import autocorrelation
from daneel.agents.calibration.calibrate import Calibration
from daneel.agents.calibration.horizons import HorizonErrors, horizon_errors
from daneel.agents.calibration.problem import Floats
from daneel.agents.calibration.uncertainty import Uncertainty
from daneel.evaluation import files, markup, svg
from daneel.evaluation.evidence import number
from daneel.evaluation.report_style import CSS
from daneel.evaluation.svg import Mark

FILE = "report.html"
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
"""Nothing may be fetched, whatever a name in the logs contains."""
EXTRA_CSS = """
.plot .truth { stroke: var(--ink); stroke-width: 2.5; opacity: .55; }
.key.truth { border-color: var(--ink); opacity: .55; }
.key.evalline { border-color: var(--second); }
.scroll + .note, .grid + .note { margin-top: 14px; }
.span { position: relative; height: 14px; min-width: 150px; }
.span i { position: absolute; top: 5px; height: 4px; border-radius: 2px; background: var(--line);
  left: 0; right: 0; }
.span b { position: absolute; top: 4px; height: 6px; border-radius: 3px; background: var(--accent);
  min-width: 3px; }
.span u { position: absolute; top: 0; width: 2px; height: 14px; background: var(--second); }
"""
POINTS = 400
"""Most points that a line is drawn with."""
WAYS = {
    "curvature": "from the curvature",
    "profile": "profile likelihood",
    "bounds": "the log says nothing: its bounds",
}


def write(folder: str | Path, found: Calibration, spread: Uncertainty, title: str) -> Path:
    """Writes `report.html` into a calibration folder and returns its path.

    Args:
        folder: The calibration folder.
        found: The calibration.
        spread: Its intervals and what the log cannot tell apart.
        title: Name of the robot or preset.
    """
    return files.write_text(Path(folder) / FILE, page(found, spread, title))


def page(found: Calibration, spread: Uncertainty, title: str) -> str:
    """The whole page."""
    before, after = _errors(found)
    body = "".join(
        (
            _header(found, title),
            _tiles(found, spread, before, after),
            _warnings(found),
            _parameters(found, spread),
            _apart(spread),
            _horizons(before, after),
            _paths(found),
            _residuals(found, spread),
            f"<footer>Written by Daneel, {datetime.now(UTC):%Y-%m-%d %H:%M UTC}. "
            "One file, no network.</footer>",
        )
    )
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        f"<title>Calibration of {escape(title)}</title>\n<style>{CSS}{EXTRA_CSS}</style>\n"
        f"</head>\n<body>\n<main>\n{body}</main>\n</body>\n</html>\n"
    )


def _errors(found: Calibration) -> tuple[HorizonErrors, HorizonErrors]:
    """Errors by horizon before and after, at eight instants of the windows."""
    problem = found.problem
    length = problem.windows.steps * problem.windows.dt
    horizons = tuple(float(f"{h:.3g}") for h in length * np.array([1, 2, 3, 4, 5, 6, 7, 8]) / 8)
    values = problem.parameters.nominal
    return (
        horizon_errors(problem.simulator, values(problem.initial), problem.windows, horizons),
        horizon_errors(problem.simulator, found.values, problem.windows, horizons),
    )


def _header(found: Calibration, title: str) -> str:
    windows = found.problem.windows
    logs = len(np.unique(windows.log))
    parts = (
        f"{len(found.problem.names)} parameters, {', '.join(windows.joints)}, {logs} "
        f"log{'s' if logs > 1 else ''}, {len(windows)} rollouts of "
        f"{windows.steps * windows.dt:.3g} s from the measured state"
    )
    return (
        f'<header><p class="brand">Daneel calibration report</p><h1>{escape(title)}</h1>'
        f'<p class="sub">{escape(parts)}</p></header>'
    )


def _tiles(
    found: Calibration, spread: Uncertainty, before: HorizonErrors, after: HorizonErrors
) -> str:
    blind = sum(group.kind == "blind" for group in spread.identifiability.combinations)
    last = f"after {before.horizons[-1]:g} s"
    memory = f"errors last {spread.correlation} residuals" if spread.correlation else "white noise"
    tiles = [
        markup.tile(
            "Motion foreseen", _percent(found.explained), f"{_percent(found.before)} before"
        ),
        markup.tile(
            f"Error {last}", f"{number(float(after.rmse[-1]))} rad",
            f"{_size(float(before.rmse[-1]))} before",
        ),
        markup.tile(
            "Cannot be told apart", str(blind) if blind else "none",
            "groups of parameters" if blind else "every parameter is seen",
        ),
        markup.tile("Independent stretches", str(spread.blocks), memory),
    ]  # fmt: skip
    return f'<div class="tiles">{"".join(tiles)}</div>'


def _percent(share: float) -> str:
    return f"{max(share, 0.0):.1%}" if np.isfinite(share) else "unstable"


def _size(value: float) -> str:
    return f"{number(value)} rad" if np.isfinite(value) else "unstable"


def _warnings(found: Calibration) -> str:
    if not found.warnings:
        return ""
    listed = "".join(f"<p>{markup.chip('bad', 'note')} {escape(w)}</p>" for w in found.warnings)
    return markup.section("Before you trust it", listed)


def _parameters(found: Calibration, spread: Uncertainty) -> str:
    problem = found.problem
    heads = ("parameter", "before", "after", f"{spread.level:.0%} interval", "within bounds", "how")
    rows = []
    for at, name in enumerate(problem.names):
        cells = (
            escape(name), number(float(problem.initial[at])), number(float(spread.theta[at])),
            f"{number(float(spread.low[at]))} to {number(float(spread.high[at]))}",
            _bar(problem.low[at], problem.high[at], spread.low[at], spread.high[at],
                 problem.initial[at]),
            WAYS[spread.methods[at]],
        )  # fmt: skip
        rows.append("".join(f"<td>{cell}</td>" for cell in cells))
    head = "".join(f"<th>{name}</th>" for name in heads)
    body = "".join(f"<tr>{row}</tr>" for row in rows)
    note = markup.note(
        "Grey: the bounds. Blue: the interval. Orange: the value before. Intervals count stretches "
        "of the log as one observation while its errors are alike."
    )
    return markup.section(
        "Parameters", markup.scroll(f"<table><tr>{head}</tr>{body}</table>") + note
    )


def _bar(low: float, high: float, least: float, most: float, before: float) -> str:
    def place(value: float) -> float:
        return 100.0 * float(np.clip((value - low) / (high - low), 0.0, 1.0))

    return (
        f'<div class="span"><i></i><b style="left:{place(least):.2f}%;'
        f'width:{place(most) - place(least):.2f}%"></b>'
        f'<u style="left:calc({place(before):.2f}% - 1px)"></u></div>'
    )


def _apart(spread: Uncertainty) -> str:
    groups = spread.identifiability.combinations
    if not groups:
        return markup.section("What the log tells apart", "<p>All parameters.</p>")
    chips = {"blind": markup.chip("bad", "blind"), "weak": markup.chip("unknown", "weak")}
    rows = "".join(f"<p>{chips[group.kind]} {escape(group.words)}</p>" for group in groups)
    note = markup.note(
        "Blind: no log of this excitation tells them apart. Weak: the noise of this one hides it."
    )
    return markup.section("What the log cannot tell apart", rows + note)


def _horizons(before: HorizonErrors, after: HorizonErrors) -> str:
    at = np.array(after.horizons)
    marks = [Mark("evalline", at, _finite(before.rmse)), Mark("line", at, _finite(after.rmse))]
    legend = [("evalline", "before"), ("line", "after, root mean square")]
    if np.isfinite(after.quantile(0.9)).all():
        marks.insert(0, Mark("band", at, after.quantile(0.1), after.quantile(0.9)))
        legend.append(("band", "after, 10 to 90 % of rollouts"))
    hints = [f"{number(float(e))} rad after {h:g} s" for h, e in zip(at, after.rmse, strict=True)]
    marks.append(Mark("dotaccent", at, _finite(after.rmse), hints=hints))
    drawn = svg.chart(
        marks, label="error by horizon in rad", height_px=260, x_label="seconds after the start"
    )
    lost = "" if np.isfinite(before.rmse).all() else "Some rollouts were unstable before."
    return markup.section(
        "Error of open-loop rollouts, rad", markup.legend(legend) + drawn + markup.note(lost)
    )


def _paths(found: Calibration) -> str:
    """Three windows, the best, the middle and the worst after calibration, all joints."""
    problem, windows = found.problem, found.problem.windows
    both = problem.simulate(np.stack([problem.initial, found.fit.theta]))  # [2, W, T + 1, J]
    error = np.sqrt(np.mean((both[1] - windows.q) ** 2, axis=(1, 2)))
    order = np.argsort(np.where(np.isfinite(error), error, np.inf))
    chosen = dict.fromkeys((int(order[0]), int(order[len(order) // 2]), int(order[-1])))
    names = ("best", "middle", "worst") if len(chosen) == 3 else ("rollout",) * len(chosen)
    panels = "".join(
        _panel(windows.q[w, :, j], both[:, w, :, j], windows.dt, f"{name}, {joint}")
        for name, w in zip(names, chosen, strict=True)
        for j, joint in enumerate(windows.joints)
    )
    legend = markup.legend([("truth", "measured"), ("evalline", "before"), ("line", "after")])
    note = markup.note(
        "rad against seconds. Each simulation starts at the measured state and sees nothing of the "
        "log after it but the commands."
    )
    return markup.section(
        "Measured and simulated", f'{legend}<div class="grid">{panels}</div>{note}'
    )


def _panel(measured: Floats, both: Floats, dt: float, title: str) -> str:
    thin = max(1, len(measured) // POINTS)
    time = dt * np.arange(len(measured))[::thin]
    marks = [
        Mark("truth", time, measured[::thin]),
        Mark("evalline", time, _near(both[0, ::thin], measured)),
        Mark("line", time, both[1, ::thin]),
    ]
    drawn = svg.chart(marks, label=title, height_px=130, ticks=3)
    return f"<div><h3>{escape(title)}</h3>{drawn}</div>"


def _near(path: Floats, measured: Floats) -> Floats:
    """The path without what would make the measured one a flat line."""
    span = float(np.ptp(measured)) + 1e-3
    middle = float(np.mean(measured))
    return np.where(np.abs(path - middle) < 3.0 * span, path, np.nan)


def _residuals(found: Calibration, spread: Uncertainty) -> str:
    residuals = found.fit.residuals
    counts, edges = np.histogram(np.clip(residuals, -6, 6), bins=61, range=(-6, 6), density=True)
    centres = 0.5 * (edges[1:] + edges[:-1])
    normal = np.exp(-0.5 * centres**2) / np.sqrt(2 * np.pi)
    shape = svg.chart(
        [Mark("evalline", centres, normal), Mark("line", centres, counts)],
        label="how residuals are spread", height_px=150, ticks=3, x_label="in units of the noise",
    )  # fmt: skip
    correlation, _ = autocorrelation(residuals, found.problem.segments)
    lags = min(len(correlation), max(40, 3 * spread.correlation))
    shown = correlation[: lags : max(1, lags // POINTS)]
    memory = svg.chart(
        [Mark("line", np.arange(len(shown)) * max(1.0, lags // POINTS), shown)],
        label="autocorrelation of residuals", height_px=150, ticks=3, x_label="residuals apart",
    )  # fmt: skip
    return markup.section(
        "What is left",
        '<div class="grid">'
        f"<div><h3>Spread of the residuals, and a normal one</h3>{shape}</div>"
        f"<div><h3>How long an error lasts (autocorrelation)</h3>{memory}</div></div>",
    )


def _finite(values: Floats) -> Floats:
    return np.where(np.isfinite(values), values, np.nan)
