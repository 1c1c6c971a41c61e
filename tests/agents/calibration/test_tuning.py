"""Training gains in randomised simulators."""

import numpy as np
import pytest

from daneel.agents.calibration.controllers import CONTROLLERS
from daneel.agents.calibration.policy import Machine, Policy
from daneel.agents.calibration.tuning import TuningConfig, play, tune
from daneel.envs.twins import TASKS, MujocoEngine, Plant, load_task
from daneel.envs.twins.parameters import DELAY, GAIN
from daneel.errors import ConfigError

SMALL = TuningConfig(generations=4, candidates=10, scenes=4, elite=3)


def test_tuning_finds_gains_that_work():
    """From a guess that never succeeds to gains that nearly always do, the same twice."""
    task, controller = load_task("Slide"), CONTROLLERS.load("Slide")
    nominal = task.space.nominal[None]
    rng = np.random.default_rng
    one, two = (tune(task, controller, nominal, rng(0)) for _ in range(2))
    np.testing.assert_array_equal(one.gains, two.gains)
    rates = []
    for gains in (np.array(controller.gains), one.gains):
        copies, parameters = np.tile(gains, (16, 1)), np.tile(nominal, (16, 1))
        outcome = play(task, Policy(controller, copies, one.machine), parameters, rng(9), 16)
        rates.append(outcome.success.mean())
    assert rates[0] < 0.3 and rates[1] > 0.9


def test_sensors_and_actuators_are_taken_for_the_middle():
    """The policy takes off the mean bias, and makes up for the middle strength and delay."""
    task = load_task("Balance")
    rows = np.tile(task.space.nominal, (2, 1))
    rows[:, -1], rows[:, GAIN], rows[:, DELAY] = (0.04, 0.06), (0.8, 1.25), (0.0, 0.04)
    policy = tune(task, CONTROLLERS.load("Balance"), rows, np.random.default_rng(0), SMALL)
    np.testing.assert_allclose(policy.machine.bias, [[0.0, 0.05]])
    np.testing.assert_allclose(policy.machine.strength, [[1.0]])
    np.testing.assert_allclose(policy.machine.delay, [[0.02]])


@pytest.mark.parametrize("name", TASKS.names())
def test_copies_do_not_know_of_each_other(name):
    """A law gives every copy what it gives it alone, and never anything but shares of force."""
    task, controller = load_task(name), CONTROLLERS.load(name)
    rng = np.random.default_rng(0)
    gains = np.array(controller.gains) * rng.uniform(0.5, 2.0, (6, len(controller.gains)))
    sensed = np.concatenate([task.draw_start(rng, 6), rng.standard_normal((6, task.joints))], 1)
    goals, parameters = task.draw_goal(rng, 6), task.space.draw(rng, 6)
    for seconds in (0.0, 2.0):
        together = Policy(controller, gains, Machine.of(parameters)).act(sensed, goals, seconds)
        assert together.shape == (6, task.actuators)
        assert np.abs(together).max() <= 1
        for at in range(6):
            row = slice(at, at + 1)
            lone = Policy(controller, gains[at], Machine.of(parameters[row]))
            alone = lone.act(sensed[row], goals[row], seconds)
            np.testing.assert_allclose(together[row], alone)


def test_counts_are_checked():
    """More elite than candidates is refused."""
    with pytest.raises(ConfigError, match="candidates is 3"):
        TuningConfig(candidates=3, elite=4)
    with pytest.raises(ConfigError, match="scenes is 0"):
        TuningConfig(scenes=0)


def test_an_episode_is_kept_as_it_went():
    """What was sensed and done comes back: replaying the actions in a quiet plant shows it."""
    task, controller = load_task("Drawer"), CONTROLLERS.load("Drawer")
    parameters = np.tile(task.space.nominal, (3, 1))
    policy = Policy(controller, np.array(controller.gains), Machine.of(parameters))
    played = play(task, policy, parameters, np.random.default_rng(0), 3)
    assert played.sensed.shape == (task.decisions + 1, 3, 2 * task.joints)
    assert played.actions.shape == (task.decisions, 3, task.actuators)
    plant = Plant(task, MujocoEngine(task, parameters), parameters)
    start = task.draw_start(np.random.default_rng(0), 3)
    plant.begin(start, np.zeros_like(start))
    for action in played.actions:
        plant.step(action)
    np.testing.assert_allclose(plant.positions, played.sensed[-1][:, : task.joints], atol=0.006)
