"""Replays of a history: what explains it, and what noise makes of it."""

import numpy as np

from daneel.agents.calibration.history_problem import HistoryProblem
from tests.agents.calibration.test_inference import history


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


def test_noise_alone_is_echoed():
    """At the truth, with nominal noise, residuals are as large as their echo in every sensor."""
    task, runs = history("Reach", {}, 240)
    problem = HistoryProblem(task, runs, 4)
    residuals = problem.residuals(problem.initial[None])[0]
    echo = problem.echo(problem.initial, np.random.default_rng(0))
    assert echo.shape == residuals.shape
    for channel in range(2 * task.joints):
        mine = problem.channels == channel
        assert 0.75 < residuals[mine].std() / echo[mine].std() < 1.33
