"""Training gains in randomised simulators."""

import numpy as np
import pytest

from daneel.agents.calibration.controllers import CONTROLLERS
from daneel.agents.calibration.tuning import Policy, TuningConfig, act, play, tune
from daneel.envs.twins import TASKS, load_task
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
        outcome = play(task, controller, copies, one.bias, parameters, rng(9), 16)
        rates.append(outcome.success.mean())
    assert rates[0] < 0.3 and rates[1] > 0.9


def test_known_bias_is_taken_off():
    """The policy takes the mean bias of the simulators it was tuned in off its sensors."""
    task = load_task("Balance")
    rows = np.tile(task.space.nominal, (2, 1))
    rows[:, -1] = 0.04, 0.06
    policy = tune(task, CONTROLLERS.load("Balance"), rows, np.random.default_rng(0), SMALL)
    np.testing.assert_allclose(policy.bias, [0.0, 0.05])
    goals = np.zeros((1, 0))
    biased = Policy(policy.controller, policy.gains, np.zeros(2))
    state = np.array([[0.1, 0.2, 0.0, 0.0]])
    shifted = state + np.array([[0.0, 0.05, 0.0, 0.0]])
    np.testing.assert_allclose(policy.act(shifted, goals, 0.0), biased.act(state, goals, 0.0))


@pytest.mark.parametrize("name", TASKS.names())
def test_copies_do_not_know_of_each_other(name):
    """A law gives every copy what it gives it alone, and never anything but shares of force."""
    task, controller = load_task(name), CONTROLLERS.load(name)
    rng = np.random.default_rng(0)
    gains = np.array(controller.gains) * rng.uniform(0.5, 2.0, (6, len(controller.gains)))
    sensed = np.concatenate([task.draw_start(rng, 6), rng.standard_normal((6, task.joints))], 1)
    goals, bias = task.draw_goal(rng, 6), np.zeros(task.joints)
    for seconds in (0.0, 2.0):
        together = act(controller, gains, bias, sensed, goals, seconds)
        assert together.shape == (6, task.actuators)
        assert np.abs(together).max() <= 1
        for at in range(6):
            row = slice(at, at + 1)
            alone = act(controller, gains[row], bias, sensed[row], goals[row], seconds)
            np.testing.assert_allclose(together[row], alone)


def test_counts_are_checked():
    """More elite than candidates is refused."""
    with pytest.raises(ConfigError, match="candidates is 3"):
        TuningConfig(candidates=3, elite=4)
    with pytest.raises(ConfigError, match="scenes is 0"):
        TuningConfig(scenes=0)
