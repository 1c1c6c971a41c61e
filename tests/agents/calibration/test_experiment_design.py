"""The chosen excitation tells more than a random one, within limits."""

import numpy as np
import pytest

from daneel.agents.calibration.experiment_design import DesignSearch, Excitation, Limits
from daneel.agents.calibration.problem import CalibrationError, Floats
from daneel.errors import ConfigError

RATE = 50.0
LIMITS = Limits(np.array([-1.0]), np.array([1.0]), np.array([-2.0]), np.array([2.0]))


def spring(theta: Floats, commands: Floats) -> Floats:
    """A mass on a spring and a damper; stiffness and damping are asked for."""
    position, speed = np.zeros(len(theta)), np.zeros(len(theta))
    path = np.empty((len(theta), len(commands), 1))
    for at, force in enumerate(commands[:, 0]):
        speed = speed + (force - theta[:, 0] * position - theta[:, 1] * speed) / RATE
        position = position + speed / RATE
        path[:, at, 0] = position
    return path


@pytest.mark.parametrize("kind", ["fourier", "chirp", "steps"])
def test_commands_stay_within_their_limits_and_begin_at_rest(kind) -> None:
    """Whatever the numbers are."""
    family, rng = Excitation(kind, seconds=2.0, rate=RATE), np.random.default_rng(0)
    limits = Limits(np.array([-1.0, 0.5]), np.array([2.0, 1.5]), -np.ones(2), np.ones(2))
    for _ in range(20):
        commands = family.commands(rng.random(family.size(2)), limits)
        assert commands.shape == (100, 2)
        assert (commands >= limits.command_low).all() and (commands <= limits.command_high).all()
        assert commands[0] == pytest.approx([0.5, 1.0])


def test_the_chosen_one_shrinks_every_interval_against_random_ones() -> None:
    """At equal length and limits."""
    theta, known = np.array([9.0, 0.4]), 1e-6 * np.eye(2)
    family = Excitation(seconds=4.0, rate=RATE)
    search = DesignSearch(family, population=16, rounds=5, elite=4)
    found = search.search(spring, theta[None], theta, LIMITS, 0.01, known)
    rng, stds = np.random.default_rng(1), []
    for _ in range(10):
        commands = family.commands(rng.random(family.size(1)), LIMITS)
        paths = spring(theta + np.vstack([np.zeros(2), 1e-3 * np.eye(2)]), commands)[..., 0]
        slopes = (paths[1:] - paths[0]) / 1e-3 / 0.01
        stds.append(np.sqrt(np.diag(np.linalg.inv(slopes @ slopes.T + known))))
    assert (found.std < np.median(stds, axis=0)).all()
    assert found.gain > 0.5
    assert np.abs(spring(theta[None], found.commands)).max() <= 2.0


def test_joint_limits_are_kept() -> None:
    """A soft spring reaches further than it may when pushed at resonance."""
    tight = Limits(np.array([-1.0]), np.array([1.0]), np.array([-0.2]), np.array([0.2]))
    theta = np.array([9.0, 0.4])
    family = Excitation("steps", seconds=3.0, rate=RATE)
    found = DesignSearch(family, population=16, rounds=4, elite=4).search(
        spring, theta[None], theta, tight, 0.01, 1e-6 * np.eye(2)
    )
    assert np.abs(spring(theta[None], found.commands)).max() <= 0.2
    assert found.refused > 0


def test_limits_that_nothing_keeps_are_reported() -> None:
    """Not searched for ever."""
    none = Limits(np.array([0.5]), np.array([1.0]), np.array([-0.001]), np.array([0.001]))
    theta = np.array([9.0, 0.4])
    with pytest.raises(CalibrationError, match="Lower the command limits"):
        DesignSearch(Excitation(seconds=1.0, rate=RATE), population=6, rounds=2, elite=2).search(
            spring, theta[None], theta, none, 0.01, np.eye(2)
        )


def test_limits_out_of_order_are_refused() -> None:
    """By name."""
    with pytest.raises(ConfigError, match="joint limits"):
        Limits(np.zeros(1), np.ones(1), np.ones(1), np.zeros(1))
