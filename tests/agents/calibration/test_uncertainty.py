"""Intervals hold the truth as often as they say, stay in bounds, and follow curved valleys."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from daneel.agents.calibration.problem import CalibrationError
from daneel.agents.calibration.uncertainty import uncertainty
from tests.agents.calibration.problems import coloured, fitted, linear, problem


def test_one_mean_has_the_interval_of_a_t_test() -> None:
    """One mean has the interval of a t test."""
    rng = np.random.default_rng(0)
    noise = rng.normal(size=3000)
    found = problem(
        lambda theta: theta @ np.ones((1, 3000)) - noise, ["mean"], -9, 9, [0.0],
        np.zeros(3000, int),
    )  # fmt: skip
    result = uncertainty(found, fitted(found))
    low, high = stats.norm.interval(0.9, noise.mean(), 1 / np.sqrt(3000))
    assert result.low[0] == pytest.approx(low, abs=0.012)
    assert result.high[0] == pytest.approx(high, abs=0.012)
    assert result.methods == ("curvature",)


@pytest.mark.parametrize("colour", [0.0, 0.9])
def test_intervals_hold_the_truth_in_nine_of_ten(colour: float) -> None:
    """Intervals hold the truth in nine of ten."""
    rng, truth, held = np.random.default_rng(1), np.array([1.0, -2.0, 0.5]), []
    for _ in range(60):
        found = linear(rng, truth, rows=600, colour=colour)
        result = uncertainty(found, fitted(found), profile=False)
        held += list((result.low <= truth) & (truth <= result.high))
    assert 0.83 < np.mean(held) < 0.97


def test_an_estimate_on_its_bound_has_an_interval_that_begins_there() -> None:
    """An estimate on its bound has an interval that begins there."""
    rng = np.random.default_rng(2)
    found = linear(rng, [0.0, 1.0], low=[0.0, -5.0], high=[5.0, 5.0])
    found = replace(found, function=lambda theta, f=found.function: f(theta) + 0.2)
    result = uncertainty(found, fitted(found))
    assert result.low[0] == 0.0
    assert 0.0 < result.high[0] < 1.0


def test_the_profile_of_a_decay_is_not_symmetric_and_has_the_right_cost() -> None:
    """In y = exp(-k t) with few samples: the interval's ends are where the cost has risen by q."""
    rng = np.random.default_rng(3)
    time = np.linspace(0, 8, 40)
    data = np.exp(-2.0 * time) + 0.08 * rng.normal(size=40)

    def decay(theta):
        return (np.exp(-np.exp(theta) * time) - data) / 0.08

    found = problem(decay, ["log_k"], -3, 5, [0.0], np.zeros(40, int))
    fit = fitted(found)
    result = uncertainty(found, fit)
    assert result.methods == ("profile",)
    assert result.high[0] - fit.theta[0] > 1.05 * (fit.theta[0] - result.low[0])
    ends = np.array([result.low, result.high])
    rises = 0.5 * (decay(ends) ** 2).sum(axis=1) - fit.cost
    assert rises[0] == pytest.approx(rises[1], rel=0.1)


def test_a_profile_lets_the_others_follow() -> None:
    """Two nearly equal sines: the interval of one alone is the projection of the valley."""
    rng, time = np.random.default_rng(4), np.arange(400) / 100.0
    matrix = np.stack([np.sin(time), np.sin(1.05 * time)], axis=1)
    noise = rng.normal(size=400)

    def residuals(theta):
        return (np.stack([theta[:, 0], theta[:, 1] ** 3], axis=1) - 1.0) @ matrix.T - noise

    found = problem(residuals, ["a", "b"], [-60, 0.0], [60, 4.0], [0.5, 1.1], np.zeros(400, int))
    result = uncertainty(found, fitted(found))
    assert result.low[1] <= 1.0 <= result.high[1]
    assert result.low[0] <= 1.0 <= result.high[0]
    assert result.high[0] - result.low[0] > 1.0


def test_what_the_log_is_blind_to_has_its_bounds_and_the_rest_is_narrow() -> None:
    """What the log is blind to has its bounds and the rest is narrow."""
    noise = coloured(np.random.default_rng(5), 500, 0.5)
    time = np.arange(500) / 100.0

    def residuals(theta):
        product = theta[:, :1] * theta[:, 1:2]
        return product * np.sin(time) + theta[:, 2:] * np.cos(2 * time) - np.sin(time) - noise

    found = problem(residuals, ["m", "l", "b"], 0.1, 9.0, [2.0, 1.0, 0.5], np.zeros(500, int))
    result = uncertainty(found, fitted(found))
    assert result.methods[:2] == ("bounds", "bounds")
    assert (result.low[0], result.high[1]) == (0.1, 9.0)
    assert result.high[2] - result.low[2] < 1.0


@pytest.mark.parametrize("level", [0.0, 1.0, float("nan")])
def test_a_level_that_is_none_is_refused(level: float) -> None:
    """A level that is none is refused."""
    found = linear(np.random.default_rng(6), [1.0])
    with pytest.raises(CalibrationError, match="Expected between 0 and 1"):
        uncertainty(found, fitted(found), level)


def test_residuals_that_are_not_finite_are_refused() -> None:
    """Residuals that are not finite are refused."""
    found = linear(np.random.default_rng(7), [1.0])
    fit = fitted(found)
    broken = replace(fit, residuals=np.full_like(fit.residuals, np.nan))
    with pytest.raises(CalibrationError, match="not finite"):
        uncertainty(found, broken)
