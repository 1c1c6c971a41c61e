"""Error against labelled samples on the double pendulum, and the speed of rollouts and fits.

A labelled sample is one instant whose measured state is used: the start of a rollout or a residual.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np

from daneel.agents.calibration.arm import ArmTerms, PlanarArm, rk4
from daneel.agents.calibration.horizons import horizon_errors
from daneel.agents.calibration.least_squares import LeastSquares
from daneel.agents.calibration.problem import Floats
from daneel.agents.calibration.recipe import load_recipe
from daneel.agents.calibration.rollout_problem import RolloutProblem
from daneel.agents.calibration.simulator import rollout
from daneel.agents.calibration.windows import Windows, choose, cut_windows
from daneel.evaluation.bench.calibration import figure
from daneel.evaluation.bench.calibration_double import BARS, EVERY, HORIZON, load
from daneel.evaluation.evidence import Evidence

if TYPE_CHECKING:
    from daneel.evaluation.bench.calibration import Options

SAMPLES = (105, 252, 504, 987)
"""Multiples of the 21 labelled samples of one rollout of a second."""


def measure(options: Options) -> list[Evidence]:
    """The C.1 fit from a few rollouts spread evenly over the training runs."""
    del options
    logs = load("C1_sysid_20230629/*")
    held = [log for log in logs if log.name.startswith("144")]
    problem = load_recipe("double-pendulum").problem([log for log in logs if log not in held])
    windows = cut_windows(held, HORIZON, EVERY)
    found = []
    for samples in SAMPLES:
        count = samples // 21
        which = np.linspace(0, len(problem.windows) - 1, count).round().astype(int)
        part = choose(problem.windows, which)
        small = RolloutProblem(
            problem.simulator, problem.parameters, part, problem.stride, problem.noise,
            robust=problem.robust,
        )  # fmt: skip
        fit = LeastSquares(iterations=12, tolerance=1e-4).fit(small)
        errors = horizon_errors(problem.simulator, problem.parameters.nominal(fit.theta), windows)
        row = f"double pendulum C.1 from {samples} labelled samples"
        for horizon, value, bar in zip(errors.horizons, errors.rmse, BARS["C.1"], strict=True):
            asked = bar if samples == SAMPLES[-1] else None
            found.append(
                figure(row, f"RMSE after {horizon:g} s", "daneel", float(value), "rad", asked)
            )
    return found


def measure_speed(options: Options) -> list[Evidence]:
    """Rollouts in one batch against one at a time, step by step; seconds of the C.1 fit.

    Times are of the CPU: on one core they are the wall time of a machine with nothing else to do.
    """
    del options
    logs = [log for log in load("C1_sysid_20230629/*") if not log.name.startswith("144")]
    recipe = load_recipe("double-pendulum")
    began = time.process_time()
    problem = recipe.problem(logs)
    fit = recipe.method().fit(problem)
    seconds = time.process_time() - began
    arm = problem.simulator
    assert isinstance(arm, PlanarArm)
    values = problem.parameters.values(np.repeat(fit.theta[None], 10, axis=0))
    began = time.process_time()
    batch = rollout(arm, values, problem.windows)
    many = 10 * len(problem.windows) / (time.process_time() - began)
    one = choose(problem.windows, np.arange(3))
    began = time.process_time()
    slow = step_by_step(arm, problem.parameters.nominal(fit.theta), one)
    few = len(one) / (time.process_time() - began)
    assert np.allclose(batch[0, :3], slow, atol=1e-9)
    row = "double pendulum C.1, rollouts of 1 s (RK4, 2 ms)"
    details = {"batch": many, "loop": few, "evaluations": fit.evaluations}
    return [
        figure(row, "speed against a Python loop", "daneel", many / few, "x", 5.0, "higher",
               details=details),
        figure(row, "CPU time of the fit to six runs, one core", "daneel", seconds, "s", 60.0),
    ]  # fmt: skip


def step_by_step(arm: PlanarArm, values: dict[str, float], windows: Windows) -> Floats:
    """Positions [W, T + 1, J] of each window by itself, step after step in Python."""
    from daneel.agents.calibration.simulator import actuate

    one = {key: np.array([value]) for key, value in values.items()}
    out = windows.q.copy()
    drive = actuate(one, windows, 1)[0]
    for number in range(len(windows)):
        terms = ArmTerms.of(arm, one, 1, 1)
        theta = np.cumsum(windows.q[number, 0])[:, None]
        omega = np.cumsum(windows.dq[number, 0])[:, None]
        for step in range(windows.steps):
            theta, omega = rk4(terms, theta, omega, drive[number, step][:, None], windows.dt)
            out[number, step + 1] = np.diff(theta[:, 0], prepend=0.0)
    return out
