"""Every episode has dynamics of the posterior, the same for the same seed."""

from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest

from daneel.agents.calibration.posterior import Posterior
from daneel.agents.calibration.problem import CalibrationError
from daneel.agents.calibration.randomization import (
    Randomization,
    RandomizedDynamics,
    from_posterior,
    load_randomization,
)

NAMES = ("mass", "delay", "bias")
TARGETS = {
    "mass": {"body/pole/mass": 1.0},
    "delay": {"command/slider/delay": 1.0},
    "bias": {"sensor/hinge/bias": 1.0},
}


@pytest.fixture
def preset() -> Randomization:
    """Forty rows: masses of 1 to 2 kg, two control steps of delay."""
    rng = np.random.default_rng(0)
    rows = np.stack([rng.uniform(1, 2, 40), np.full(40, 0.08), np.zeros(40)], axis=1)
    return from_posterior(Posterior(NAMES, rows, "bootstrap", 40), TARGETS, rows=25)


def test_a_preset_is_read_as_it_was_written(preset: Randomization, tmp_path: Path) -> None:
    """From a folder or from the file."""
    path = preset.save(tmp_path)
    for place in (tmp_path, path):
        again = load_randomization(place)
        assert again.names == NAMES and again.targets == TARGETS
        assert again.samples == pytest.approx(preset.samples, rel=1e-5)
    assert len(again.samples) == 25


def test_resets_draw_dynamics_and_seeds_repeat_them(preset: Randomization) -> None:
    """The model that is stepped has the mass that `info` names."""
    env = RandomizedDynamics(gym.make("InvertedPendulum-v5"), preset)
    first = env.reset(seed=3)[1]["dynamics"]
    second = env.reset()[1]["dynamics"]
    model = env.unwrapped.model  # type: ignore[attr-defined]
    assert model.body("pole").mass[0] == pytest.approx(second["body/pole/mass"])
    assert first["body/pole/mass"] != second["body/pole/mass"]
    assert env.reset(seed=3)[1]["dynamics"] == first
    assert env.ignored == ("sensor/hinge/bias",)


def test_actions_arrive_late(preset: Randomization) -> None:
    """Two steps of 0.04 s: the first action is what is done for two steps more."""
    env = RandomizedDynamics(gym.make("InvertedPendulum-v5"), preset)
    env.reset(seed=0)
    done = [float(env._arriving(np.array([float(at)]))[0]) for at in range(5)]
    assert done == [0.0, 0.0, 0.0, 1.0, 2.0]


def test_environments_that_cannot_are_refused(preset: Randomization) -> None:
    """Without MuJoCo, or with another robot."""
    with pytest.raises(CalibrationError, match="no MuJoCo model"):
        RandomizedDynamics(gym.make("CartPole-v1"), preset)
    with pytest.raises(CalibrationError, match="simulator that was calibrated"):
        RandomizedDynamics(gym.make("Swimmer-v5"), preset)


def test_a_damaged_preset_is_refused(tmp_path: Path) -> None:
    """With what is wrong."""
    path = tmp_path / "randomization.yaml"
    path.write_text("targets: {a: {b: 1}}\nsamples: {a: [1, 2], c: [1]}\n")
    with pytest.raises(CalibrationError, match="as many rows"):
        load_randomization(path)
