"""Friction that moves with speed and load: the law, three ways to step it, and finding it again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gymnasium as gym
import mujoco as _mujoco
import numpy as np
import pytest

from daneel.agents.calibration.arm import PlanarArm
from daneel.agents.calibration.arm_mjcf import arm_mjcf
from daneel.agents.calibration.joint_friction import JointFriction, carried
from daneel.agents.calibration.least_squares import LeastSquares
from daneel.agents.calibration.logs import Log
from daneel.agents.calibration.mujoco_model import MujocoRobot, load_robot
from daneel.agents.calibration.parameters import parameter_set
from daneel.agents.calibration.problem import CalibrationError
from daneel.agents.calibration.randomization import Randomization, RandomizedDynamics
from daneel.agents.calibration.rollout_problem import RolloutProblem
from daneel.agents.calibration.uncertainty import uncertainty
from daneel.agents.calibration.windows import cut_windows

mujoco: Any = _mujoco
CUSTOM = '<custom><numeric name="friction_elbow" data="0.3 0.2 0.25"/></custom>'
MODEL = """<mujoco><option timestep="0.005" integrator="implicitfast"/>
<worldbody><body name="arm">
<joint name="elbow" axis="0 1 0" damping="0.05" frictionloss="0.1"/>
<inertial pos="0 0 -0.2" mass="0.8" diaginertia="0.01 0.01 0.01"/>
<body name="hand" pos="0 0 -0.4"><joint name="wrist" axis="0 1 0" damping="0.02"/>
<inertial pos="0 0 -0.1" mass="0.2" diaginertia="0.001 0.001 0.001"/></body></body></worldbody>
<actuator><general joint="elbow" gear="2" {actuator}/></actuator>{custom}</mujoco>"""
TRUE = {"stribeck": 0.3, "stribeck_speed": 0.2, "load_friction": 0.25}


def _model(actuator: str = "", custom: str = CUSTOM) -> Any:
    return mujoco.MjModel.from_xml_string(MODEL.format(actuator=actuator, custom=custom))


def _pushes(steps: int, seed: int = 0) -> np.ndarray:
    """Slow waves whose torque [T] drags the elbow to rest again and again."""
    rng = np.random.default_rng(seed)
    at = 0.005 * np.arange(steps)[:, None]
    waves = np.sin(2 * np.pi * rng.uniform(0.2, 1.1, 4) * at + rng.uniform(0, 6, 4))
    return waves @ np.array([0.9, 0.6, 0.5, 0.3])


def _loop(model: Any, pushes: np.ndarray, friction: JointFriction) -> np.ndarray:
    """The naive way: one step after the other, the limits set before each; rows of q, dq."""
    data, rows = mujoco.MjData(model), []
    for push in pushes:
        rows.append([*data.qpos, *data.qvel])
        data.ctrl[0] = push
        friction.update(model, data)
        mujoco.mj_step(model, data)
    return np.array(rows)


def test_the_limit_is_stribecks_curve_and_a_share_of_the_load() -> None:
    """The limit is Stribeck's curve and a share of the load, and the motor's limit counts."""
    friction = JointFriction.of(_model('forcelimited="true" forcerange="-3 3"'))
    q, dq = np.array([0.4, 0.0]), np.array([-0.1, 5.0])
    expected = 0.1 + 0.3 * np.exp(-0.25) + 0.25 * abs(2 * -1.5)
    assert friction.limits(q, dq, np.array([-1.5])) == pytest.approx(expected)
    assert friction.limits(q, dq, np.array([9.0])) == pytest.approx(expected - 0.75 + 0.25 * 6.0)
    servo = _model('biastype="affine" gainprm="4" biasprm="0 -4 -0.5"')
    torque = 2 * (4 * 1.0 - 4 * 2 * 0.4 + 0.5 * 2 * 0.1)
    expected = 0.1 + 0.3 * np.exp(-0.25) + 0.25 * abs(torque)
    assert JointFriction.of(servo).limits(q, dq, np.array([1.0])) == pytest.approx(expected)


def test_batches_loops_and_the_callback_take_the_same_steps(tmp_path: Path) -> None:
    """Batches, loops and the callback take the same steps, which are not those without it."""
    pushes = _pushes(400)
    path = _loop(_model(), pushes, JointFriction.of(_model()))
    model, data = _model(), mujoco.MjData(_model())
    called = []
    mujoco.set_mjcb_control(lambda at, state: called.append(1))
    with JointFriction.of(model).acting(model):
        for push in pushes:
            data.ctrl[0] = push
            mujoco.mj_step(model, data)
    assert len(called) == len(pushes)  # a callback of the user's goes on
    mujoco.set_mjcb_control(None)
    assert model.dof_frictionloss == pytest.approx([0.1, 0.0])
    after = _loop(_model(), np.append(pushes, 0.0), JointFriction.of(_model()))[-1]
    assert [*data.qpos, *data.qvel] == pytest.approx(after, abs=1e-9)
    robot = _robot(tmp_path)
    log = _log(path, pushes, ("elbow", "wrist"))
    windows = cut_windows([log], 0, 1)
    q, dq = windows.q[None, :, 0], windows.dq[None, :, 0]
    found = robot.simulate({}, q, dq, windows.actions[None, :, windows.lead :], windows)[0, 0]
    assert found == pytest.approx(log.q, abs=1e-9)
    off = {f"joint/elbow/{field}": np.zeros(1) for field in ("stribeck", "load_friction")}
    other = robot.simulate(off, q, dq, windows.actions[None, :, windows.lead :], windows)[0, 0]
    assert np.abs(other - found).max() > 0.2


def _robot(folder: Path, custom: str = CUSTOM) -> MujocoRobot:
    path = folder / "robot.xml"
    path.write_text(MODEL.format(actuator="", custom=custom))
    return load_robot(path, ("elbow", "wrist"), "torque")


def _log(rows: np.ndarray, pushes: np.ndarray, joints: tuple[str, ...]) -> Log:
    """A log of every joint; the motor of the elbow has a gear of two, and the wrist has none."""
    q, dq = np.split(rows, 2, axis=1)
    command = np.stack([pushes, np.zeros_like(pushes)], axis=1)
    time = np.arange(len(rows)) / 200.0
    return Log("planted", joints, 0.005, time, q, dq, command, None, "torque", {}, (), "")


def test_a_resting_joint_rests_until_the_rise_is_passed() -> None:
    """A resting joint rests until the rise is passed, and then breaks loose."""
    model = _model(custom='<custom><numeric name="friction_elbow" data="0.3 0.2 0"/></custom>')
    friction = JointFriction.of(model)
    below, above = (_loop(model, np.full(40, torque / 2), friction) for torque in (0.35, 0.6))
    assert abs(below[-1, 0]) < 0.01 < 0.03 < abs(above[-1, 0])


def test_friction_takes_energy_and_never_gives_any() -> None:
    """Friction takes energy and never gives any."""
    model = _model()
    model.opt.enableflags |= int(mujoco.mjtEnableBit.mjENBL_ENERGY)
    data, friction, energy = mujoco.MjData(model), JointFriction.of(model), []
    data.qpos[:], data.qvel[:] = (1.2, -0.5), (-2.0, 3.0)
    for _ in range(600):
        friction.update(model, data)
        mujoco.mj_step(model, data)
        energy.append(float(data.energy.sum()))
    assert np.diff(energy).max() < 1e-3 * np.ptp(energy)
    assert energy[-1] < energy[0] - 1.5


def test_planted_friction_comes_back_from_a_noisy_log_within_its_intervals(tmp_path: Path) -> None:
    """Planted friction comes back from a noisy log within its intervals."""
    pushes = _pushes(1600, seed=3)
    rows = _loop(_model(), pushes, JointFriction.of(_model()))
    rows += np.random.default_rng(0).normal(size=rows.shape) * [1e-3, 1e-3, 5e-3, 5e-3]
    robot = _robot(tmp_path, custom="")
    tree = {"parameters": {
        "coulomb": {"targets": "joint/elbow/frictionloss", "initial": 0.05, "low": 0, "high": 1},
        "rise": {"targets": "joint/elbow/stribeck", "initial": 0.1, "low": 0, "high": 1},
        "speed": {"targets": "joint/elbow/stribeck_speed", "initial": 0.4, "low": 0.02, "high": 2},
        "load": {"targets": "joint/elbow/load_friction", "initial": 0.1, "low": 0, "high": 0.8},
    }}  # fmt: skip
    windows = cut_windows([_log(rows, pushes, ("elbow", "wrist"))], 0.5, 0.25)
    problem = RolloutProblem(
        robot, parameter_set(tree, robot.defaults, "test"), windows, 10, noise=2e-3
    )
    fit = LeastSquares(iterations=12).fit(problem)
    ends = uncertainty(problem, fit, 0.95, profile=False)
    truth = np.array([0.1, *TRUE.values()])
    assert fit.theta == pytest.approx(truth, rel=0.25, abs=0.03)
    assert ((ends.low <= truth) & (truth <= ends.high)).all()
    _comes_back_from_a_file(robot, problem, fit.theta, tmp_path)


def _comes_back_from_a_file(
    robot: MujocoRobot, problem: RolloutProblem, theta: np.ndarray, folder: Path
) -> None:
    """What was found is in model.xml, and whoever loads that has the same robot."""
    values = problem.parameters.nominal(theta)
    robot.save(folder / "model.xml", values)
    model = mujoco.MjModel.from_xml_path(str(folder / "model.xml"))
    kept = {k: v for k, v in values.items() if k.split("/")[2] in TRUE}
    assert carried(model) == pytest.approx(kept, rel=1e-6)
    again = load_robot(folder / "model.xml", ("elbow", "wrist"), "torque")
    assert again.model.nnumeric == 0  # known as targets, not twice
    assert {k: again.defaults[k] for k in values} == pytest.approx(values, rel=1e-6)


def test_an_arm_in_closed_form_writes_its_friction_for_mujoco() -> None:
    """An arm in closed form writes its friction for MuJoCo."""
    arm = PlanarArm(("elbow",))
    values = {f"joint/elbow/{field}": value for field, value in TRUE.items()}
    model = mujoco.MjModel.from_xml_string(arm_mjcf(arm, values))
    assert carried(model) == pytest.approx(values)
    assert not carried(mujoco.MjModel.from_xml_string(arm_mjcf(arm, {})))


def test_a_motor_whose_torque_cannot_be_foretold_is_refused() -> None:
    """A motor whose torque cannot be foretold is refused, without load it is not."""
    model = _model('dyntype="filter" dynprm="0.05"')
    with pytest.raises(CalibrationError, match="load_friction"):
        JointFriction.of(model)
    assert not JointFriction.of(model, {"joint/elbow/load_friction": 0.0}).idle


def test_randomised_environments_have_the_friction_while_they_step() -> None:
    """Randomised environments have the friction while they step, and only then."""
    target = {"joint/slider/stribeck": 1.0}
    preset = Randomization(("rise",), {"rise": target}, np.array([[50.0]]))
    held = RandomizedDynamics(gym.make("InvertedPendulum-v5"), preset)
    assert held.ignored == ()
    free = gym.make("InvertedPendulum-v5")
    ends = []
    for env in (held, free):
        env.reset(seed=1)
        path = [env.step(np.array([0.3], np.float32))[0] for _ in range(5)]
        ends.append(abs(float(path[-1][0])))
    assert ends[0] < 0.1 * ends[1]
    assert mujoco.get_mjcb_control() is None
