"""The control bench: what it runs, what it keeps, and that it goes on where it stopped."""

import json
from pathlib import Path

import pytest

from daneel import config
from daneel.errors import ConfigError, UnknownNameError
from daneel.evaluation import evidence, files
from daneel.evaluation.bench import control, tasks
from daneel.evaluation.bench.control import Options
from daneel.evaluation.bench.job import agent_settings, agent_settings_of
from tests.evaluation.bench.hand_made import result

WALKER = tasks.find("walker-walk")


def finish(folder: Path, *results: control.Result) -> None:
    """Leaves jobs as a bench that was killed leaves them."""
    for item in results:
        files.append_json(folder / control.JOBS, config.to_dict(item))


def test_everything_is_eight_tasks_of_both_sides() -> None:
    """Ours first, then the peer with three times the steps; sixteen seeds a side."""
    wanted = list(control.specs(Options()))
    assert len(wanted) == 2 * sum(len(task.seeds) for task in tasks.TASKS)
    ours, peer = wanted[:2]
    assert (ours.algo, ours.steps, peer.algo, peer.steps) == ("planner", 2500, "sac", 7500)
    assert ours.eval_every == peer.eval_every == 250


def test_one_side_some_tasks_some_seeds() -> None:
    """As asked."""
    options = Options(tasks=("walker-walk", "PandaReach"), only="ours", seeds=(7,))
    found = [(spec.task, spec.algo, spec.seed) for spec in control.specs(options)]
    assert found == [(WALKER.name, "planner", 7), ("PandaReach-v3", "planner", 7)]


def test_finished_jobs_are_not_run_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With both sides of a row finished there is nothing to run, only to write."""
    finish(
        tmp_path,
        result(WALKER, "planner", 0, [10.0] * 4 + [800.0] * 6),
        result(WALKER, "sac", 0, [10.0] * 20 + [800.0] * 10),
    )
    options = Options(tasks=("walker-walk",), results=tmp_path, runs=tmp_path / "runs")
    assert control.run(options) == 0
    out, err = capsys.readouterr()
    assert "2 finished, 0 to go" in err
    assert "| walker-walk | 1 | 25,000 steps | >= 700 | 800 [799, 801] | yes | 10 [9, 11]" in out
    assert "12,500 / 52,500 (24 %)" in out
    assert "- score at the stated steps: 1 of 8 rows (7 not measured)" in out
    assert "one set of hyper-parameters for every row of Daneel: yes" in out
    assert (tmp_path / "control.md").read_text() == out.rstrip("\n") + "\n"
    curves = {path.name for path in (tmp_path / "curves").iterdir()}
    assert curves == {"control.svg", "control-dm_control-walker-walk-v0.svg"}
    figures = json.loads((tmp_path / "control.json").read_text())["figures"]
    assert {item["met"] for item in figures} == {True, None}


def test_writing_twice_records_once(tmp_path: Path) -> None:
    """Evidence is appended when it changed, not whenever the table is printed."""
    finish(tmp_path, result(WALKER, "planner", 0, [800.0] * 10))
    options = Options(tasks=("walker-walk",), only="ours", results=tmp_path)
    control.write(options)
    count = len(evidence.load("control", tmp_path))
    control.write(options)
    assert len(evidence.load("control", tmp_path)) == count
    finish(tmp_path, result(WALKER, "planner", 0, [900.0] * 10))
    control.write(options)
    assert len(evidence.load("control", tmp_path)) > count


def test_a_job_of_another_budget_is_run_again(tmp_path: Path) -> None:
    """Only an equal specification counts as finished."""
    short = result(WALKER, "planner", 0, [800.0] * 3)
    finish(tmp_path, short)
    wanted = next(control.specs(Options(tasks=("walker-walk",), only="ours")))
    kept = control.finished(tmp_path)[WALKER.name, "planner", 0]
    assert kept.spec != wanted and kept == short


def test_jobs_of_other_hyper_parameters_no_longer_count(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """They would be run again, and until then the table says that its rows differ."""
    monkeypatch.setattr(control.sys, "executable", "/bin/false")
    old = {**agent_settings("planner"), "size": "base"}
    cup = tasks.find("ball_in_cup-catch")
    finish(tmp_path, *(result(cup, "planner", seed, [950.0] * 10) for seed in range(3)))
    finish(tmp_path, result(WALKER, "planner", 0, [800.0] * 10, agent=old))
    options = Options(
        tasks=("walker-walk", "ball_in_cup-catch"),
        only="ours",
        results=tmp_path,
        runs=tmp_path / "runs",
    )
    assert control.run(options) == 1
    out, err = capsys.readouterr()
    assert "4 trainings: 3 finished, 1 to go" in err and "walker" in err
    assert "one set of hyper-parameters for every row of Daneel: **no**, 2 different" in out


def test_a_setting_that_is_newer_than_a_job_has_its_default(tmp_path: Path) -> None:
    """An agent that was trained before there was a choice is the default agent still."""
    settings = agent_settings("planner")
    before = {name: value for name, value in settings.items() if name not in ("core", "context")}
    finish(tmp_path, result(WALKER, "planner", 0, [800.0] * 10, agent=before))
    kept = control.finished(tmp_path)[WALKER.name, "planner", 0]
    assert agent_settings_of(kept) == settings
    gone = result(WALKER, "planner", 0, [800.0] * 10, agent={**settings, "magic": 1})
    assert agent_settings_of(gone)["magic"] == 1


def test_a_job_that_fails_is_told_and_the_rest_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit code 1, the end of its output on screen."""
    monkeypatch.setattr(control.sys, "executable", "/bin/false")
    options = Options(tasks=("walker-walk",), only="ours", results=tmp_path, runs=tmp_path / "runs")
    assert control.run(options) == 1
    assert "FAILED dm_control-walker-walk-v0-planner-0 (exit 1)" in capsys.readouterr().err


def test_a_rehearsal_keeps_away_from_the_records(tmp_path: Path) -> None:
    """Other folder, other budgets."""
    options = Options(rehearse=100, runs=tmp_path, only="ours", results=tmp_path / "results")
    assert options.folder == tmp_path / "rehearsal"
    assert {spec.steps for spec in control.specs(options)} == {100}


def test_bad_options_are_refused() -> None:
    """Naming the value."""
    with pytest.raises(UnknownNameError, match="walker-walk"):
        Options(tasks=("walker",))
    with pytest.raises(ConfigError, match="workers is 0"):
        Options(workers=0)
    with pytest.raises(ConfigError, match="rehearse is 3"):
        Options(rehearse=3)
