"""`daneel demos`: collect, show, check."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import imageio.v2 as imageio
import pytest

from daneel import cli
from daneel.cli import demos
from daneel.envs.suites import Suite
from daneel.training.demos import DemoDataset, collect
from tests.training.demos import made
from tests.training.demos.followers import STEPS, skill, turner

Out = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def skills(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three skills, of which one has no expert; the verb is registered for it."""
    known = [skill("turn-dial"), skill("half-dial"), skill("no-dial", expert=None)]
    suite = Suite("dials", "dials to turn", tuple(known), frozenset())
    monkeypatch.setattr(demos, "find_skill", {one.name: one for one in known}.__getitem__)
    monkeypatch.setattr(demos, "load_suite", {"dials": suite}.__getitem__)

    def with_turner(*arguments: Any) -> Any:
        return collect(*arguments, expert=turner)

    monkeypatch.setattr("daneel.training.demos.collect", with_turner)


def main(*argv: str | Path) -> int:
    """Runs `daneel demos`."""
    return demos.run(demos.parse([str(word) for word in argv]))


def test_collect_show_check(tmp_path: Path, capsys: Out) -> None:
    """The way of a user."""
    out = tmp_path / "demos"
    collected = ["collect", "--suite", "dials", "--episodes", "2", "--images", "16", "--out", out]
    assert main(*collected) == 0
    text, progress = capsys.readouterr()
    assert "2 of 2 tasks, 24 steps" in text and f"daneel demos check {out}" in text
    assert "No expert, left out: no-dial" in progress
    assert "1/2 turn-dial: 2 of 2 episodes succeeded, 12 steps" in progress and "s left" in progress

    assert main("show", out) == 0
    text = capsys.readouterr().out
    assert "turn-dial" in text and "half-dial" in text and "instructions" in text
    film = tmp_path / "film.mp4"
    assert main("show", out / "turn-dial", "--episode", "1", "--video", film) == 0
    text, path = capsys.readouterr()
    assert path == f"{film}\n" and len(imageio.mimread(film)) == STEPS
    assert "LeRobot v3.0, dial, 12 steps/s" in text and "action [2]" in text
    assert "2 episodes, 12 steps" in text

    assert main("check", out) == 0
    assert capsys.readouterr().out.count(": sound") == 2
    (out / "half-dial/meta/stats.json").write_text("{}")
    assert main("check", out) == 1
    text = capsys.readouterr().out
    assert "half-dial: not sound\n  meta/stats.json was changed" in text


def test_json(tmp_path: Path, capsys: Out) -> None:
    """One object from each action."""
    assert main("collect", "turn-dial", "--episodes", "1", "--out", tmp_path, "--json") == 0
    (task,) = json.loads(capsys.readouterr().out)["tasks"]
    assert task["collected"]["episodes"] == 1 and task["problem"] is None
    assert main("show", tmp_path, "--json") == 0
    (shown,) = json.loads(capsys.readouterr().out)["datasets"]
    assert (shown["steps"], shown["cameras"], shown["columns"]["action"]) == (STEPS, [], [2])
    assert sum(task["episodes"] for task in shown["tasks"]) == 1
    assert main("check", tmp_path, "--json") == 0
    assert list(json.loads(capsys.readouterr().out)["datasets"].values()) == [[]]


def test_a_skill_that_fails_is_told(tmp_path: Path, capsys: Out) -> None:
    """Exit code 1; the others are collected; the same command goes on."""
    arguments = ["--episodes", "9", "--patience", "1", "--out", tmp_path]
    assert main("collect", "half-dial", "turn-dial", *arguments) == 1
    text, progress = capsys.readouterr()
    assert "half-dial: not collected. The expert of 'half-dial' failed 1 times" in progress
    assert "1 of 2 tasks" in text and len(DemoDataset(tmp_path / "turn-dial")) == 9
    assert main("collect", "turn-dial", *arguments) == 0
    assert "54 steps, there already" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["collect"], "tasks are []"),
        (["collect", "turn-dial", "--suite", "dials"], "tasks are ['turn-dial']"),
        (["collect", "turn-dial", "--workers", "0"], "workers is 0"),
        (["collect", "turn-dial", "--images", "7"], "images is 7"),
        (["show", "SETS", "--video", "a.mp4"], "holds 2 datasets. Expected one"),
        (["show", "SETS/a", "--video", "a.mp4"], "has no images"),
        (["show", "nowhere"], "no dataset in nowhere"),
        (["check", "nowhere"], "no dataset in nowhere"),
        (["colect"], "Nearest: collect"),
    ],
)
def test_refusals(
    tmp_path: Path, argv: list[str], message: str, capsys: Out, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One clean message, exit code 2."""
    monkeypatch.setattr(cli.VERBS, "load", lambda name: demos)
    for name in ("a", "b"):
        made.foreign_v30(tmp_path / name)
    words = [word.replace("SETS", str(tmp_path)) for word in argv]
    assert cli.main(["train", *words]) == 2  # any verb stands for demos here
    assert message in capsys.readouterr().err


def test_help_and_missing_package(tmp_path: Path, capsys: Out) -> None:
    """Help needs no pyarrow; without it the message names the extra."""
    with pytest.raises(SystemExit):
        demos.parse(["--help"])
    assert "daneel demos collect --suite NAME" in capsys.readouterr().out
    code = (
        "import sys; sys.modules['pyarrow'] = None\n"
        "from daneel.cli import demos\n"
        "from daneel.errors import MissingExtraError\n"
        "options = demos.parse(['check', '.'])\n"
        "try:\n    demos.run(options)\nexcept MissingExtraError as error:\n    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert 'pip install "daneel[demos]"' in done.stdout, done.stderr
