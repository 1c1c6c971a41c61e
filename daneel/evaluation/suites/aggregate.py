"""Success over the skills of a suite: mean and interquartile mean, with intervals.

Sources: the interquartile mean and the stratified bootstrap follow Agarwal et al. 2021, "Deep
Reinforcement Learning at the Edge of the Statistical Precipice" (arXiv 2108.13264). Strata are the
skills: the episodes of each are redrawn from its own. The intervals therefore say how far other
episodes could move the figure of this policy on these skills. They say nothing about other skills,
nor about the same training with another seed.

A skill is one value, its success rate: unlike in the paper, the interquartile mean is not taken
over single episodes, which are all 0 or 1.

Legend: R resamples, M skills.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from daneel.evaluation import statistics
from daneel.evaluation.statistics import Interval

RESAMPLES = 2000
LEVEL = 0.95
TAILS = (100 * (1 - LEVEL) / 2, 100 * (1 + LEVEL) / 2)
"""Percentiles of the resamples at which intervals end."""


@dataclass(frozen=True)
class Aggregate:
    """What some skills say together. Skills that were not run are counted, never averaged."""

    scored: int
    """Skills with episodes."""
    not_run: int
    """Skills without."""
    mean: float | None
    """Mean of the success rates; None where no skill was scored."""
    interval: Interval | None
    """95 % interval of the mean; see `mean_interval`."""
    iqm: float | None
    """Interquartile mean of the success rates: without the best and the worst quarter of skills."""
    iqm_interval: Interval | None
    """95 % stratified bootstrap interval of it; None where no redrawn episode could change it."""


def aggregate(
    successes: Sequence[int], trials: Sequence[int], rng: np.random.Generator, *, not_run: int = 0
) -> Aggregate:
    """What skills with these counts say together.

    Args:
        successes: `[M]` episodes that succeeded.
        trials: `[M]` episodes, each at least 1.
        rng: Where the resamples come from.
        not_run: Skills without episodes.
    """
    if not len(trials):
        return Aggregate(0, not_run, None, None, None, None)
    rates = np.asarray(successes) / np.asarray(trials)
    drawn = redrawn_rates(successes, trials, rng)
    middle = float(statistics.iqm(rates))
    return Aggregate(
        scored=len(rates),
        not_run=not_run,
        mean=float(rates.mean()),
        interval=mean_interval(successes, trials, drawn),
        iqm=middle,
        iqm_interval=_percentiles(statistics.iqm(drawn, axis=1), middle),
    )


def redrawn_rates(
    successes: Sequence[int],
    trials: Sequence[int],
    rng: np.random.Generator,
    resamples: int = RESAMPLES,
) -> np.ndarray:
    """Success rates `[R, M]` after redrawing the episodes of every skill from its own.

    Drawing n episodes with replacement, of which a share p succeeded, is a binomial draw.
    """
    count = np.asarray(trials)
    shape = (resamples, len(count))
    return rng.binomial(count, np.asarray(successes) / count, size=shape) / count


def mean_interval(
    successes: Sequence[int], trials: Sequence[int], drawn: np.ndarray
) -> Interval | None:
    """95 % interval of the mean success rate, by the bootstrap where that knows anything.

    Where every skill either always or never succeeded, redrawing changes nothing, and the bootstrap
    would be sure of its figure after a single episode. Then it is Wilson's interval of all episodes
    together, too wide rather than too narrow: skills that differ vary less than one that is their
    mean. (Skills with more episodes than others count as if they had no more.)
    """
    rates = np.asarray(successes) / np.asarray(trials)
    if not np.isin(rates, (0, 1)).all():
        return _percentiles(drawn.mean(axis=1), float(rates.mean()))
    least = int(np.min(trials))
    return statistics.wilson_interval(int(rates.sum()) * least, len(rates) * least, LEVEL)


def _percentiles(draws: np.ndarray, figure: float) -> Interval | None:
    """The percentile bootstrap, widened to the figure itself; None where the draws are all equal.

    Redrawing pulls skills at 0 and at 100 % only inwards, which can move all draws to one side.
    """
    low, high = np.percentile(draws, TAILS)
    if low == high:
        return None
    return Interval(min(float(low), figure), max(float(high), figure), LEVEL)
