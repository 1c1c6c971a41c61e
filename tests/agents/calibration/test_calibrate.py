"""Planted parameters come back; what cannot be trusted is said; folders and verbs work."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import mujoco as _mujoco
import numpy as np
import pytest
import yaml

from daneel.agents.calibration.calibrate import judge, load_values, seeds
from daneel.agents.calibration.inertia import FIELDS, consistent, perturb, pseudo, split
from daneel.agents.calibration.least_squares import LeastSquares
from daneel.agents.calibration.method import METHODS
from daneel.agents.calibration.mujoco_model import load_robot
from daneel.agents.calibration.parameters import parameter_set
from daneel.agents.calibration.problem import CalibrationError, FunctionProblem
from daneel.agents.calibration.recipe import find_columns, load_recipe, shipped
from daneel.agents.calibration.rollout_problem import RolloutProblem
from daneel.agents.calibration.servo import ServoBench
from daneel.agents.calibration.simulator import rollout
from daneel.agents.calibration.windows import cut_windows
from daneel.cli.command import main
from tests.agents.calibration.arms import ARM, JOINTS, TREE, planted_log, write_csv

mujoco: Any = _mujoco
TRUTH = [0.24, 0.03, 0.05, 0.012]


def _problem(noise: float = 0.0) -> RolloutProblem:
    windows = cut_windows([planted_log(noise=noise)], 0.6, 0.4)
    return RolloutProblem(ARM, parameter_set(TREE, ARM.defaults, "test"), windows, 10, 0.005)


def test_planted_parameters_and_the_delay_come_back() -> None:
    """Planted parameters and the delay come back."""
    fit = LeastSquares().fit(_problem())
    assert fit.theta == pytest.approx(TRUTH, rel=0.1, abs=1e-3)
    assert fit.converged


def test_planted_parameters_come_back_from_noise() -> None:
    """Planted parameters come back from noise."""
    fit = LeastSquares().fit(_problem(noise=0.003))
    assert fit.theta == pytest.approx(TRUTH, rel=0.25, abs=0.01)


@pytest.mark.parametrize("name", ["least-squares", "cma", "shooting"])
def test_every_method_finds_the_valley_and_keeps_the_best(name: str) -> None:
    """Every method finds the valley and keeps the best."""
    if name == "cma":
        pytest.importorskip("cma")
    problem = _problem()
    seen: list[float] = []
    extra = {"generations": 15, "polish": 6} if name == "cma" else {}
    fit = METHODS.load(name)(**extra).fit(problem, lambda progress: seen.append(progress.cost))
    assert fit.theta[0] == pytest.approx(TRUTH[0], rel=0.05)
    if name != "shooting":  # each of its stages has a cost of its own
        assert seen == sorted(seen, reverse=True)


def test_a_problem_that_blows_up_halfway_keeps_the_last_good_result() -> None:
    """A problem that blows up halfway keeps the last good result."""

    def residuals(theta: np.ndarray) -> np.ndarray:
        return np.where(theta > 0.5, np.nan, theta - 2.0)

    one = np.array([1.0])
    problem = FunctionProblem(
        ("x",), -one, 3 * one, 0 * one, residuals, np.zeros(1, np.int64), np.inf * one
    )
    fit = LeastSquares().fit(problem)
    assert 0.0 < fit.theta[0] <= 0.5
    with pytest.raises(CalibrationError, match="None of"):
        LeastSquares().fit(replace(problem, function=lambda theta: theta * np.nan))


def test_the_log_of_another_robot_is_called_a_poor_fit() -> None:
    """The log of another robot is called a poor fit."""
    log = planted_log()
    wrong = replace(log, q=np.cumsum(np.random.default_rng(0).normal(0, 0.03, log.q.shape), axis=0))
    problem = replace(_problem(), windows=cut_windows([wrong], 0.6, 0.4))
    found = judge(problem, LeastSquares(iterations=5).fit(problem))
    assert any(line.startswith("Poor fit") for line in found.warnings)
    good = judge(_problem(), LeastSquares().fit(_problem()))
    assert not any(line.startswith("Poor fit") for line in good.warnings)


def test_a_pseudo_inertia_stays_a_body_whatever_its_numbers() -> None:
    """A pseudo inertia stays a body whatever its numbers."""
    generator = np.random.default_rng(0)
    body = pseudo(1.2, np.array([0.1, 0.0, -0.2]), np.diag([0.02, 0.03, 0.04]))
    mass, com, tensor = split(body)
    assert mass == pytest.approx(1.2)
    assert com == pytest.approx([0.1, 0.0, -0.2])
    assert np.diag(tensor) == pytest.approx([0.02, 0.03, 0.04])
    for _ in range(50):
        assert consistent(perturb(body, generator.normal(size=len(FIELDS))))
    assert perturb(body, np.zeros(10)) == pytest.approx(body)


MJCF = """<mujoco><option timestep="0.004"/><worldbody><body name="upper">
<joint name="shoulder" axis="0 1 0" damping="0.1"/><geom size="0.05" mass="1" pos="0 0 -0.3"/>
<body name="lower" pos="0 0 -0.4"><joint name="elbow" axis="0 1 0"/>
<geom size="0.05" mass="0.5" pos="0 0 -0.2"/></body></body></worldbody></mujoco>"""


def test_mujoco_rolls_out_as_its_own_steps_do_and_saves_what_was_found(tmp_path: Path) -> None:
    """MuJoCo rolls out as its own steps do and saves what was found."""
    path = tmp_path / "robot.xml"
    path.write_text(MJCF)
    robot = load_robot(path, JOINTS, "torque")
    windows = cut_windows([planted_log(1.0)], 0.4, 0.4)
    values = {"joint/elbow/damping": 0.2, "body/lower/mass": 0.8, "body/lower/s12": 0.1}
    found = rollout(robot, {key: np.array([value]) for key, value in values.items()}, windows)
    robot.save(tmp_path / "out.xml", values)
    model = mujoco.MjModel.from_xml_path(str(tmp_path / "out.xml"))
    data = mujoco.MjData(model)
    data.qpos[:], data.qvel[:] = windows.q[1, 0], windows.dq[1, 0]
    for step in range(windows.steps):
        data.ctrl[:] = windows.actions[1, windows.lead + step]
        mujoco.mj_step(model, data)
    assert found[0, 1, -1] == pytest.approx(data.qpos, abs=1e-4)


def test_a_servo_without_power_hangs_still_and_friction_never_drives_it() -> None:
    """A servo without power hangs still and friction never drives it."""
    servo = ServoBench()
    log = replace(
        planted_log(1.0), joints=("servo",), q=np.full((250, 1), 0.02), dq=np.zeros((250, 1)),
        command=np.full((250, 1), np.nan), kind="position",
    )  # fmt: skip
    windows = cut_windows([log], 0, 10)
    stuck = rollout(servo, {"servo/servo/friction": np.array([0.05])}, windows)
    assert np.ptp(stuck) == 0.0
    free = rollout(servo, {"servo/servo/friction": np.array([0.0])}, windows)
    assert np.ptp(free) > 1e-3


def test_every_shipped_recipe_and_column_map_can_be_read() -> None:
    """Every shipped recipe and column map can be read."""
    for name in shipped("columns"):
        assert find_columns(name).joints
    for name in shipped():
        recipe = load_recipe(name)
        if "robot" in recipe.tree:
            robot = recipe.robot(recipe.columns())
            assert recipe.parameters(robot).names
        assert recipe.method()


def test_a_model_and_a_csv_become_a_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A model and a CSV become a folder."""
    (tmp_path / "robot.xml").write_text(MJCF)
    log = write_csv(planted_log(1.0), tmp_path / "run.csv")
    (tmp_path / "columns.yaml").write_text(
        "joints: [shoulder, elbow]\n"
        "columns: {time: t, q: [q1, q2], dq: [v1, v2], command: [u1, u2]}\n"
    )
    (tmp_path / "params.yaml").write_text(
        yaml.safe_dump(
            {
                "method": {"iterations": 3},
                "parameters": {"friction": {"targets": "joint/*/damping", "low": 0, "high": 1}},
            }
        )
    )
    command = ["calibrate", "--model", str(tmp_path / "robot.xml"), "--logs", str(log)]
    command += ["--columns", str(tmp_path / "columns.yaml"), "--out", str(tmp_path / "out")]
    more = ["--params", str(tmp_path / "params.yaml"), "--horizon", "0.3"]
    assert main([*command, *more]) == 0
    assert "RMSE after 0.1 s" in capsys.readouterr().out
    values = load_values(tmp_path / "out")
    assert set(values) == {"joint/shoulder/damping", "joint/elbow/damping"}
    saved = mujoco.MjModel.from_xml_path(str(tmp_path / "out" / "model.xml"))
    assert saved.dof_damping == pytest.approx([values["joint/elbow/damping"]] * 2, abs=1e-5)


