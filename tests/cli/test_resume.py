"""`daneel resume`: further, with another tracker, and refusals; `daneel dashboard`."""

from __future__ import annotations

from pathlib import Path

import pytest

from daneel.config import load_yaml, save_yaml
from tests.training.tiny_cli import main

TINY = ["--agent", "tiny", "--agent.warmup", "10", "--eval-episodes", "2", "--eval-every", "0"]


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """A finished run."""
    path = tmp_path / "run"
    words = ["train", "daneel/IdentityBox-v0", *TINY, "--steps", "30", "--out", str(path)]
    assert main(words) == 0
    capsys.readouterr()
    return path


def test_a_finished_run_trains_for_longer(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And is evaluated and judged anew."""
    assert main(["resume", str(run), "--steps", "50"]) == 0
    assert (run / "checkpoints" / "latest").read_text().strip() == "step-50"
    assert load_yaml(run / "config.yaml")["steps"] == 50
    assert "50/50 steps" in capsys.readouterr().err
    assert '"step-50"' in (run / "eval.json").read_text()


def test_a_folder_that_was_moved(run: Path, tmp_path: Path) -> None:
    """Goes on where it is now, not where its configuration says."""
    moved = run.rename(tmp_path / "elsewhere")
    assert main(["resume", str(moved), "--steps", "40"]) == 0
    assert (moved / "checkpoints" / "step-40").is_dir() and not run.exists()


def test_a_changed_agent_is_refused(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """By name, with both values."""
    data = load_yaml(run / "config.yaml")
    save_yaml(run / "config.yaml", {**data, "agent": {**data["agent"], "width": 99}})
    assert main(["resume", str(run)]) == 2
    assert "agent.width = 16, but now it is 99" in capsys.readouterr().err


def test_nothing_to_resume(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A folder without a run."""
    assert main(["resume", str(tmp_path)]) == 2
    assert "has no config.yaml" in capsys.readouterr().err


def test_a_damaged_checkpoint_is_refused(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And the run is not touched."""
    before = (run / "metrics.jsonl").read_bytes()
    weights = run / "checkpoints" / "step-30" / "agent.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])
    assert main(["resume", str(run), "--steps", "60"]) == 2
    assert "is truncated" in capsys.readouterr().err
    assert (run / "metrics.jsonl").read_bytes() == before


def test_a_dashboard_without_tracked_runs(
    run: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Says how to make one, and serves nothing."""
    pytest.importorskip("trackio")
    monkeypatch.setenv("TRACKIO_DIR", str(run))
    assert main(["dashboard", str(run.parent)]) == 2
    assert "--tracker trackio" in capsys.readouterr().err
