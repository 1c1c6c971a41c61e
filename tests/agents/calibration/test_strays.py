"""Rollouts that nothing foresees are named, and left out when the user says so."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from daneel.agents.calibration.least_squares import LeastSquares
from daneel.agents.calibration.parameters import parameter_set
from daneel.agents.calibration.recipe import Settings
from daneel.agents.calibration.rollout_problem import RolloutProblem
from daneel.agents.calibration.strays import describe_strays, fit_trimmed, places, strays
from daneel.agents.calibration.windows import cut_windows
from daneel.errors import ConfigError
from tests.agents.calibration.arms import ARM, TREE, planted_log

TRUTH = [0.24, 0.03, 0.05, 0.012]


def _struck(times: tuple[float, ...]) -> RolloutProblem:
    """A planted log in which the arm is struck aside for 0.2 s at some times."""
    log = planted_log(seconds=4.0)
    q = log.q.copy()
    for at in times:
        rows = slice(round(at / log.dt), round((at + 0.2) / log.dt))
        q[rows] += 1.0
    windows = cut_windows([replace(log, q=q)], 0.4, 0.2)
    return RolloutProblem(
        ARM, parameter_set(TREE, ARM.defaults, "test"), windows, 10, 0.005, robust=3.0
    )


def test_a_struck_rollout_is_named_with_the_line_to_write() -> None:
    """The message names the log, the second and the setting."""
    problem = _struck((0.7,))
    said = describe_strays(problem, np.array(TRUTH), ["run.csv"])
    costs = problem.costs(np.array(TRUTH))
    hit = int(strays(costs, 0.5).sum())
    assert f"{hit} of {len(costs)} rollouts hold" in said
    assert "run.csv from 0.4" in said and "trim: " in said
    assert describe_strays(_struck(()), np.array(TRUTH), ["run.csv"]) == ""


def test_what_is_left_out_no_longer_moves_the_fit() -> None:
    """With leave to trim, planted parameters come back as if nobody had struck the arm."""
    problem = replace(_struck((0.7,)), robust=0.0)
    plain, trimmed = (fit_trimmed(problem, LeastSquares(), share) for share in (0.0, 0.3))
    assert len(plain.left_out) == 0 and len(plain.problem.windows) == len(problem.windows)
    assert 0 < len(trimmed.left_out) < 0.3 * len(problem.windows)
    assert trimmed.fit.theta == pytest.approx(TRUTH, rel=0.1, abs=1e-3)
    assert np.abs(plain.fit.theta - TRUTH).max() > np.abs(trimmed.fit.theta - TRUTH).max()


def test_a_log_without_strays_is_fitted_whole_and_once() -> None:
    """Leave to trim changes nothing where no rollout is far worse than the others."""
    problem = _struck(())
    whole = LeastSquares().fit(problem)
    trimmed = fit_trimmed(problem, LeastSquares(), 0.2)
    assert len(trimmed.left_out) == 0
    np.testing.assert_array_equal(trimmed.fit.theta, whole.theta)


def test_strays_are_the_worst_up_to_a_share() -> None:
    """Few of many; an unstable rollout is one; a log of nothing but errors has none."""
    costs = np.array([1.0, 2.0, 1000.0, 1.0, np.inf, 1.0, 2.0, 90.0, 1.0, 1.0])
    assert not strays(costs / 1e4, 0.2)[2]  # less than the noise
    assert np.flatnonzero(strays(costs, 0.2)).tolist() == [2, 4]
    assert np.flatnonzero(strays(costs, 0.5)).tolist() == [2, 4, 7]
    assert not strays(costs, 0.0).any()
    assert not strays(np.full(10, 500.0), 0.5).any()


def test_places_are_grouped_by_log() -> None:
    """Each log once, its seconds in order."""
    problem = _struck(())
    windows = problem.windows
    assert places(windows, ["run.csv"]).startswith("run.csv from 0, 0.2, 0.4")


def test_a_trim_of_half_the_rollouts_is_refused() -> None:
    """More than half cannot be strays."""
    with pytest.raises(ConfigError, match=r"trim is 0\.6"):
        Settings(trim=0.6)
