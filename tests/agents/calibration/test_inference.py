"""Parameters from a history: planted ones are found, what cannot be told apart is said."""

import numpy as np
import pytest

from daneel.agents.calibration.controllers import CONTROLLERS
from daneel.agents.calibration.history import probe
from daneel.agents.calibration.inference import HistoryProblem, infer
from daneel.agents.calibration.policy import Machine, Policy
from daneel.envs.twins import SourceTwin, load_task


def history(name, planted, samples):
    """What the first guess sees in a simulator with planted parameters."""
    task, controller = load_task(name), CONTROLLERS.load(name)
    machine = Machine.of(task.space.nominal[None])
    policy = Policy(controller, np.array(controller.gains), machine)
    return task, probe(SourceTwin(name, planted), task, policy, samples, np.random.default_rng(1))


def test_planted_parameters_are_found():
    """Mass, friction, strength, delay, bias and noise come back from 300 samples."""
    planted = {"mass": 1.5, "friction": 0.7, "gain": 0.8, "delay": 0.03, "bias:puck": 0.02}
    planted["noise"] = 1.6
    task, runs = history("Slide", planted, 300)
    posterior = infer(task, runs, np.random.default_rng(0))
    found = posterior.values
    assert tuple(found) == task.space.names
    assert found["mass"] == pytest.approx(1.5, rel=0.05)
    assert found["friction"] == pytest.approx(0.7, rel=0.1)
    assert found["gain"] == pytest.approx(0.8, rel=0.03)
    assert found["delay"] == pytest.approx(0.03, abs=0.003)
    assert found["bias:puck"] == pytest.approx(0.02, abs=0.005)
    assert found["noise"] == pytest.approx(1.6, rel=0.2)
    drawn = posterior.draw(np.random.default_rng(0), 400)
    assert drawn[:, task.space.names.index("gain")].std() < 0.03
    assert drawn[:, task.space.names.index("noise")].std() < 0.3


def test_what_cannot_be_told_apart_stays_wide():
    """A pendulum of twice the mass, strength, friction and damping moves alike: all stay wide."""
    task, runs = history("SwingUp", {"mass": 1.3, "gain": 0.9}, 150)
    posterior = infer(task, runs, np.random.default_rng(0))
    assert posterior.deviations["mass"] > 0.1 and posterior.deviations["gain"] > 0.1
    assert posterior.values["gain"] / posterior.values["mass"] == pytest.approx(0.9 / 1.3, rel=0.05)


def test_the_truth_explains_its_history():
    """At the planted parameters residuals are as small as the noise; elsewhere they are not."""
    planted = {"mass": 1.4, "damping": 0.7, "bias:drawer": -0.01}
    task, runs = history("Drawer", planted, 120)
    problem = HistoryProblem(task, runs, 4)
    row = task.space.nominal.copy()
    for name, value in planted.items():
        row[task.space.names.index(name)] = value
    truth = task.space.to_unit(row)[problem.free]
    residuals = problem.residuals(np.stack([truth, problem.initial]))
    assert residuals.shape == (2, len(problem.segments)) == (2, len(problem.channels))
    true, wrong = np.sqrt(np.square(residuals).mean(axis=1))
    assert true < 4 < 1.5 * wrong
    assert true < 0.5 * wrong


@pytest.mark.parametrize("planted", [0.5, 1.0, 2.0])
def test_the_noise_of_sensors_is_seen(planted):
    """Noise is found within a fifth, whatever else is unknown."""
    task, runs = history("Reach", {"noise": planted, "gain": 1.2}, 300)
    posterior = infer(task, runs, np.random.default_rng(0))
    assert posterior.values["noise"] == pytest.approx(planted, rel=0.2)
    assert posterior.deviations["noise"] < 0.2