def test_the_verb_says_what_is_missing(capsys: pytest.CaptureFixture[str]) -> None:
    """The verb says what is missing."""
    assert main(["calibrate", "--logs", "x.csv"]) == 2
    assert "Give a preset or a model" in capsys.readouterr().err
    assert main(["calibrate", "double-pendulum"]) == 2
    assert "No log was given" in capsys.readouterr().err
    assert main(["calibrate", "targets", "double-pendulum"]) == 0
    assert "joint/elbow/coulomb" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["least-squares", "cma"])
def test_a_parameter_with_equal_bounds_is_fixed(name: str) -> None:
    """Methods leave it where it is, its derivative is zero; with all fixed there is no search."""
    if name == "cma":
        pytest.importorskip("cma")

    def residuals(theta: np.ndarray) -> np.ndarray:
        return theta @ np.array([[1.0, 0.5], [0.3, 1.0], [0.2, -0.4]]).T - np.array([1.0, 2.0, 0.5])

    low, high = np.array([-3.0, 0.7]), np.array([3.0, 0.7])
    problem = FunctionProblem(
        ("x", "y"), low, high, np.array([0.0, 0.7]), residuals, np.zeros(3, np.int64),
        np.full(2, np.inf),
    )  # fmt: skip
    fit = METHODS.load(name)().fit(problem)
    best = np.linalg.lstsq(np.array([[1.0], [0.3], [0.2]]), np.array([0.65, 1.3, 0.78]))[0]
    assert fit.theta == pytest.approx([best[0], 0.7], abs=1e-4)
    assert fit.jacobian[:, 1].tolist() == [0.0, 0.0, 0.0]
    still = replace(problem, low=problem.initial, high=problem.initial)
    assert "every parameter is fixed" in METHODS.load(name)().fit(still).message


