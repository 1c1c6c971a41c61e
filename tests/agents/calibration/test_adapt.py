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
    """Share of six episodes in a twin that succeed."""
    twin = DeployedTwin(task.name, hidden)
    done = score(twin, task, policy, 6, seed=50)
    twin.close()
    return sum(done) / len(done)


@pytest.mark.slow
def test_it_gets_its_success_back_within_its_budget(calibration):
    """Where the source policy mostly fails, the calibrated one does better, on 300 samples."""
    twin = DeployedTwin("Slide", hidden=900, budget=300)
    adapted = calibration.adapt(twin, 300)
    assert adapted.samples == twin.samples <= 300
    twin.close()
    assert held(calibration.task, calibration.policy, 900) <= 0.35
    assert held(calibration.task, adapted.policy, 900) >= 0.5


def test_budgets_bind_it(calibration):
    """It cannot take more than the twin gives, and says when that is too little to learn from."""
    twin = DeployedTwin("Slide", hidden=900, budget=50)
    with pytest.raises(SampleBudgetError):
        calibration.adapt(twin, 60)
    twin.close()
    with pytest.raises(ConfigError, match="samples is 5"):
        calibration.adapt(twin, 5)
