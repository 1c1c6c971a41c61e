"""`daneel calibrate` leaves intervals, posterior, preset and report; `evaluate` compares."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import yaml

from daneel.agents.calibration.posterior import load_posterior
from daneel.agents.calibration.randomization import load_randomization
from daneel.cli import main
from tests.agents.calibration.robot import TRUE, write_files


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A calibration of a MuJoCo arm from one CSV, as a user makes it."""
    place = tmp_path_factory.mktemp("arm")
    write_files(place)
    code = main(
        ["calibrate", "--model", f"{place}/robot.xml", "--logs", f"{place}/log0.csv",
         "--columns", f"{place}/columns.yaml", "--params", f"{place}/params.yaml",
         "--out", f"{place}/out"]
    )  # fmt: skip
    assert code == 0
    return place


def test_intervals_are_near_the_truth_and_in_the_file(folder: Path) -> None:
    """With how they were made."""
    tree = yaml.safe_load((folder / "out" / "calibration.yaml").read_text())
    for name, value in {**TRUE, "bias": 0.0}.items():
        low, high = tree["parameters"][name]["interval"]
        assert abs(0.5 * (low + high) - value) < 1.5 * (high - low) + 0.005
        assert high - low < 0.2
    assert tree["interval"].startswith("90%")
    assert tree["identifiability"] == []


def test_samples_and_preset_agree(folder: Path) -> None:
    """The preset holds rows of the posterior."""
    posterior, preset = load_posterior(folder / "out"), load_randomization(folder / "out")
    assert posterior.names == preset.names == ("mass", "damping", "bias")
    assert preset.samples[0] == pytest.approx(posterior.samples[0], rel=1e-4)
    drawn = preset.draw(np.random.default_rng(0))
    assert set(drawn) == {"body/arm/mass", "joint/elbow/damping", "command/elbow/bias"}


def test_the_report_stands_alone(folder: Path) -> None:
    """No script, no address to fetch; every section is there."""
    page = (folder / "out" / "report.html").read_text()
    assert "<script" not in page and not re.search(r"(src|href)=[\"']http", page)
    for title in ("Parameters", "Measured and simulated", "What is left", "Error of open-loop"):
        assert title in page
    assert "NaN" not in page and "nan" not in re.sub(r"<style>.*?</style>", "", page, flags=re.S)


def test_evaluate_compares_with_others_on_an_unseen_log(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The calibration is better than what was before, and somebody's file stands beside it."""
    (folder / "theirs.yaml").write_text("body/arm/mass: 0.6\njoint/elbow/damping: 0.1\n")
    arguments = ["calibrate", "evaluate", "--calibration", f"{folder}/out"]
    arguments += ["--logs", f"{folder}/log1.csv", "--horizons", "0.1", "0.5"]
    arguments += ["--against", f"{folder}/theirs.yaml"]
    assert main(arguments) == 0
    said = capsys.readouterr().out
    assert "before" in said and "calibrated" in said and "theirs" in said
    record = json.loads((folder / "out" / "evaluations.jsonl").read_text().splitlines()[-1])
    assert record["rmse"]["calibrated"][1] < 0.2 * record["rmse"]["before"][1]
    assert record["rmse"]["calibrated"][1] < record["rmse"]["theirs"][1]


def test_evaluate_says_when_a_log_is_of_another_robot(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """And does not for one of the same."""
    rows = np.genfromtxt(folder / "log1.csv", delimiter=",", skip_header=1)
    rows[:, 1] = np.cumsum(np.random.default_rng(0).normal(0, 0.02, len(rows)))
    rows[:, 2] = np.gradient(rows[:, 1], 0.002)
    other = folder / "other.csv"
    np.savetxt(other, rows, delimiter=",", header="t,angle,speed,torque", comments="")
    arguments = ["calibrate", "evaluate", "--calibration", f"{folder}/out", "--horizons", "0.5"]
    assert main([*arguments, "--logs", f"{other}"]) == 0
    assert "Is this the log of another robot" in capsys.readouterr().out
    assert main([*arguments, "--logs", f"{folder}/log1.csv"]) == 0
    assert "another robot" not in capsys.readouterr().out


def test_evaluate_without_a_log_says_what_to_type(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """And a folder that is none."""
    assert main(["calibrate", "evaluate", "--calibration", f"{folder}/out"]) == 2
    assert "--logs" in capsys.readouterr().err
    nowhere = ["calibrate", "evaluate", "--calibration", f"{folder}/x", "--logs", "a.csv"]
    assert main(nowhere) == 2


def test_suggested_commands_keep_the_limits_and_are_written(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """And say what they would teach of every parameter."""
    arguments = ["calibrate", "suggest", "--calibration", f"{folder}/out", "--seconds", "1"]
    arguments += ["--command-limits", "0.8", "--joint-limits", "1.2", "--out", f"{folder}/next.csv"]
    assert main(arguments) == 0
    said = capsys.readouterr().out
    assert "mass" in said and "afterwards" in said
    rows = np.genfromtxt(folder / "next.csv", delimiter=",", names=True)
    assert len(rows) == 100 and np.abs(rows["elbow"]).max() <= 0.8
    arguments[6:8] = ["--command-limits", "-1"]
    assert main([*arguments[:4], *arguments[6:]]) == 2
