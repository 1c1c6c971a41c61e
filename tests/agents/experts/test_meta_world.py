"""Meta-World's policies work through our door."""

import pytest

from tests.agents.experts import run


@pytest.mark.parametrize("task", ["drawer-close-v3", "reach-v3"])
def test_succeeds(task: str) -> None:
    """Whatever the goal."""
    results = run("meta_world", f"Meta-World/{task}", horizon=150)
    assert all(result.success for result in results)
