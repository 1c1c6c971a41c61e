"""`daneel eval POLICY --suite NAME`, and the lists of suites and tasks."""

import json

import pytest

from daneel.cli import main
from daneel.evaluation.suites import load_record, workers
from daneel.evaluation.suites.workers import Local

pytest.importorskip("panda_gym", reason="the extra 'suites' is not installed")

ACT = "tests.evaluation.suites.acting:toward_goal"
ONE = ["--suite", "panda", "--tasks", "panda-reach", "--episodes", "2", "--workers", "1"]


@pytest.fixture(autouse=True)
def in_process(monkeypatch):
    """Workers in this process; those in others are tested where they live."""
    monkeypatch.setitem(workers.ENGINES, "processes", Local)


def test_a_suite_is_scored(tmp_path, capsys):
    """Table, record and page; nothing is left of the way there."""
    out = tmp_path / "reach.json"
    assert main(["eval", ACT, *ONE, "--out", str(out)]) == 0
    printed, said = capsys.readouterr()
    assert "panda-reach" in printed and "100 %" in printed
    record = load_record(out)
    assert record.skills[0].success_rate == 1 and record.policy == ACT
    assert "panda-reach" in out.with_suffix(".html").read_text()
    assert str(out) in said
    assert sorted(path.name for path in tmp_path.iterdir()) == ["reach.html", "reach.json"]


def test_json(tmp_path, capsys):
    """One object, the record itself."""
    out = tmp_path / "reach.json"
    assert main(["eval", "random", *ONE, "--out", str(out), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == json.loads(out.read_text())


def test_a_missing_package_reads_not_run(tmp_path, capsys, monkeypatch):
    """The row names the extra, and there is no figure."""
    monkeypatch.setitem(__import__("sys").modules, "panda_gym", None)
    monkeypatch.delitem(__import__("sys").modules, "daneel.envs.sources.panda", raising=False)
    out = tmp_path / "reach.json"
    assert main(["eval", "random", *ONE, "--out", str(out)]) == 0
    score = load_record(out).skills[0]
    assert score.status == "not run" and "daneel[suites]" in (score.reason or "")
    assert "not run" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["eval", "random", "--suite", "pnda"], "Nearest: panda"),
        (["eval", "random", *ONE, "--out", "x.txt"], "ends in .json"),
        (["eval", "random", *ONE, "--env", "Pendulum-v1"], "Expected one"),
        (["eval", "some-run", "--film"], "belong to the evaluation of a suite"),
        (["eval", "nonsense", *ONE], "is no policy"),
        (["list", "envs", "--suite", "panda"], "daneel list tasks --suite panda"),
    ],
)
def test_bad_input(words, part, capsys):
    """Exit code 2 and what to type."""
    assert main(words) == 2
    assert part in " ".join(capsys.readouterr().err.replace("│", " ").split())


def test_lists(capsys):
    """Suites with their sizes; tasks with everything that is known."""
    assert main(["list", "suites"]) == 0
    assert "100 tasks" in capsys.readouterr().out
    assert main(["list", "tasks", "--suite", "panda", "--json"]) == 0
    items = json.loads(capsys.readouterr().out)["items"]
    reach = next(item for item in items if item["name"] == "panda-reach")
    assert reach["env"] == "PandaReach-v3" and reach["held_out"] is False
