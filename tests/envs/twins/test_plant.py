"""Delay, gain and sensors around an engine that only adds forces up."""

import numpy as np
import pytest

from daneel.envs.twins import Plant, load_task
from daneel.envs.twins.parameters import COMMON, DELAY, GAIN, NOISE

TASK = load_task("SwingUp")
STEP = TASK.mechanism.step


class Recorder:
    """Keeps the forces that reach the actuators."""

    def __init__(self, count):
        """Hold so many copies still."""
        self.positions = np.zeros((count, 1))
        self.velocities = np.zeros((count, 1))
        self.forces = []

    def put(self, positions, velocities):
        """Move."""
        self.positions, self.velocities = positions, velocities

    def advance(self, forces):
        """Keep forces."""
        self.forces.append(forces[..., 0])

    def close(self):
        """Nothing."""


def forces(delay, gain=1.0, actions=(1.0, -0.5, 0.25), sent=None):
    """What reaches the actuator, step by step."""
    row = TASK.space.nominal.copy()
    row[DELAY], row[GAIN] = delay, gain
    engine = Recorder(1)
    plant = Plant(TASK, engine, row[None])
    plant.begin(np.zeros((1, 1)), np.zeros((1, 1)), sent)
    for action in actions:
        plant.step(np.array([[action]]))
    return np.concatenate(engine.forces, axis=1)[0]


def test_a_command_arrives_after_the_delay():
    """A command arrives after the delay, weakened by the gain; before it nothing does."""
    ideal = np.repeat([1.0, -0.5, 0.25], TASK.substeps)
    np.testing.assert_allclose(forces(0.0), ideal)
    np.testing.assert_allclose(forces(13 * STEP, 0.7)[13:], 0.7 * ideal[:-13])
    np.testing.assert_allclose(forces(13 * STEP, 0.7)[:13], 0.0)


def test_broken_delays_lie_between_whole_ones():
    """A delay of 2.25 steps is a quarter of the way from 2 to 3."""
    between = 0.75 * forces(2 * STEP) + 0.25 * forces(3 * STEP)
    np.testing.assert_allclose(forces(2.25 * STEP), between, atol=1e-12)


def test_commands_of_before_are_still_on_their_way():
    """Replaying the second half of a history needs the commands of the first."""
    whole = forces(13 * STEP)
    half = forces(13 * STEP, actions=(0.25,), sent=np.array([[[1.0], [-0.5]]]))
    np.testing.assert_allclose(half, whole[-TASK.substeps :])


def test_sensors_have_bias_and_noise():
    """Sensors have bias and noise; the truth has none."""
    rows = np.tile(TASK.space.nominal, (4000, 1))
    rows[:, len(COMMON)], rows[:, NOISE] = 0.1, 2.0
    plant = Plant(TASK, Recorder(4000), rows)
    plant.begin(np.full((4000, 1), 0.3), np.zeros((4000, 1)))
    np.testing.assert_allclose(plant.sense(None)[0], [0.4, 0.0])
    noisy = plant.sense(np.random.default_rng(0))
    assert noisy.mean(axis=0) == pytest.approx([0.4, 0.0], abs=0.01)
    assert noisy.std(axis=0) == pytest.approx([0.01, 0.1], rel=0.1)
    assert plant.positions[0, 0] == 0.3
