"""Statistics against hand numbers and against rliable."""

from __future__ import annotations

import numpy as np
import pytest

from daneel.evaluation import statistics
from daneel.evaluation.statistics import Interval


def test_iqm_drops_a_quarter_at_each_end() -> None:
    """Outliers at both ends do not count."""
    assert statistics.iqm([1000, 2, 3, 4, 5, 6, 7, -1000]) == pytest.approx((3 + 4 + 5 + 6) / 4)


def test_iqm_of_few_values_is_their_mean() -> None:
    """Under four values there is no quarter to drop; none at all is refused."""
    assert statistics.iqm([1.0, 2.0, 6.0]) == pytest.approx(3.0)
    with pytest.raises(ValueError, match="no values"):
        statistics.iqm([])


@pytest.mark.parametrize("shape", [(3, 1), (5, 4), (7, 3), (10, 26)])
def test_iqm_equals_rliable(shape: tuple[int, int]) -> None:
    """The reference implementation agrees on many shapes."""
    metrics = pytest.importorskip("rliable.metrics")
    scores = np.random.default_rng(0).gamma(2.0, size=shape)
    assert statistics.iqm(scores.ravel()) == pytest.approx(metrics.aggregate_iqm(scores))


def test_stratified_bootstrap_equals_a_loop_over_rliable() -> None:
    """The vectorised bootstrap against a plain loop."""
    # rliable.library itself imports `arch`, which pandas 3 breaks: its loop is written out here.
    metrics = pytest.importorskip("rliable.metrics")
    rng = np.random.default_rng(1)
    scores = rng.gamma(2.0, size=(5, 4))
    draws = []
    for _ in range(2000):
        columns = [scores[rng.integers(5, size=5), task] for task in range(4)]
        draws.append(metrics.aggregate_iqm(np.stack(columns, axis=1)))
    ours = statistics.stratified_bootstrap(scores, np.random.default_rng(2), resamples=8000)
    assert ours is not None
    theirs = np.percentile(draws, [2.5, 97.5])
    assert [ours.low, ours.high] == pytest.approx(theirs.tolist(), abs=0.06)


def test_stratification_never_mixes_tasks() -> None:
    """Two tasks of fixed scores have no spread at all."""
    scores = np.array([[0.0, 100.0]] * 4)
    interval = statistics.stratified_bootstrap(scores, np.random.default_rng(0), statistics.mean)
    assert interval == Interval(50.0, 50.0)


def test_bootstrap_of_a_coin_is_binomial() -> None:
    """The interval of a known distribution."""
    # The mean of 100 fair coins has standard deviation 0.05: 1.96 of those is 0.098.
    coins = np.tile([0.0, 1.0], 50)
    interval = statistics.bootstrap_interval(coins, np.random.default_rng(0), resamples=20_000)
    assert interval is not None
    assert [interval.low, interval.high] == pytest.approx([0.402, 0.598], abs=0.011)


def test_bootstrap_covers_the_truth_about_as_often_as_it_says() -> None:
    """95 % intervals hold the true mean in about 95 % of samples."""
    rng = np.random.default_rng(3)
    covered = 0
    for _ in range(200):
        interval = statistics.bootstrap_interval(rng.normal(size=40), rng, resamples=400)
        assert interval is not None
        covered += interval.low <= 0 <= interval.high
    assert 0.88 <= covered / 200 <= 0.99


def test_one_value_has_no_interval() -> None:
    """One value says nothing about spread."""
    rng = np.random.default_rng(0)
    assert statistics.bootstrap_interval([3.0], rng) is None
    assert statistics.stratified_bootstrap(np.ones((1, 4)), rng) is None
    assert statistics.nested_bootstrap([[3.0]], rng) is None


def test_same_generator_same_interval() -> None:
    """All randomness comes from the argument."""
    values = np.arange(9.0)
    one = statistics.bootstrap_interval(values, np.random.default_rng(5))
    two = statistics.bootstrap_interval(values, np.random.default_rng(5))
    assert one == two


def test_nested_bootstrap_spreads_over_seeds_not_only_episodes() -> None:
    """Seeds that differ count as spread."""
    # Two seeds that never vary within: all spread is between seeds, so both extremes are reached.
    interval = statistics.nested_bootstrap([[0.0] * 10, [10.0] * 10], np.random.default_rng(0))
    assert interval == Interval(0.0, 10.0)


def test_nested_bootstrap_of_one_seed_redraws_its_episodes() -> None:
    """With one seed, its episodes are what varies."""
    interval = statistics.nested_bootstrap([[0.0, 10.0] * 5], np.random.default_rng(0))
    assert interval is not None
    assert 0.0 < interval.low < 5.0 < interval.high < 10.0


def test_nested_bootstrap_refuses_ragged_seeds() -> None:
    """Every seed needs as many episodes."""
    with pytest.raises(ValueError, match=r"\[1, 2\]"):
        statistics.nested_bootstrap([[1.0], [1.0, 2.0]], np.random.default_rng(0))


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    # Hand numbers: z = 1.96; 0 of 10 gives z^2 / (10 + z^2) = 0.2775; 8 of 10 by the formula.
    [(0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0), (8, 10, 0.4902, 0.9433), (1, 2, 0.0945, 0.9055)],
)
def test_wilson_against_hand_numbers(successes: int, trials: int, low: float, high: float) -> None:
    """The closed form, worked by hand."""
    interval = statistics.wilson_interval(successes, trials)
    assert [interval.low, interval.high] == pytest.approx([low, high], abs=1e-4)


def test_wilson_matches_statsmodels() -> None:
    """The reference implementation agrees on every count."""
    proportion = pytest.importorskip("statsmodels.stats.proportion")
    for trials in (1, 7, 20):
        for successes in range(trials + 1):
            ours = statistics.wilson_interval(successes, trials)
            theirs = proportion.proportion_confint(successes, trials, method="wilson")
            assert [ours.low, ours.high] == pytest.approx(theirs, abs=1e-9)


def test_wilson_refuses_impossible_counts() -> None:
    """More successes than trials is a bug of the caller."""
    with pytest.raises(ValueError, match="3 successes in 2 trials"):
        statistics.wilson_interval(3, 2)


def test_interval_refuses_unordered_ends() -> None:
    """An interval is low to high."""
    with pytest.raises(ValueError, match="low <= high"):
        Interval(2.0, 1.0)
