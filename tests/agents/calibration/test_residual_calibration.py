"""Steps of identified robots are their rollouts; a network on top of one learns what it lacks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from daneel.agents.calibration.arm import PlanarArm
from daneel.agents.calibration.calibrate import judge
from daneel.agents.calibration.logs import Log
from daneel.agents.calibration.mujoco_model import load_robot
from daneel.agents.calibration.parameters import parameter_set, select
from daneel.agents.calibration.problem import CalibrationError
from daneel.agents.calibration.residual_actuator import ResidualActuator, ResidualConfig, roll
from daneel.agents.calibration.residual_calibration import (
    learn_residual,
    motion,
    residual_errors,
    stepper,
)
from daneel.agents.calibration.rollout_problem import RolloutProblem
from daneel.agents.calibration.servo import ServoBench
from daneel.agents.calibration.simulator import rollout
from daneel.agents.calibration.windows import cut_windows
from tests.agents.calibration.arms import ARM, JOINTS, TREE, planted_log
from tests.agents.calibration.robot import MODEL
from tests.agents.calibration.test_calibrate import MJCF

VALUES = {"joint/shoulder/damping": 0.05, "command/elbow/delay": 0.006, "sensor/elbow/bias": 0.02}


@pytest.mark.parametrize("upright", [False, True])
def test_steps_of_an_arm_are_its_rollout(upright: bool) -> None:
    """Also with angles against the vertical, a late command and a sensor that is off."""
    arm = PlanarArm(JOINTS, ARM.nominal, absolute=upright, upright=upright)
    windows = cut_windows([planted_log(0.6)], 0.3, 0.2)
    one = {key: np.array([value]) for key, value in VALUES.items()}
    expected = rollout(arm, one, windows)[0] - np.array([0.0, 0.02])
    whole = motion(VALUES, planted_log(0.6))
    starts = windows.start
    commands = whole.command[starts[:, None] + np.arange(windows.steps)]
    path = roll(stepper(arm, VALUES, windows.dt), whole.q[starts], whole.dq[starts], commands, None)
    assert path[:2] == pytest.approx(expected[:2], abs=1e-3)  # only the lead of a window differs
    assert path[0] == pytest.approx(expected[0], abs=1e-9)


def test_steps_of_a_mujoco_robot_are_its_rollout_and_feel_extra_torque(tmp_path: Path) -> None:
    """An extra torque does what the same command does."""
    (tmp_path / "robot.xml").write_text(MJCF)
    robot = load_robot(tmp_path / "robot.xml", JOINTS, "torque")
    windows = cut_windows([planted_log(0.4)], 0.2, 0.4)
    expected = rollout(robot, {}, windows)[0]
    step, commands = stepper(robot, {}, windows.dt), windows.actions[:, windows.lead :]
    path = roll(step, windows.q[:, 0], windows.dq[:, 0], commands, None)
    assert path == pytest.approx(expected, abs=1e-6)
    torque, zero = np.array([[0.3, -0.2]]), np.zeros((1, 2))
    assert step(zero, zero, zero, torque)[1] == pytest.approx(step(zero, zero, torque, zero)[1])


def test_a_servo_takes_no_extra_torque() -> None:
    """And the message says what does."""
    with pytest.raises(CalibrationError, match="Expected an arm or a model file"):
        stepper(ServoBench(), {}, 0.005)


def _calibrated(logs: list[Log]) -> RolloutProblem:
    """The planted arm without the friction that it has."""
    parameters = select(parameter_set(TREE, ARM.defaults, "test"), ["delay"])
    return RolloutProblem(ARM, parameters, cut_windows(logs, 0.2, 0.2), 10, 0.005)


def test_a_network_makes_up_for_the_friction_that_a_model_lacks(tmp_path: Path) -> None:
    """On logs that neither fit nor network has seen; saved and loaded it is the same."""
    from daneel.agents.calibration.least_squares import LeastSquares
    from daneel.agents.calibration.residual_actuator import load_residual

    logs = [_other(seed) for seed in range(3)]
    problem = _calibrated(logs)
    found = judge(problem, LeastSquares(iterations=4).fit(problem))
    config = ResidualConfig(horizon=50, epochs=40, ahead=3)
    result = learn_residual(found, logs, torch.Generator().manual_seed(0), config=config)
    assert result.network is not None and result.after < 0.7 * result.before
    result.network.save(tmp_path)
    windows = cut_windows([_other(7)], 0.2, 0.2)
    errors = [
        residual_errors(ARM, found.values, windows, network, (0.1, 0.2)).rmse
        for network in (result.network, load_residual(tmp_path), _nothing(result.network))
    ]
    assert errors[0] == pytest.approx(errors[1])
    assert errors[0][1] < 0.8 * errors[2][1]


def _nothing(network: ResidualActuator) -> ResidualActuator:
    """The same network, silenced."""
    silent = ResidualActuator(network.joints, network.config)
    silent.load_state_dict(network.state_dict())
    silent.get_buffer("limit").zero_()
    return silent


def _other(seed: int) -> Log:
    """A run of the planted arm that starts elsewhere in the sines."""
    log = planted_log(2.4, noise=0.0005, seed=seed)
    rows = slice(40 * seed, 40 * seed + 300)
    assert log.command is not None
    return replace(
        log, q=log.q[rows], dq=log.dq[rows], command=log.command[rows], time=log.time[rows]
    )


def test_the_command_line_says_what_came_of_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Kept or not, it is in calibration.yaml; what is kept is evaluated beside the model."""
    import yaml

    from daneel.cli import main
    from tests.agents.calibration.robot import write_files

    write_files(tmp_path, 1)
    assert "damping" in MODEL
    params = (tmp_path / "params.yaml").read_text().split("  damping:")[0]
    (tmp_path / "params.yaml").write_text(params)  # the damping stays wrong: something to learn
    place = ["--model", f"{tmp_path}/robot.xml", "--logs", f"{tmp_path}/log0.csv"]
    files = ["--columns", f"{tmp_path}/columns.yaml", "--params", f"{tmp_path}/params.yaml"]
    assert main(["calibrate", *place, *files, "--out", f"{tmp_path}/out", "--residual"]) == 0
    assert "residual actuator" in capsys.readouterr().out
    tree = yaml.safe_load((tmp_path / "out" / "calibration.yaml").read_text())
    assert tree["seeds"] == {"search": 0, "posterior": 0, "residual": 0}
    assert tree["urdf"] == "model.urdf" and (tmp_path / "out" / "model.urdf").is_file()
    assert tree["sensor_noise"]["sensor/elbow/noise"] == pytest.approx(0.001, rel=0.3)
    asked = ["calibrate", "evaluate", "--calibration", f"{tmp_path}/out", *place[2:]]
    assert main([*asked, "--horizons", "0.2"]) == 0
    assert ("with residual" in capsys.readouterr().out) == tree["residual"]["kept"]
