"""Learning curves out of `metrics.jsonl`: read, aligned, summarised over seeds.

Runs may have different lengths. Each is interpolated between its own first and last point and never
beyond, so towards the end fewer runs speak; `Summary.count` says how many at each step.

Legend: N runs, P points of the common grid.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from daneel.errors import RunFolderError
from daneel.evaluation import files, statistics
from daneel.evaluation.statistics import MIN_SEEDS

METRICS = "metrics.jsonl"
EVAL_RETURN, EVAL_RETURNS, EVAL_SUCCESS = "eval/return", "eval/returns", "eval/success"
EPISODE_RETURN = "episode_return"


@dataclass(frozen=True)
class Series:
    """One metric of one run."""

    steps: np.ndarray
    """`[K]` environment steps, not falling."""
    values: np.ndarray
    """`[K]` the metric."""

    def __len__(self) -> int:
        """How many points there are."""
        return len(self.steps)


@dataclass(frozen=True)
class Summary:
    """A metric over several runs."""

    steps: np.ndarray
    """`[P]` environment steps."""
    middle: np.ndarray
    """`[P]` interquartile mean over the runs that reach the step (the mean under four runs)."""
    low: np.ndarray
    """`[P]` lower end of the 95 % bootstrap interval, NaN where there are too few runs."""
    high: np.ndarray
    """`[P]` upper end."""
    count: np.ndarray
    """`[P]` how many runs reach the step."""


def load_metrics(run: str | Path) -> list[dict[str, Any]]:
    """The records of a run in the order they were written.

    Raises:
        RunFolderError: The folder has no metrics.
    """
    path = Path(run) / METRICS
    if not path.is_file():
        raise RunFolderError(
            f"{str(run)!r} is not a run folder: it has no {METRICS}. Expected a folder that "
            "`daneel train` made. Type `ls runs` to see yours."
        )
    return files.read_jsonl(path)


def series(records: Sequence[dict[str, Any]], key: str) -> Series:
    """The points of `key`, numbers only, in order of steps."""
    points = [(r["step"], r[key]) for r in records if isinstance(r.get(key), int | float)]
    points.sort(key=lambda point: point[0])
    steps, values = zip(*points, strict=True) if points else ((), ())
    return Series(np.asarray(steps, float), np.asarray(values, float))


def smooth(curve: Series, window: int | None = None) -> Series:
    """A centred moving average; by default over about a twentieth of the points.

    Near the ends the window shrinks evenly on both sides, so that ends are not pulled inwards.
    """
    count = len(curve)
    window = window or max(1, count // 20)
    sums = np.concatenate([[0.0], np.cumsum(curve.values)])
    index = np.arange(count)
    half = np.minimum(np.minimum(index, count - 1 - index), window // 2)
    return Series(curve.steps, (sums[index + half + 1] - sums[index - half]) / (2 * half + 1))


def thin(curve: Series, points: int = 240) -> Series:
    """At most `points` points, each the mean of its neighbours, so that a file stays small."""
    if len(curve) <= points:
        return curve
    groups = np.array_split(np.arange(len(curve)), points)
    return Series(
        np.array([curve.steps[group].mean() for group in groups]),
        np.array([curve.values[group].mean() for group in groups]),
    )


def align(curves: Sequence[Series], points: int = 101) -> tuple[np.ndarray, np.ndarray]:
    """Runs on one grid of steps: `[P]` steps and `[N, P]` values, NaN beyond a run's own range.

    Runs that were evaluated at the same steps keep those steps; otherwise the grid is even.

    Raises:
        ValueError: When a curve has no point.
    """
    if not curves or any(len(curve) == 0 for curve in curves):
        raise ValueError("Cannot align a curve without points. Expected at least one point each.")
    longest = max(curves, key=len).steps
    shared = all(np.array_equal(curve.steps, longest[: len(curve)]) for curve in curves)
    first, last = min(c.steps[0] for c in curves), max(c.steps[-1] for c in curves)
    grid = np.unique(longest) if shared else np.linspace(first, last, points)
    rows = [np.interp(grid, c.steps, c.values, left=np.nan, right=np.nan) for c in curves]
    return grid, np.stack(rows)


def summarise(curves: Sequence[Series], rng: np.random.Generator, points: int = 101) -> Summary:
    """IQM with a bootstrap interval over runs at every step."""
    grid, values = align(curves, points)
    present = np.isfinite(values)
    low, high, middle = (np.full(len(grid), np.nan) for _ in range(3))
    for at in range(len(grid)):
        column = values[present[:, at], at]
        if len(column):
            middle[at] = statistics.iqm(column)
        if len(column) >= MIN_SEEDS:
            interval = statistics.stratified_bootstrap(column[:, None], rng)
            assert interval is not None
            low[at], high[at] = interval.low, interval.high
    return Summary(grid, middle, low, high, present.sum(axis=0))


def summarise_tasks(
    tasks: Sequence[Sequence[Series]], rng: np.random.Generator, points: int = 101
) -> Summary:
    """IQM over runs and tasks, with the bootstrap stratified by task.

    Only meaningful when every task has the same scale (dm_control returns, success rates). All
    tasks need the same number of runs; the grid ends where the shortest run ends.

    Args:
        tasks: For each of M tasks its N curves.
        rng: Where the resamples come from.
        points: Length of the common grid.

    Raises:
        ValueError: When tasks have different numbers of runs.
    """
    if len({len(curves) for curves in tasks}) != 1:
        raise ValueError(
            f"Tasks have {[len(curves) for curves in tasks]} runs. Expected as many for every task."
        )
    flat = [curve for curves in tasks for curve in curves]
    first, last = max(c.steps[0] for c in flat), min(c.steps[-1] for c in flat)
    grid = np.linspace(first, last, points)
    values = np.stack(
        [[np.interp(grid, c.steps, c.values) for c in curves] for curves in tasks], axis=1
    )  # [N, M, P]
    middle = statistics.iqm(values.reshape(-1, points), axis=0)
    low, high = (np.full(points, np.nan) for _ in range(2))
    if len(values) >= MIN_SEEDS:
        for at in range(points):
            interval = statistics.stratified_bootstrap(values[:, :, at], rng)
            assert interval is not None
            low[at], high[at] = interval.low, interval.high
    return Summary(grid, middle, low, high, np.full(points, len(values)))


def first_reach(curve: Series, threshold: float) -> float | None:
    """The first step at which the curve is at or above `threshold`, None when it never is."""
    reached = np.flatnonzero(curve.values >= threshold)
    return float(curve.steps[reached[0]]) if len(reached) else None


def too_few(seeds: int) -> str | None:
    """What to say when there are too few seeds for an interval, else None."""
    if seeds >= MIN_SEEDS:
        return None
    have = "1 seed" if seeds == 1 else f"{seeds} seeds"
    return f"{have}: too few for an interval over seeds (at least {MIN_SEEDS}, better 5)"
