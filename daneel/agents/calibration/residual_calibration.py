"""A residual actuator on top of a calibration: the model as steps, its logs as motions, errors.

`residual_actuator` learns from any `Step`; here the steps are those of an identified arm or MuJoCo
robot, the commands are as they reach the joints, and positions are what the sensors would show.
B rollouts, T steps, J joints, H horizons.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import torch

from daneel.agents.calibration.arm import ArmTerms, PlanarArm, rk4
from daneel.agents.calibration.calibrate import Calibration
from daneel.agents.calibration.horizons import HORIZONS, HorizonErrors
from daneel.agents.calibration.logs import Log, cut
from daneel.agents.calibration.problem import CalibrationError, Floats
from daneel.agents.calibration.residual_actuator import (
    Motion,
    ResidualActuator,
    ResidualConfig,
    ResidualResult,
    Step,
    fit_residual,
    roll,
)
from daneel.agents.calibration.simulator import Simulator, actuate
from daneel.agents.calibration.windows import Windows, cut_windows

HELD_OUT = 3
"""One log in so many decides whether the network is kept; a single log is cut into as many."""


def learn_residual(
    found: Calibration,
    logs: Sequence[Log],
    generator: torch.Generator,
    measured: bool = False,
    config: ResidualConfig | None = None,
) -> ResidualResult:
    """Learns what a calibration does not say from its own logs, some of which only decide.

    Args:
        found: The calibration.
        logs: The logs that it was fitted to.
        generator: Draws first weights and batches.
        measured: Drive with the measured torque in the place of the command.
        config: How the network looks and learns; rollouts as long as the calibration's when left
            out.

    Raises:
        CalibrationError: The robot cannot be stepped one by one, or the logs are too short.
    """
    windows = found.problem.windows
    config = config or ResidualConfig(horizon=windows.steps)
    if len(logs) < HELD_OUT:
        edges = np.linspace(0, len(logs[0].q), HELD_OUT + 1).astype(int).tolist()
        parts = [cut(logs[0], slice(a, b)) for a, b in itertools.pairwise(edges)]
        logs = [*parts, *logs[1:]]
        config = replace(config, horizon=min(config.horizon, min(len(p.q) for p in parts) // 2))
    motions = [motion(found.values, log, measured) for log in logs]
    held = motions[HELD_OUT - 1 :: HELD_OUT]
    train = [one for at, one in enumerate(motions) if at % HELD_OUT != HELD_OUT - 1]
    step = stepper(found.problem.simulator, found.values, windows.dt)
    return fit_residual(step, train, held, config, generator)


def motion(values: Mapping[str, float], log: Log, measured: bool = False) -> Motion:
    """A log as the joints felt it: true positions, and commands when they arrive."""
    whole = cut_windows([log], 0, 1e9, measured)
    q, dq, commands = _felt(values, whole)
    return Motion(q[0, :-1], dq[0, :-1], commands[0])


def residual_errors(
    robot: Simulator,
    values: Mapping[str, float],
    windows: Windows,
    network: ResidualActuator,
    horizons: Sequence[float] = HORIZONS,
) -> HorizonErrors:
    """Errors of rollouts with the network at some horizons; see `horizon_errors`."""
    q, dq, commands = _felt(values, windows)
    step = stepper(robot, values, windows.dt)
    with np.errstate(all="ignore"):
        path = roll(step, q[:, 0], dq[:, 0], commands, network)
    kept = tuple(h for h in horizons if round(h / windows.dt) <= windows.steps)
    rows = [round(h / windows.dt) for h in kept]
    gain, _ = _sensors(values, windows.joints)
    errors = np.abs(path[:, rows] - q[:, rows]) * np.abs(gain)
    return HorizonErrors(kept, np.where(np.isfinite(errors), errors, np.inf))


def _felt(values: Mapping[str, float], windows: Windows) -> tuple[Floats, Floats, Floats]:
    """True positions and velocities [B, T + 1, J] and commands at the joints [B, T, J]."""
    gain, bias = _sensors(values, windows.joints)
    one = {key: np.array([value]) for key, value in values.items()}
    commands = np.nan_to_num(actuate(one, windows, 1)[0])
    return (windows.q - bias) / gain, windows.dq / gain, commands


def _sensors(values: Mapping[str, float], joints: tuple[str, ...]) -> tuple[Floats, Floats]:
    gain = np.array([values.get(f"sensor/{joint}/gain", 1.0) for joint in joints])
    return gain, np.array([values.get(f"sensor/{joint}/bias", 0.0) for joint in joints])


def stepper(robot: Simulator, values: Mapping[str, float], dt: float) -> Step:
    """One row of the clock of an identified robot as a function, for all rollouts at once.

    Raises:
        CalibrationError: The robot is neither an arm nor a MuJoCo model.
    """
    if isinstance(robot, PlanarArm):
        return _arm_stepper(robot, values, dt)
    from daneel.agents.calibration.mujoco_model import MujocoRobot

    if isinstance(robot, MujocoRobot):
        return robot.stepper(values, dt)
    raise CalibrationError(
        f"A {type(robot).__name__} takes no extra torque. Expected an arm or a model file below a "
        "residual actuator. Leave out `--residual`."
    )


def _arm_stepper(arm: PlanarArm, values: Mapping[str, float], dt: float) -> Step:
    one = {key: np.array([value]) for key, value in values.items()}
    terms = ArmTerms.of(arm, one, 1, 1)
    zero = np.pi if arm.upright else 0.0

    def step(q: Floats, dq: Floats, command: Floats, extra: Floats) -> tuple[Floats, Floats]:
        angle, speed = (q, dq) if arm.absolute else (np.cumsum(q, axis=1), np.cumsum(dq, axis=1))
        torque = np.ascontiguousarray((command + extra).T)
        theta, omega = rk4(terms, angle.T + zero, speed.T, torque, dt)
        theta, omega = theta.T - zero, omega.T
        if arm.absolute:
            return theta, omega
        return np.diff(theta, axis=1, prepend=0.0), np.diff(omega, axis=1, prepend=0.0)

    return step
