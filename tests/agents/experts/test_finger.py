"""The finger spins and turns its body."""

import numpy as np
import pytest

from daneel.agents.experts.finger import Spin
from tests.agents.experts import run


def test_spins_after_a_start() -> None:
    """A start takes up to 150 decisions, after which nearly all are rewarded."""
    results = run("dm_control", "dm_control/finger-spin-v0", horizon=400)
    assert min(result.return_ for result in results) >= 230


@pytest.mark.parametrize("size", ["easy", "hard"])
def test_turns_and_lets_go(size: str) -> None:
    """Most of 200 decisions are inside the target."""
    results = run("dm_control", f"dm_control/finger-turn_{size}-v0", horizon=200)
    assert min(result.return_ for result in results) >= 100


def test_the_law_repeats_every_half_turn_of_a_spinning_body() -> None:
    """Since the body looks the same."""

    def action(angle: float) -> np.ndarray:
        tip = [-0.13 * np.sin(angle), 0.13 * np.cos(angle)]
        return Spin()({"state": np.array([-1.0, 0.5, *tip, 0.0, 0.0, 1.0, -1.0, -20.0])})

    assert action(0.3) == pytest.approx(action(0.3 + np.pi), abs=1e-5)
    assert action(0.3) != pytest.approx(action(1.0), abs=1e-2)
