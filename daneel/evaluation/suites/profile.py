"""Performance profile: the share of skills whose success rate is above each threshold.

Source: Agarwal et al. 2021, "Deep Reinforcement Learning at the Edge of the Statistical Precipice"
(arXiv 2108.13264), section 4.2, "average-score distribution" (a skill's score is its mean over
episodes), with a pointwise band from the stratified bootstrap of `aggregate`. Unlike there, the
band is widened to the profile itself: redrawing leaves skills at 0 and at 100 % where they are
and moves those near them only outwards, so that near both ends all resamples can lie on one side.

Legend: R resamples, M skills, T thresholds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from daneel.evaluation.suites.aggregate import RESAMPLES, TAILS, redrawn_rates
from daneel.evaluation.suites.record import SuiteRecord

THRESHOLDS = np.linspace(0, 1, 101)
"""Where a profile is taken unless told otherwise: every per cent."""

HAIR = 1e-9
"""A rate counts as above a threshold by more than this: 0.7 is not above 7 / 10."""


@dataclass(frozen=True)
class Profile:
    """Shares of skills at some thresholds."""

    thresholds: np.ndarray
    """`[T]` success rates."""
    share: np.ndarray
    """`[T]` share of skills above each."""
    low: np.ndarray
    """`[T]` lower end of the 95 % band."""
    high: np.ndarray
    """`[T]` upper end."""


def shares(rates: np.ndarray | Sequence[float], thresholds: np.ndarray = THRESHOLDS) -> np.ndarray:
    """Share of `rates [M]` above each of `thresholds [T]`, as `[T]`.

    Raises:
        ValueError: When there are no rates.
    """
    values = np.asarray(rates, float)
    if not values.size:
        raise ValueError("There are no success rates. Expected those of one skill or more.")
    return (values[:, None] > thresholds + HAIR).mean(axis=0)


def profile(
    successes: Sequence[int],
    trials: Sequence[int],
    rng: np.random.Generator,
    thresholds: np.ndarray = THRESHOLDS,
    *,
    resamples: int = RESAMPLES,
) -> Profile:
    """The profile of skills with these counts, with a band.

    Args:
        successes: `[M]` episodes that succeeded.
        trials: `[M]` episodes, each at least 1.
        rng: Where the resamples come from.
        thresholds: `[T]` success rates.
        resamples: How many bootstrap draws.

    Raises:
        ValueError: When there are no skills.
    """
    share = shares(np.asarray(successes) / np.asarray(trials), thresholds)
    drawn = redrawn_rates(successes, trials, rng, resamples)
    # One threshold at a time: [R, M, T] at once would take hundreds of megabytes.
    above = np.stack([(drawn > tau + HAIR).mean(axis=1) for tau in thresholds], axis=1)
    low, high = np.percentile(above, TAILS, axis=0)
    return Profile(thresholds, share, np.minimum(low, share), np.maximum(high, share))


def of_record(record: SuiteRecord) -> Profile | None:
    """The profile of a record's scored skills; None where there are none."""
    scored = [score for score in record.skills if score.status == "scored"]
    if not scored:
        return None
    successes = [score.successes for score in scored]
    trials = [len(score.episodes) for score in scored]
    return profile(successes, trials, np.random.default_rng(record.seed))
