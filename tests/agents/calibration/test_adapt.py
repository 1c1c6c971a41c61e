"""A policy that calibrates itself in a twin."""

import pytest

from daneel.agents.calibration.adapt import EmbodiedCalibration
from daneel.envs.twins import DeployedTwin, SampleBudgetError, load_task
from daneel.errors import ConfigError
from daneel.evaluation.bench.twins import score


@pytest.fixture(scope="module")
def calibration():
    """A source policy."""
    return EmbodiedCalibration(load_task("Slide"))


def held(task, policy, hidden):
    """Share of twelve episodes in a twin that succeed."""
    twin = DeployedTwin(task.name, hidden)
    done = score(twin, task, policy, 12, seed=50)
    twin.close()
    return sum(done) / len(done)


@pytest.mark.slow
def test_it_gets_its_success_back_within_its_budget(calibration):
    """Where the source policy fails, the calibrated one succeeds, on 800 samples and no more."""
    twin = DeployedTwin("Slide", hidden=900, budget=800)
    adapted = calibration.adapt(twin, 800)
    assert adapted.samples == twin.samples <= 800
    twin.close()
    assert held(calibration.task, calibration.policy, 900) <= 0.35
    assert held(calibration.task, adapted.policy, 900) >= 0.65


@pytest.mark.slow
def test_it_adapts_within_an_episode():
    """Where the source policy fails, the rapid one succeeds without a sample taken before."""
    reach = EmbodiedCalibration(load_task("Reach"))
    assert held(reach.task, reach.policy, 901) <= 0.35
    assert held(reach.task, reach.rapid(), 901) >= 0.65
    assert reach.rapid() is reach.rapid()  # made once


def test_budgets_bind_it(calibration):
    """It cannot take more than the twin gives, and says when that is too little to learn from."""
    twin = DeployedTwin("Slide", hidden=900, budget=50)
    with pytest.raises(SampleBudgetError):
        calibration.adapt(twin, 60)
    twin.close()
    with pytest.raises(ConfigError, match="samples is 5"):
        calibration.adapt(twin, 5)
