"""Only what passed is released, and a release is noticed when touched."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from daneel.alignment import (
    Candidate,
    CheckSpec,
    GateReport,
    is_released,
    load_gate,
    load_report,
    release,
    run_gate,
    save_report,
    verify_released,
    withdraw,
)
from daneel.alignment.report import to_dict
from daneel.errors import CheckpointError
from tests.alignment.candidates import candidate, linear


@pytest.fixture
def judged(tmp_path: Path) -> Candidate:
    """A good candidate, its run folder and a checkpoint with a replay in it."""
    checkpoint = tmp_path / "checkpoints" / "step-100"
    checkpoint.mkdir(parents=True)
    (checkpoint / "agent.safetensors").write_bytes(b"weights")
    (checkpoint / "replay.safetensors").write_bytes(b"much data")
    return candidate(path=checkpoint)


def pass_gate(judged: Candidate) -> Path:
    """Runs the default gate and returns the run folder."""
    run = judged.path.parent.parent
    save_report(run_gate(judged, load_gate()), run)
    return run


def released(judged: Candidate) -> Path:
    """A run folder with a release."""
    run = pass_gate(judged)
    release(run, judged.path, judged.weights, leave_out=["replay.safetensors"])
    return run


def edit(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Changes a JSON file in place."""
    data = json.loads(path.read_text())
    change(data)
    path.unlink()
    path.write_text(json.dumps(data))


def test_a_candidate_that_passed_is_released_and_verifies(judged: Candidate) -> None:
    """A candidate that passed is released and verifies."""
    run = released(judged)
    assert is_released(run)
    folder = verify_released(run, judged.weights)
    assert folder == run / "checkpoints" / "released"
    assert {file.name for file in folder.iterdir()} == {"agent.safetensors", "gate.json"}


def test_the_report_survives_the_disk(judged: Candidate) -> None:
    """The report survives the disk."""
    report = run_gate(judged, load_gate())
    run = judged.path.parent.parent
    save_report(report, run)
    assert load_report(run) == report
    assert load_report(run / "checkpoints") is None


def test_a_witness_that_is_not_finite_survives_the_disk(judged: Candidate) -> None:
    """A witness that is not finite survives the disk."""
    linear(judged.actor, 0).weight.data.fill_(torch.nan)
    run = pass_gate(judged)
    text = (run / "gate.json").read_text()
    assert json.loads(text, parse_constant=lambda name: pytest.fail(name))["passed"] is False
    report = load_report(run)
    assert report is not None and report.findings[0].witness is not None
    assert report.findings[0].witness["value"] == "nan"


def test_what_did_not_pass_is_not_released(judged: Candidate) -> None:
    """What did not pass is not released."""
    run = judged.path.parent.parent
    floor = [CheckSpec("evaluation_floor", {"floor": 1e9})]
    save_report(run_gate(judged, floor), run)
    with pytest.raises(CheckpointError, match="evaluation_floor violated"):
        release(run, judged.path, judged.weights)
    assert not is_released(run)


def test_without_an_evaluation_nothing_is_released(judged: Candidate) -> None:
    """Without an evaluation nothing is released."""
    run = judged.path.parent.parent
    report = run_gate(candidate(judged.actor, path=judged.path, evaluation=None), load_gate())
    verdicts = {finding.check: finding.verdict for finding in report.findings}
    assert verdicts["weights_unchanged"] == verdicts["evaluation_floor"] == "unknown"
    save_report(report, run)
    with pytest.raises(CheckpointError, match="unknown"):
        release(run, judged.path, judged.weights)


def test_a_run_that_was_not_judged_is_not_released(judged: Candidate) -> None:
    """A run that was not judged is not released."""
    with pytest.raises(CheckpointError, match="not judged"):
        release(judged.path.parent.parent, judged.path, judged.weights)


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data.update(passed=True),
        lambda data: data["findings"].pop(),
        lambda data: data["findings"][-1].update(verdict="holds"),
        lambda data: data.update(weights_sha256="0" * 64),
        lambda data: data.pop("sha256"),
    ],
)
def test_an_edited_report_is_refused(judged: Candidate, change) -> None:
    """An edited report is refused."""
    run = judged.path.parent.parent
    floor = [CheckSpec("weights_finite"), CheckSpec("evaluation_floor", {"floor": 1e9})]
    save_report(run_gate(judged, floor), run)
    edit(run / "gate.json", change)
    with pytest.raises(CheckpointError, match="not what the gate wrote"):
        release(run, judged.path, judged.weights)
    with pytest.raises(CheckpointError, match="not what the gate wrote"):
        load_report(run)


