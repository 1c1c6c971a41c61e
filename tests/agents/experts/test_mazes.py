"""Shortest ways, and balls that follow them."""

import pytest

from tests.agents.experts import run

pytest.importorskip("gymnasium_robotics")

from daneel.agents.experts.mazes import way

U_MAZE = [
    [1, 1, 1, 1, 1],
    [1, "r", 0, 0, 1],
    [1, 1, 1, 0, 1],
    [1, "g", 0, 0, 1],
    [1, 1, 1, 1, 1],
]


def test_the_way_through_a_u() -> None:
    """Cells may be marked as goal and start."""
    assert way(U_MAZE, (1, 1), (3, 1)) == [(1, 2), (1, 3), (2, 3), (3, 3), (3, 2), (3, 1)]


def test_no_way_to_where_one_is_or_through_walls() -> None:
    """An empty way is no error."""
    assert way(U_MAZE, (1, 1), (1, 1)) == []
    assert way([[0, 1, 0]], (0, 0), (0, 2)) == []


@pytest.mark.parametrize("maze", ["UMaze", "Medium"])
def test_succeeds(maze: str) -> None:
    """From anywhere to anywhere."""
    results = run("mazes", f"PointMaze_{maze}-v3", horizon=400)
    assert all(result.success for result in results)
