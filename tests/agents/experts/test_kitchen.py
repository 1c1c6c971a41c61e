"""The kitchen's seven tasks, one at a time."""

from dataclasses import replace

import numpy as np
import pytest

from daneel.agents.experts.kitchen import DOWN, FORWARD, expert, fingertips
from daneel.errors import ConfigError
from daneel.training import run_episodes
from tests.agents.experts import need, skill

START = np.array([0.1484, -1.7685, 1.8439, -2.4769, 0.2603, 0.7125, 1.5952])


@pytest.mark.parametrize("task", ["bottom burner", "slide cabinet", "kettle", "microwave"])
def test_succeeds(task: str) -> None:
    """Knobs turn, doors slide and swing, the kettle moves."""
    need("kitchen")
    kitchen = replace(skill("FrankaKitchen-v1", 280), kwargs={"tasks_to_complete": [task]})
    (result,) = run_episodes(expert(kitchen), kitchen.config(1), 1, seed=5)
    assert result.success


def test_the_fingertips_are_where_the_simulator_has_them_at_the_start() -> None:
    """Its site "end_effector" is at [-0.432, 0.119, 2.025], they 45 mm beyond."""
    assert fingertips(START) == pytest.approx([-0.429, 0.166, 2.027], abs=2e-3)


@pytest.mark.parametrize("rotation", [FORWARD, DOWN])
def test_hands_are_rotations(rotation: np.ndarray) -> None:
    """And no mirror images."""
    assert rotation @ rotation.T == pytest.approx(np.eye(3))
    assert np.linalg.det(rotation) == pytest.approx(1.0)


def test_two_tasks_at_once_are_refused() -> None:
    """A way is that of one task."""
    kitchen = replace(
        skill("FrankaKitchen-v1", 280), kwargs={"tasks_to_complete": ["kettle", "microwave"]}
    )
    with pytest.raises(ConfigError, match="no script"):
        expert(kitchen)