def test_other_weights_are_not_released(judged: Candidate) -> None:
    """Other weights are not released."""
    run = pass_gate(judged)
    other = {key: value + 1 for key, value in judged.weights.items()}
    with pytest.raises(CheckpointError, match="not those the gate judged"):
        release(run, judged.path, other)


def test_changed_weights_of_a_release_are_refused(judged: Candidate) -> None:
    """Changed weights of a release are refused."""
    run = released(judged)
    other = {key: value + 1 for key, value in judged.weights.items()}
    with pytest.raises(CheckpointError, match="not those the gate judged"):
        verify_released(run, other)


@pytest.mark.parametrize("name", ["agent.safetensors", "gate.json", "extra"])
def test_a_touched_file_is_refused(judged: Candidate, name: str) -> None:
    """A touched file is refused."""
    run = released(judged)
    (run / "checkpoints" / "released" / name).write_bytes(b"other")
    with pytest.raises(CheckpointError, match="files were changed"):
        verify_released(run)


def test_a_missing_file_or_folder_is_refused(judged: Candidate) -> None:
    """A missing file or folder is refused."""
    run = released(judged)
    (run / "checkpoints" / "released" / "agent.safetensors").unlink()
    with pytest.raises(CheckpointError, match="files were changed"):
        verify_released(run)


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data.update(weights_sha256="0" * 64),
        lambda data: data.update(version=3),
        lambda data: data.update(files={}),
    ],
)
def test_an_edited_marker_is_refused(judged: Candidate, change) -> None:
    """An edited marker is refused."""
    run = released(judged)
    edit(run / "released.json", change)
    with pytest.raises(CheckpointError):
        verify_released(run)


def test_a_marker_that_is_no_json_is_refused(judged: Candidate) -> None:
    """A marker that is no json is refused."""
    run = released(judged)
    (run / "released.json").write_text("{")
    with pytest.raises(CheckpointError, match="Cannot read"):
        verify_released(run)


def test_a_release_replaces_the_one_before(judged: Candidate) -> None:
    """A release replaces the one before."""
    run = released(judged)
    (judged.path / "agent.safetensors").unlink()  # a new file: the old one is linked
    (judged.path / "agent.safetensors").write_bytes(b"better weights")
    release(run, judged.path, judged.weights, leave_out=["replay.safetensors"])
    assert (verify_released(run) / "agent.safetensors").read_bytes() == b"better weights"


def test_a_later_candidate_that_fails_leaves_the_release(judged: Candidate) -> None:
    """A later candidate that fails leaves the release."""
    run = released(judged)
    before = {file.name: file.read_bytes() for file in verify_released(run).iterdir()}
    report = run_gate(judged, [CheckSpec("no_such_check")])
    save_report(report, run)
    assert not report.passed
    folder = verify_released(run, judged.weights)
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == before


def test_a_crash_in_the_middle_leaves_no_release(
    judged: Candidate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A crash in the middle leaves no release."""
    run = released(judged)
    monkeypatch.setattr("daneel.alignment.released._hashes", lambda folder: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        release(run, judged.path, judged.weights)
    assert not is_released(run)
    with pytest.raises(CheckpointError, match="no released checkpoint"):
        verify_released(run)


def test_withdrawing_takes_the_release_back(judged: Candidate) -> None:
    """Withdrawing takes the release back."""
    run = released(judged)
    withdraw(run)
    withdraw(run)  # nothing to do the second time
    assert not is_released(run) and judged.path.is_dir()


def test_a_report_of_another_version_is_refused(judged: Candidate) -> None:
    """A report of another version is refused."""
    run = pass_gate(judged)
    report = load_report(run)
    assert isinstance(report, GateReport)
    from daneel.alignment import report as module

    body = {**{k: v for k, v in to_dict(report).items() if k != "sha256"}, "version": 3}
    (run / "gate.json").write_text(json.dumps({**body, "sha256": module._digest(body)}))
    with pytest.raises(CheckpointError, match="another version"):
        load_report(run)
