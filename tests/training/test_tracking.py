"""Trackers: real ones, offline, in the run's own place."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from daneel.errors import UnknownNameError
from daneel.training.tracking import TRACKERS, open_tracker
from daneel.training.wandb_tracker import wandb_is_offline

METRICS = {"eval/return": 3.5, "train/loss": 0.25}


@pytest.fixture
def no_key(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """A machine without an account."""
    for name in ("WANDB_API_KEY", "WANDB_MODE", "WANDB_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    return monkeypatch


def test_every_tracker_loads_and_unknown_ones_have_neighbours() -> None:
    """All of the registry."""
    for name in TRACKERS.names():
        assert hasattr(TRACKERS.load(name), "log")
    with pytest.raises(UnknownNameError, match="Nearest: trackio"):
        open_tracker("trakio", Path("run"), {})


def test_none_does_nothing(tmp_path: Path) -> None:
    """And says nothing."""
    tracker = open_tracker("none", tmp_path, {})
    tracker.log(METRICS, 1)
    tracker.log_video("play", tmp_path / "a.mp4", 1)
    assert tracker.finish() == []
    assert not list(tmp_path.iterdir())


def test_wandb_goes_offline_by_itself(no_key: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Unless there is a key: in the environment, stored by `wandb login`, or told otherwise."""
    assert wandb_is_offline()
    no_key.setenv("WANDB_API_KEY", "x" * 40)
    assert not wandb_is_offline()
    no_key.setenv("WANDB_MODE", "offline")
    assert wandb_is_offline()
    no_key.delenv("WANDB_MODE")
    no_key.delenv("WANDB_API_KEY")
    (tmp_path / "netrc").write_text("machine api.wandb.ai\n login user\n password " + "x" * 40)
    assert not wandb_is_offline()
    no_key.setenv("WANDB_BASE_URL", "https://wandb.example.org:8080/")
    assert wandb_is_offline()


@pytest.mark.slow
def test_wandb_writes_an_offline_run(no_key: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Into the run folder, and says how to send it later; the same run goes on after a resume."""
    run = tmp_path / "run"
    run.mkdir()
    for step in (1, 2):
        tracker = open_tracker("wandb", run, {"seed": 3})
        tracker.log(METRICS, step)
        (note,) = tracker.finish()
    folders = sorted((run / "wandb").glob("offline-run-*"))
    assert note == f"wandb sync {folders[-1]}"
    (record,) = folders[-1].glob("run-run.wandb")
    assert b"eval/return" in record.read_bytes()


TRACKIO = """
import sys
from pathlib import Path
from daneel.training.tracking import open_tracker
tracker = open_tracker("trackio", Path(sys.argv[1]) / "run", {"seed": 3})
tracker.log({"eval/return": 3.5}, 7)
print(tracker.finish())
"""


@pytest.mark.slow
def test_trackio_keeps_everything_beside_the_runs(tmp_path: Path) -> None:
    """In a process of its own: its folder is fixed when it is imported."""
    pytest.importorskip("trackio")
    command = [sys.executable, "-c", TRACKIO, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout.strip() == f"['daneel dashboard {tmp_path}']"
    with sqlite3.connect(tmp_path / ".trackio" / "daneel.db") as database:
        rows = database.execute("select run_name, step, metrics from metrics").fetchall()
    assert [(name, step) for name, step, _ in rows] == [("run", 7)]
    assert "3.5" in str(rows[0][2])
