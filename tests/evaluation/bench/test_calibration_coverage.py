"""The bench of calibration methods counts what it says."""

import numpy as np

from daneel.evaluation.bench import calibration_methods
from daneel.evaluation.bench.calibration_coverage import draw, judge


def test_truth_leaves_only_noise() -> None:
    """Truth leaves only noise."""
    for at in range(4):
        truth = draw(0, at)
        residuals = truth.problem.residuals(truth.theta[None])[0]
        assert 0.3 < residuals.std() < 3.0
        assert abs(residuals.mean()) < 0.6


def test_planted_groups_alternate() -> None:
    """Planted groups alternate."""
    assert [bool(draw(0, at).planted) for at in range(4)] == [False, False, True, True]


def test_planted_group_is_named_and_nothing_else() -> None:
    """Planted group is named and nothing else."""
    outcome = judge(draw(0, 2))
    assert outcome.named == (True,)
    assert not any(outcome.alarms)


def test_share_counts_members_not_problems() -> None:
    """Share counts members not problems."""
    item = calibration_methods.share("m", "s", [[True, True, False], [True], []], 0)
    assert item.figure == 0.75
    assert item.details["problems"] == 2
    assert item.interval is not None and item.interval.low <= 0.75 <= item.interval.high


def test_a_problem_is_drawn_again_from_its_seed() -> None:
    """A problem is drawn again from its seed."""
    first, again = draw(3, 1), draw(3, 1)
    assert first.problem.names == again.problem.names
    assert np.array_equal(first.theta, again.theta)
