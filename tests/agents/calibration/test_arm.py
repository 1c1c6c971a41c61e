"""Planar arms against a closed form, MuJoCo, and the conservation of energy."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import mujoco as _mujoco
import numpy as np
import pytest

from daneel.agents.calibration.arm import ArmTerms, PlanarArm, rk4
from daneel.agents.calibration.arm_mjcf import arm_mjcf
from daneel.agents.calibration.inverse import TorqueProblem
from daneel.agents.calibration.least_squares import LeastSquares
from daneel.agents.calibration.logs import Log
from daneel.agents.calibration.parameters import parameter_set
from tests.agents.calibration.arms import ARM, TREE, planted_log

mujoco: Any = _mujoco


def _terms(arm: PlanarArm, **extra: float) -> ArmTerms:
    values = {key.replace("__", "/"): np.array([value]) for key, value in extra.items()}
    return ArmTerms.of(arm, values, 1, 1)


def test_one_link_accelerates_as_the_textbook_says() -> None:
    """One link accelerates as the textbook says."""
    arm = PlanarArm(("j",), {"body/j/mass": 2.0, "body/j/com": 0.3, "body/j/inertia": 0.05})
    found = _terms(arm).accelerate(np.array([[0.4]]), np.array([[0.0]]), np.array([[1.5]]))
    expected = (1.5 - 2.0 * 9.81 * 0.3 * np.sin(0.4)) / (0.05 + 2.0 * 0.09)
    assert found[0, 0] == pytest.approx(expected, rel=1e-12)


def test_three_links_accelerate_as_in_mujoco() -> None:
    """Three links accelerate as in MuJoCo."""
    names = ("a", "b", "c")
    nominal = {f"body/{name}/com": 0.2 + 0.1 * i for i, name in enumerate(names)}
    nominal |= {f"joint/{name}/damping": 0.1 for name in names} | {"joint/b/armature": 0.02}
    arm = PlanarArm(names, nominal)
    model = mujoco.MjModel.from_xml_string(arm_mjcf(arm, {}))
    data = mujoco.MjData(model)
    data.qpos[:], data.qvel[:], data.ctrl[:] = [0.3, -0.7, 1.1], [0.5, -1.0, 2.0], [1, -0.5, 0.2]
    mujoco.mj_forward(model, data)
    theta, omega = np.cumsum(data.qpos)[:, None], np.cumsum(data.qvel)[:, None]
    found = _terms(arm).accelerate(theta, omega, np.array(data.ctrl)[:, None])
    assert np.diff(found[:, 0], prepend=0.0) == pytest.approx(data.qacc, rel=1e-6, abs=1e-6)


def test_inverse_dynamics_undo_forward_dynamics() -> None:
    """Inverse dynamics undo forward dynamics."""
    terms = _terms(ARM, joint__elbow__damping=0.2, joint__shoulder__coulomb=0.1)
    theta, omega, torque = (np.array([[0.3], [x]]) for x in (1.0, -2.0, 0.5))
    alpha = terms.accelerate(theta, omega, torque)
    assert terms.torque(theta, omega, alpha) == pytest.approx(torque, abs=1e-12)


@pytest.mark.parametrize("friction", [0.0, 0.05])
def test_a_passive_arm_never_gains_energy(friction: float) -> None:
    """A passive arm never gains energy."""
    terms = _terms(ARM, joint__elbow__coulomb=friction, joint__shoulder__damping=friction)
    theta, omega = np.array([[2.5], [1.0]]), np.array([[0.0], [3.0]])
    energies = [float(terms.energy(theta, omega)[0])]
    for _ in range(1000):
        theta, omega = rk4(terms, theta, omega, np.zeros((2, 1)), 0.001)
        energies.append(float(terms.energy(theta, omega)[0]))
    assert np.diff(energies).max() < 1e-6
    if friction:
        assert energies[-1] < energies[0] - 0.1
    else:
        assert energies[-1] == pytest.approx(energies[0], abs=1e-4)


def test_torques_of_a_logged_motion_match_its_commands() -> None:
    """Torques of a logged motion match its commands."""
    log = planted_log(2.0)
    problem = TorqueProblem(ARM, parameter_set(TREE, ARM.defaults, "test"), [log], span=0.05)
    assert problem.segments.shape == (log.q.size,)
    assert log.command is not None
    with_torque = TorqueProblem(ARM, problem.parameters, [_measured(log)], noise=1.0, span=0.05)
    truth = with_torque.residuals(np.array([[0.24, 0.03, 0.05, 0.0]]))
    wrong = with_torque.residuals(np.array([[0.15, 0.0, 0.0, 0.0]]))
    assert np.sqrt(np.mean(truth**2)) < 0.4 * np.sqrt(np.mean(wrong**2))


def _measured(log: Log) -> Log:
    assert log.command is not None
    late = np.concatenate([np.repeat(log.command[:1], 3, axis=0), log.command[:-3]])
    return replace(log, torque=late)


def test_torques_that_are_reported_early_are_found_by_their_delay() -> None:
    """A shift of the log, a constant torque and a tilted sensor are parameters like the others."""
    tree = {
        "parameters": {
            **TREE["parameters"],
            "bias": {"targets": "command/shoulder/bias", "initial": 0, "low": -0.3, "high": 0.3},
            "tilt": {"targets": "sensor/shoulder/bias", "initial": 0, "low": -0.1, "high": 0.1},
        }
    }
    clean = _measured(planted_log(3.0))
    assert clean.torque is not None
    early = np.concatenate([clean.torque[5:], np.repeat(clean.torque[-1:], 5, axis=0)])
    log = replace(clean, q=clean.q + np.array([0.04, 0.0]), torque=early - np.array([0.1, 0.0]))
    problem = TorqueProblem(ARM, parameter_set(tree, ARM.defaults, "test"), [log], span=0.05)
    fit = LeastSquares().fit(problem)
    found = dict(zip(problem.names, fit.theta, strict=True))
    assert found["delay"] == pytest.approx(5 * log.dt, abs=0.5 * log.dt)
    assert found["tilt"] == pytest.approx(0.04, abs=0.01)
    assert found["bias"] == pytest.approx(0.1, abs=0.02)
    assert found["com"] == pytest.approx(0.24, abs=0.01)
