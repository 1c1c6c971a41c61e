"""Figures over skills, against hand numbers, closed forms and rliable."""

from __future__ import annotations

import numpy as np
import pytest

from daneel.evaluation import statistics
from daneel.evaluation.suites.aggregate import aggregate, redrawn_rates


def rng() -> np.random.Generator:
    """Always the same."""
    return np.random.default_rng(0)


def test_means_by_hand() -> None:
    """Eight skills of ten episodes: 0, .1, .2, .4, .6, .8, 1, 1."""
    found = aggregate([0, 1, 2, 4, 6, 8, 10, 10], [10] * 8, rng(), not_run=3)
    assert (found.scored, found.not_run) == (8, 3)
    assert found.mean == pytest.approx(4.1 / 8)
    assert found.iqm == pytest.approx((0.2 + 0.4 + 0.6 + 0.8) / 4)


def test_iqm_equals_rliable() -> None:
    """The reference implementation on the same success rates."""
    metrics = pytest.importorskip("rliable.metrics")
    successes = np.random.default_rng(3).integers(0, 11, size=50)
    found = aggregate(successes.tolist(), [10] * 50, rng())
    assert found.iqm == pytest.approx(metrics.aggregate_iqm(successes[None] / 10))


def test_a_skill_counts_once_however_many_episodes_it_has() -> None:
    """The mean is over skills, not over episodes."""
    found = aggregate([1, 0], [1, 99], rng())
    assert found.mean == 0.5


def test_interval_of_the_mean_is_that_of_independent_binomials() -> None:
    """The standard deviation of a mean of binomial shares is known."""
    successes, trials = [2, 5, 9, 5], [10, 10, 20, 50]
    shares = np.array(successes) / trials
    deviation = np.sqrt((shares * (1 - shares) / trials).sum()) / 4
    found = aggregate(successes, trials, rng()).interval
    assert found is not None
    expected = [shares.mean() - 1.96 * deviation, shares.mean() + 1.96 * deviation]
    assert [found.low, found.high] == pytest.approx(expected, abs=0.01)


def test_redrawing_equals_drawing_episodes_in_a_loop() -> None:
    """A binomial draw is a bootstrap of single episodes, skill by skill."""
    successes, trials = [3, 7, 1], [10, 8, 5]
    plain = np.random.default_rng(1)
    means = []
    for _ in range(4000):
        rates = []
        for won, count in zip(successes, trials, strict=True):
            outcomes = np.array([1.0] * won + [0.0] * (count - won))
            rates.append(outcomes[plain.integers(count, size=count)].mean())
        means.append(np.mean(rates))
    ours = redrawn_rates(successes, trials, rng(), 8000).mean(axis=1)
    assert np.percentile(ours, [2.5, 50, 97.5]) == pytest.approx(
        np.percentile(means, [2.5, 50, 97.5]), abs=0.02
    )


def test_interval_equals_the_stratified_bootstrap_of_rliable_scores() -> None:
    """For the mean, redrawing rates is the bootstrap of `statistics`, which rliable checks."""
    scores = (np.random.default_rng(2).random((10, 6)) < 0.6).astype(float)
    theirs = statistics.stratified_bootstrap(scores, rng(), statistics.mean, resamples=8000)
    ours = aggregate(scores.sum(axis=0).astype(int).tolist(), [10] * 6, rng()).interval
    assert theirs is not None and ours is not None
    assert [ours.low, ours.high] == pytest.approx([theirs.low, theirs.high], abs=0.02)


@pytest.mark.parametrize(("won", "count"), [(10, 10), (0, 10), (1, 1)])
def test_skills_without_spread_are_not_certain(won: int, count: int) -> None:
    """The bootstrap would say 100 to 100 %; Wilson's interval of all episodes does not."""
    found = aggregate([won] * 5, [count] * 5, rng())
    assert found.interval == statistics.wilson_interval(5 * won, 5 * count)
    assert found.iqm_interval is None


def test_one_episode_a_skill_is_wilson() -> None:
    """Nothing can be redrawn: 3 of 4 skills."""
    assert aggregate([1, 1, 0, 1], [1] * 4, rng()).interval == statistics.wilson_interval(3, 4)


def test_intervals_hold_their_figures() -> None:
    """On many random suites, few skills and few episodes among them."""
    draw = np.random.default_rng(4)
    for _ in range(60):
        skills = int(draw.integers(1, 12))
        trials = draw.integers(1, 6, size=skills)
        won = draw.binomial(trials, draw.beta(0.4, 0.4, size=skills))
        found = aggregate(won.tolist(), trials.tolist(), draw)
        assert found.mean is not None and found.iqm is not None and found.interval is not None
        assert found.interval.low <= found.mean <= found.interval.high
        if found.iqm_interval is not None:
            assert found.iqm_interval.low <= found.iqm <= found.iqm_interval.high


def test_no_skill_has_no_figure() -> None:
    """Not a zero."""
    found = aggregate([], [], rng(), not_run=2)
    assert (found.mean, found.interval, found.iqm, found.iqm_interval) == (None,) * 4
    assert (found.scored, found.not_run) == (0, 2)
