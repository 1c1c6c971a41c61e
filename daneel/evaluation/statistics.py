"""Aggregates and intervals for returns and success rates.

Sources: the interquartile mean (IQM) and the stratified bootstrap over runs follow Agarwal et al.
2021, "Deep Reinforcement Learning at the Edge of the Statistical Precipice" (arXiv 2108.13264); the
score interval for a proportion is Wilson 1927. Intervals are percentile bootstraps, and randomness
is always a generator argument.

Legend: R resamples, N runs (seeds), M tasks, E episodes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Protocol

import numpy as np

MIN_SEEDS = 3
"""Below this many seeds an interval over seeds is not worth drawing: callers say so instead."""


class Statistic(Protocol):
    """Anything called like `np.mean`: reduces `values` along `axis`."""

    def __call__(self, values: np.ndarray, /, axis: int) -> np.ndarray:
        """Reduces `values` along `axis`."""
        ...


@dataclass(frozen=True)
class Interval:
    """A two-sided confidence interval."""

    low: float
    """Lower end, in the unit of the figure."""
    high: float
    """Upper end, in the unit of the figure."""
    level: float = 0.95
    """Share of such intervals that cover the true value."""

    def __post_init__(self) -> None:
        """Raises ValueError when the ends are not ordered numbers."""
        if not self.low <= self.high:
            raise ValueError(f"Interval ends are {self.low} and {self.high}. Expected low <= high.")


def mean(values: np.ndarray, axis: int = -1) -> np.ndarray:
    """The arithmetic mean along `axis`."""
    return np.mean(np.asarray(values, float), axis=axis)


def iqm(values: np.ndarray | Sequence[float], axis: int = -1) -> np.ndarray:
    """Interquartile mean: the mean of what is left after dropping a quarter at each end.

    Like rliable, `floor(n / 4)` values are dropped at each end: under four values it is the mean.

    Args:
        values: Scores, any shape; a plain list of numbers works.
        axis: The axis to reduce.

    Raises:
        ValueError: When there is nothing to average.
    """
    ordered = np.sort(np.moveaxis(np.asarray(values, float), axis, -1), axis=-1)
    count = ordered.shape[-1]
    if count == 0:
        raise ValueError("The interquartile mean of no values is undefined. Expected at least one.")
    cut = count // 4
    return ordered[..., cut : count - cut].mean(axis=-1)


def bootstrap_interval(
    values: np.ndarray | Sequence[float],
    rng: np.random.Generator,
    statistic: Statistic = mean,
    *,
    resamples: int = 2000,
    level: float = 0.95,
) -> Interval | None:
    """Percentile bootstrap of `statistic` over independent values.

    Returns:
        The interval, or None under two values: one value says nothing about spread.
    """
    sample = np.asarray(values, float).ravel()
    if sample.size < 2:
        return None
    index = rng.integers(sample.size, size=(resamples, sample.size))
    return _percentiles(statistic(sample[index], axis=1), level)


def stratified_bootstrap(
    scores: np.ndarray,
    rng: np.random.Generator,
    statistic: Statistic = iqm,
    *,
    resamples: int = 2000,
    level: float = 0.95,
) -> Interval | None:
    """Bootstrap over runs, drawn separately for each task, of a statistic of all scores.

    Args:
        scores: `[N, M]`, one score of each of N runs on each of M tasks.
        rng: Where the resamples come from.
        statistic: Applied to the N * M resampled scores.
        resamples: How many bootstrap draws.
        level: Coverage of the interval.

    Returns:
        The interval, or None under two runs.

    Raises:
        ValueError: When `scores` is not a matrix.
    """
    table = np.asarray(scores, float)
    if table.ndim != 2:
        raise ValueError(f"Scores have shape {table.shape}. Expected [runs, tasks].")
    runs, tasks = table.shape
    if runs < 2:
        return None
    index = rng.integers(runs, size=(resamples, runs, tasks))
    drawn = table[index, np.arange(tasks)]
    return _percentiles(statistic(drawn.reshape(resamples, -1), axis=1), level)


def nested_bootstrap(
    groups: Sequence[Sequence[float]],
    rng: np.random.Generator,
    statistic: Statistic = mean,
    *,
    resamples: int = 2000,
    level: float = 0.95,
) -> Interval | None:
    """Bootstrap over seeds, then over the episodes of each seed drawn.

    With one seed only the episodes are redrawn: the interval then says nothing about other seeds.

    Args:
        groups: For each seed the returns of its episodes; every seed has the same number.
        rng: Where the resamples come from.
        statistic: Applied to all N * E resampled returns.
        resamples: How many bootstrap draws.
        level: Coverage of the interval.

    Returns:
        The interval, or None under two values in all.

    Raises:
        ValueError: When seeds have different numbers of episodes.
    """
    if len({len(group) for group in groups}) > 1:
        sizes = [len(group) for group in groups]
        raise ValueError(f"Seeds have {sizes} episodes. Expected as many for every seed.")
    table = np.asarray(groups, float)
    if table.size < 2:
        return None
    seeds, episodes = table.shape
    seed = rng.integers(seeds, size=(resamples, seeds, 1))
    episode = rng.integers(episodes, size=(resamples, seeds, episodes))
    return _percentiles(statistic(table[seed, episode].reshape(resamples, -1), axis=1), level)


def wilson_interval(successes: int, trials: int, level: float = 0.95) -> Interval:
    """Wilson's score interval for a success rate; sensible at 0 and at 100 %.

    Raises:
        ValueError: When there are no trials or more successes than trials.
    """
    if not (trials > 0 and 0 <= successes <= trials):
        raise ValueError(
            f"Got {successes} successes in {trials} trials. Expected 0 <= successes <= trials > 0."
        )
    z = NormalDist().inv_cdf(0.5 + level / 2)
    rate = successes / trials
    spread = 1 + z**2 / trials
    centre = (rate + z**2 / (2 * trials)) / spread
    half = z / spread * math.sqrt(rate * (1 - rate) / trials + z**2 / (4 * trials**2))
    # Rounding may leave the exact ends 0 and 1 a hair outside the rate itself.
    return Interval(min(max(centre - half, 0.0), rate), max(min(centre + half, 1.0), rate), level)


def _percentiles(draws: np.ndarray, level: float) -> Interval:
    tail = 100 * (1 - level) / 2
    low, high = np.percentile(draws, [tail, 100 - tail])
    return Interval(float(low), float(high), level)
