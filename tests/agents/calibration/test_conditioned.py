"""Gains that are a function of the machine's parameters."""

import numpy as np
import pytest

from daneel.agents.calibration.conditioned import (
    Conditioned,
    ConditionedConfig,
    _fit,
    features,
    tune_conditioned,
)
from daneel.agents.calibration.controllers import CONTROLLERS
from daneel.agents.calibration.tuning import play
from daneel.envs.twins import load_task
from daneel.envs.twins.parameters import COMMON
from daneel.errors import ConfigError

TASK = load_task("Reach")


def test_gains_are_linear_in_what_is_told():
    """At the middle of the range gains are the first column; sensors are those of the machine."""
    weights = np.array([[0.0, 1, 2, 3, 4, 5, 5], [6.0, 7, 8, 9, 10, 11, 11]])
    conditioned = Conditioned(TASK, CONTROLLERS.load("Reach"), weights)
    middle = np.full((1, len(TASK.space.names)), 0.5)
    np.testing.assert_allclose(conditioned.on(middle).gains, [[0.0, 6.0]])
    heavy = middle.copy()
    heavy[0, 0], heavy[0, -1] = 1.0, 1.0
    policy = conditioned.on(heavy)
    np.testing.assert_allclose(policy.gains, [[0.5, 9.5]])
    np.testing.assert_allclose(policy.machine.bias, [[0.0, TASK.biases[-1]]])


def test_the_map_is_fitted_to_the_best():
    """With many machines the fit is least squares; with none of any meaning it stays."""
    rng = np.random.default_rng(0)
    known = features(rng.random((400, len(COMMON))))
    truth = rng.normal(size=(3, known.shape[1]))
    found = _fit(known, known @ truth.T, np.zeros_like(truth))
    np.testing.assert_allclose(found, truth, atol=0.1)
    np.testing.assert_allclose(_fit(known, known @ truth.T, truth), truth)


def test_to_know_the_machine_helps():
    """Told the truth it succeeds on far more machines than told that all are alike."""
    config = ConditionedConfig(generations=7, machines=16)
    controller, rng = CONTROLLERS.load("Reach"), np.random.default_rng(0)
    tuned = tune_conditioned(TASK, controller, np.array(controller.gains), rng, config)
    unit = rng.random((64, len(TASK.space.names)))
    rates = []
    for told in (unit, np.full_like(unit, 0.5)):
        played = play(
            TASK, tuned.on(told), TASK.space.from_unit(unit), np.random.default_rng(1), 64
        )
        rates.append(played.success.mean())
    assert rates[0] > 0.5 > rates[1] + 0.1


def test_numbers_are_checked():
    """Counts below one and a negative error are refused."""
    with pytest.raises(ConfigError, match="candidates is 1"):
        ConditionedConfig(candidates=1, elite=2)
    with pytest.raises(ConfigError, match="machines is 0"):
        ConditionedConfig(machines=0)
    with pytest.raises(ConfigError, match=r"error is -0\.1"):
        ConditionedConfig(error=-0.1)