def test_equal_bounds_in_a_parameter_file_fix_a_target() -> None:
    """Noise cannot be searched for, and something has to move."""
    tree = {"parameters": {**TREE["parameters"], "g": {"targets": "option/world/gravity"}}}
    tree["parameters"]["g"] |= {"low": 9.7, "high": 9.7}
    found = parameter_set(tree, ARM.defaults, "test")
    assert "g" not in found.names and found.fixed == {"option/world/gravity": 9.7}
    with pytest.raises(CalibrationError, match="one that may move"):
        parameter_set({"parameters": {"g": tree["parameters"]["g"]}}, ARM.defaults, "test")
    noisy = {"targets": "sensor/elbow/noise", "low": 0, "high": 1}
    with pytest.raises(CalibrationError, match="noise is measured"):
        parameter_set({"parameters": {"n": noisy}}, ARM.defaults, "test")


def test_an_unstable_start_is_left_by_a_scan_within_the_bounds() -> None:
    """The initial candidate blows up, most of the range does not."""

    def residuals(theta: np.ndarray) -> np.ndarray:
        return np.where(theta < 0.5, np.nan, theta - 2.0)

    one = np.array([1.0])
    problem = FunctionProblem(
        ("x",), 0 * one, 3 * one, 0.1 * one, residuals, np.zeros(1, np.int64), np.inf * one
    )
    assert LeastSquares().fit(problem).theta == pytest.approx([2.0])


def test_seeds_of_a_method_and_of_its_parts_are_recorded() -> None:
    """Nested ones too."""
    assert seeds(LeastSquares(seed=3)) == {"search": 3}
    assert seeds(METHODS.load("shooting")(stage=LeastSquares(seed=5))) == {"search": 5}
