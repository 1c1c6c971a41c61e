"""The Fetch arm reaches, pushes and places."""

import pytest

from tests.agents.experts import run


@pytest.mark.parametrize("task", ["Reach", "Push", "PickAndPlace"])
def test_succeeds(task: str) -> None:
    """At the last step, as the package counts."""
    results = run("fetch", f"Fetch{task}-v4", horizon=50)
    assert all(result.success for result in results)
