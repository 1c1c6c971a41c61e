"""`daneel train` from the first word to the last line, and killed at any point of it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.training.children import metrics
from tests.training.tiny_cli import main

COMMAND = [sys.executable, "-m", "tests.training.tiny_cli"]
ROOT = Path(__file__).parents[2]
TINY = ["--agent", "tiny", "--agent.warmup", "10", "--eval-episodes", "5", "--log-every", "20"]


def words(out: Path, steps: int = 60) -> list[str]:
    """The arguments of a training of a second."""
    return ["train", "daneel/IdentityBox-v0", *TINY, "--steps", str(steps), "--out", str(out)]


def test_a_whole_training(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Everything is in the folder, and the last lines say where and what to type next."""
    run = tmp_path / "run"
    assert main(words(run)) == 0
    found = {path.name for path in run.iterdir()}
    assert found >= {
        *("config.yaml", "metrics.jsonl", "checkpoints", "eval.json", "gate.json"),
        *("report.html", "card.md"),
    }
    shown = capsys.readouterr()
    assert "Training tiny in daneel/IdentityBox-v0, 60 steps, seed 0" in shown.err
    assert "parameters" in shown.err and "replay in memory" in shown.err
    lines = shown.out.splitlines()
    for next_command in ("daneel play", "daneel eval", "daneel resume"):
        assert any(line.strip().startswith(f"{next_command} {run}") for line in lines)
    assert f"Report  {run}/report.html" in lines
    assert "daneel train daneel/IdentityBox-v0" in (run / "report.html").read_text()


def test_json_is_one_object(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """On stdout, whatever the steps in between print."""
    assert main([*words(tmp_path / "run"), "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["run"] == str(tmp_path / "run") and facts["finished"] is True
    assert facts["step"] == 60 and facts["evaluation"]["episodes"] == 5
    assert isinstance(facts["released"], bool) and facts["seconds"]["env"] > 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["quikstart"], "Nearest: quickstart"),
        (["InvertedPendulm-v5", "--agent", "tiny", "--out", "x"], "Nearest: InvertedPendulum-v5"),
        (["quickstart", "--agent", "tinny"], "Nearest: tiny"),
        (["daneel/IdentityBox-v0", "--agent", "tiny", "--steps", "0"], "steps is 0"),
        (["daneel/IdentityDiscrete-v0", "--agent", "sac", "--out", "x"], "sac"),
    ],
)
def test_wrong_input_is_answered_without_a_traceback(
    arguments: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Exit code 2, one message, and nothing in the folder."""
    monkeypatch.chdir(tmp_path)
    assert main(["train", *arguments]) == 2
    shown = capsys.readouterr()
    assert message in shown.err and "Traceback" not in shown.err
    assert not list(tmp_path.iterdir())


def start(arguments: list[str]) -> subprocess.Popen[str]:
    """A process of its own, as a user's."""
    return subprocess.Popen(
        [*COMMAND, *arguments],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def kill_once_there(process: subprocess.Popen[str], path: Path, number: int) -> None:
    """Send a signal as soon as `path` exists."""
    while not path.exists():
        assert process.poll() is None, process.communicate()
        time.sleep(0.005)
    process.send_signal(number)


@pytest.mark.slow
def test_the_process_is_killed_and_resumed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """SIGKILL after a checkpoint; the records are those of an uninterrupted run."""
    run = tmp_path / "run"
    process = start(words(run, steps=800))
    kill_once_there(process, run / "checkpoints" / "latest", signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert not (run / "report.html").exists()
    assert main(["resume", str(run)]) == 0
    assert main(words(tmp_path / "whole", steps=800)) == 0
    assert metrics(run) == metrics(tmp_path / "whole")
    assert (run / "report.html").exists() and (run / "gate.json").exists()
    capsys.readouterr()


@pytest.mark.slow
def test_ctrl_c_says_how_to_go_on(tmp_path: Path) -> None:
    """Exit code 130 and the line to type, after the state was saved."""
    run = tmp_path / "run"
    process = start(words(run, steps=20_000))
    kill_once_there(process, run / "metrics.jsonl", signal.SIGINT)
    _, shown = process.communicate(timeout=60)
    assert process.returncode == 130 and "Traceback" not in shown
    assert "everything is saved" in shown and f"daneel resume {run}" in shown
    assert (run / "checkpoints" / "latest").exists()


def test_from_logs_to_steps(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A run is the log of the next one: offline, gated, then resumed with steps of its own."""
    first, run = tmp_path / "first", tmp_path / "run"
    assert main(words(first, steps=100)) == 0
    capsys.readouterr()
    short = ["--agent.size", "tiny", "--agent.batch-size", "16", "--eval-episodes", "2"]
    updates = ["--offline.imitate", "20", "--offline.updates", "20", "--steps", "0"]
    assert main(["train", "--logs", str(first), *short, *updates, "--out", str(run)]) == 0
    shown = capsys.readouterr()
    title = "pessimist in daneel/IdentityBox-v0, 40 updates on first, then 0 steps, seed 0"
    assert title in shown.err and "logs: 10 episodes, 100 transitions" in shown.err
    assert f"daneel resume {run} --steps 1000" in shown.out and (run / "gate.json").exists()
    assert main(["resume", str(run), "--steps", "30"]) == 0
    assert f"daneel resume {run} --steps 60" in capsys.readouterr().out


def test_bad_logs_are_answered_without_a_traceback(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 2 and one message, before a folder is made."""
    first, run = tmp_path / "first", tmp_path / "run"
    assert main(words(first, steps=30)) == 0
    for typed, message in (
        (["--logs", str(tmp_path / "absent")], "There is no log at"),
        (["Pendulum-v1", "--logs", str(first)], "has the shape [1], and the environment's has [3]"),
        (["--logs", str(first), "--agent", "sac"], "learns by itself and from no logs"),
    ):
        assert main(["train", *typed, "--out", str(run)]) == 2
        shown = capsys.readouterr().err
        assert message in shown and "Traceback" not in shown and not run.exists()


@pytest.mark.parametrize("written", ["eval.json", "gate.json", "card.md"])
def test_killed_after_the_training(
    written: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Between evaluation, gate and report: resume does what is missing."""
    run = tmp_path / "run"
    child = os.fork()
    if child == 0:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        main(words(run))
        os._exit(0)
    while not (run / written).exists() and os.waitpid(child, os.WNOHANG) == (0, 0):
        time.sleep(0.001)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    assert main(["resume", str(run)]) == 0
    assert {"eval.json", "gate.json", "card.md", "report.html"} <= set(os.listdir(run))
    assert not [name for name in os.listdir(run) if "tmp" in name]
    capsys.readouterr()
