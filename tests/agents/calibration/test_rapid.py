"""A running guess of the machine's parameters, and the policy that it feeds."""

import numpy as np
import pytest

from daneel.agents.calibration.conditioned import Conditioned, features
from daneel.agents.calibration.controllers import CONTROLLERS
from daneel.agents.calibration.inference import Posterior
from daneel.agents.calibration.rapid import Belief, RapidConfig, train_rapid, window
from daneel.agents.calibration.tuning import play
from daneel.envs.twins import load_task
from daneel.envs.twins.parameters import DELAY, GAIN
from daneel.errors import ConfigError

TASK = load_task("Reach")
SIZE = len(TASK.space.names)
SMALL = RapidConfig(episodes=384, epochs=25)


@pytest.fixture(scope="module")
def rapid():
    """Trained in a few seconds on a policy with the same gains everywhere."""
    controller = CONTROLLERS.load(TASK.name)
    weights = np.zeros((len(controller.gains), features(np.zeros((1, SIZE))).shape[1]))
    weights[:, 0] = controller.gains
    return train_rapid(Conditioned(TASK, controller, weights), np.random.default_rng(0), SMALL)


def test_a_window_holds_the_last_decisions_and_the_first_place():
    """Observations and actions of the window, three before it, first positions less home."""
    sensed = [np.full((1, 4), float(at)) for at in range(7)]
    actions = [np.full((1, 1), 10.0 + at) for at in range(6)]
    seen = window(sensed, actions, np.array([1.0, 2.0]), 2)[0]
    expected = [4] * 4 + [5] * 4 + [6] * 4 + [11, 12, 13, 14, 15] + [-1, -2]
    np.testing.assert_array_equal(seen, expected)
    early = window(sensed[:3], actions[:2], np.array([1.0, 2.0]), 2)[0]
    np.testing.assert_array_equal(early[12:17], [0, 0, 0, 10, 11])  # rest before the beginning


def test_beliefs_multiply():
    """A window's normal times the prior is the window's; two halves are one; none changes none."""
    prior = Belief.prior(1, 2)
    mean, deviation = np.array([[0.3, 0.9]]), np.array([[0.1, 0.2]])
    once = prior.and_also(mean, deviation, 1.0)
    np.testing.assert_allclose(once.mean, mean)
    np.testing.assert_allclose(once.precision**-0.5, deviation)
    twice = prior.and_also(mean, deviation, 0.5).and_also(mean, deviation, 0.5)
    np.testing.assert_allclose(twice.mean, mean)
    np.testing.assert_allclose(twice.precision, once.precision)
    blind = once.and_also(np.full((1, 2), 0.5), np.full((1, 2), 9.0), 1.0)
    np.testing.assert_allclose(blind.precision, once.precision)
    np.testing.assert_allclose(blind.mean, once.mean)


def test_the_guess_gets_better_as_it_acts(rapid):
    """At the end of an episode nothing is known worse than at first, and bias far better."""
    rng = np.random.default_rng(3)
    unit = rng.random((64, SIZE))
    acting = rapid.begin()
    play(TASK, acting, TASK.space.from_unit(unit), rng, 64)
    left = np.sqrt(np.square(acting.belief.mean - unit).mean(axis=0))
    prior = np.sqrt(1 / 12)
    assert np.all(left < 1.15 * prior)
    assert left[GAIN] < 0.85 * prior and left[DELAY] < 0.85 * prior
    assert left[-1] < 0.4 * prior and left[-2] < 0.4 * prior  # bias of both joints
    assert rapid.belief.precision.shape == (1, SIZE)  # an episode leaves no trace
    np.testing.assert_allclose(rapid.belief.mean, 0.5)


def test_copies_do_not_know_of_each_other(rapid):
    """A copy does what it does alone."""
    rng = np.random.default_rng(4)
    states, goals = rng.normal(size=(12, 3, 4)) * 0.05, TASK.draw_goal(rng, 3)
    together, alone = rapid.begin(), rapid.begin()
    for at, state in enumerate(states):
        all_of_them = together.act(state, goals, 0.03 * at)
        one = alone.act(state[1:2], goals[1:2], 0.03 * at)
        np.testing.assert_allclose(all_of_them[1:2], one, atol=1e-5)
    assert np.abs(together.belief.mean[0] - together.belief.mean[1]).max() > 1e-3


def test_a_belief_begins_with_what_samples_showed(rapid):
    """With a posterior the guess is the posterior's from the first decision on."""
    mean = np.linspace(0.2, 0.8, SIZE)
    sure = rapid.believing(Posterior(mean, 0.05 * np.eye(SIZE), TASK))
    np.testing.assert_allclose(sure.belief.mean[0], mean)
    best = TASK.space.from_unit(mean)
    np.testing.assert_allclose(list(sure.values.values()), best)
    state, goals = np.array([[-0.9, 1.6, 0.0, 0.0]]), np.array([[0.45, 0.05]])
    expected = sure.conditioned.on(mean[None]).act(state, goals, 0.0)
    np.testing.assert_allclose(sure.begin().act(state, goals, 0.0), expected)
    assert np.abs(rapid.begin().act(state, goals, 0.0) - expected).max() > 1e-3


def test_a_window_must_fit_into_an_episode(rapid):
    """A window longer than an episode and counts below one are refused."""
    with pytest.raises(ConfigError, match="window is 61"):
        train_rapid(rapid.conditioned, np.random.default_rng(0), RapidConfig(window=61))
    with pytest.raises(ConfigError, match="epochs is 0"):
        RapidConfig(epochs=0)
