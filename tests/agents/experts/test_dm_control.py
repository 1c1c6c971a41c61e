"""Small mechanisms, each to 0.8 of the return that TD-MPC2 has after a million steps."""

import pytest

from tests.agents.experts import run


@pytest.mark.parametrize(
    ("task", "published"),
    [
        ("cartpole-swingup", 876),
        ("pendulum-swingup", 819),
        ("reacher-hard", 981),
        ("ball_in_cup-catch", 986),
    ],
)
def test_succeeds(task: str, published: float) -> None:
    """In each episode."""
    results = run("dm_control", f"dm_control/{task}-v0", horizon=1000)
    assert min(result.return_ for result in results) >= 0.8 * published
