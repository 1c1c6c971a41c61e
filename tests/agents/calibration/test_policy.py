"""What a policy makes of what it knows about its sensors and actuators."""

import numpy as np

from daneel.agents.calibration.controllers import Controller
from daneel.agents.calibration.policy import Dithered, Machine, Policy
from daneel.envs.twins import load_task
from daneel.envs.twins.parameters import DELAY, GAIN

TASK = load_task("Balance")


def proportional(now, gains):
    """Positions times gains."""
    return gains * now.positions


LAW = Controller(law=proportional, gains=(1.0, 1.0), spread=(1.0, 1.0))
NONE = np.zeros((1, 0))


def machine(**values):
    """A nominal one but for a few values by column."""
    row = TASK.space.nominal.copy()
    for column, value in values.items():
        row[{"gain": GAIN, "delay": DELAY, "bias": len(row) - 1}[column]] = value
    return Machine.of(row[None])


def test_bias_strength_and_delay_are_made_up_for():
    """Bias comes off, late commands look ahead, a weak actuator is told more: by hand."""
    state = np.array([[0.1, 0.2, 1.0, -2.0]])
    gains = np.array([1.0, 2.0])
    plain = Policy(LAW, gains, machine())
    np.testing.assert_allclose(plain.act(state, NONE, 0.0), [[0.1, 0.4]])
    biased = Policy(LAW, gains, machine(bias=0.05))
    np.testing.assert_allclose(biased.act(state, NONE, 0.0), [[0.1, 0.3]])
    late = Policy(LAW, gains, machine(delay=0.04))
    np.testing.assert_allclose(late.act(state, NONE, 0.0), [[0.14, 0.24]])
    weak = Policy(LAW, gains, machine(gain=0.8))
    np.testing.assert_allclose(weak.act(state, NONE, 0.0), [[0.125, 0.5]])
    assert np.all(np.abs(weak.act(100 * state, NONE, 0.0)) == 1.0)


def test_every_copy_has_its_own_machine():
    """Rows of a machine are those of the copies."""
    rows = TASK.space.draw(np.random.default_rng(0), 3)
    states, gains = np.random.default_rng(1).normal(size=(3, 4)), np.array([0.1, 0.2])
    together = Policy(LAW, gains, Machine.of(rows)).act(states, NONE, 0.0)
    for at in range(3):
        alone = Policy(LAW, gains, Machine.of(rows[at : at + 1]))
        np.testing.assert_allclose(together[at], alone.act(states[at : at + 1], NONE, 0.0)[0])


def test_dither_is_smooth_and_of_the_size_asked_for():
    """Noise has the deviation of each copy, lasts from one decision to the next, and is bounded."""
    still = Policy(LAW, np.zeros(2), machine())
    acting = Dithered(still.begin(), np.random.default_rng(0), np.array([[0.0], [0.2]]))
    states = np.zeros((2, 4))
    seen = np.array([acting.act(states, np.zeros((2, 0)), 0.0) for _ in range(3000)])
    assert np.all(seen[:, 0] == 0)
    assert abs(seen[100:, 1].std() - 0.2) < 0.02
    steps = np.diff(seen[100:, 1], axis=0)
    assert steps.std() < 0.75 * seen[100:, 1].std()  # independent draws would give 1.4 times
    assert np.abs(seen).max() <= 1.0
