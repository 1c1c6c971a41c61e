"""Properties of a run: proved, violated with a witness, undecided, missing, changed later."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from daneel.alignment import (
    CHECKS,
    Candidate,
    CheckSpec,
    Finding,
    load_gate,
    output_bounds,
    release,
    run_gate,
    save_report,
    verify_released,
)
from daneel.alignment.checks import Properties
from daneel.errors import CheckpointError, ConfigError
from tests.alignment.candidates import candidate

HOLDS = "inputs: declared\noutputs: {low: [-1, -1], high: [1, 1]}\n"
VIOLATED = "inputs: declared\noutputs: {high: [0.0001, 2]}\n"


@pytest.fixture
def judged(tmp_path: Path) -> Candidate:
    """A candidate in a run folder with a folder of properties."""
    checkpoint = tmp_path / "run" / "checkpoints" / "step-100"
    checkpoint.mkdir(parents=True)
    (checkpoint / "agent.safetensors").write_bytes(b"weights")
    (tmp_path / "run" / "properties").mkdir()
    torch.manual_seed(0)  # nn.Linear has no generator argument
    actor = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 2), nn.Tanh())
    return candidate(actor, path=checkpoint)


def write(judged: Candidate, name: str, text: str) -> Path:
    """A property of the run."""
    path = judged.run / "properties" / name
    path.write_text(text)
    return path


def found(judged: Candidate, seconds: float = 20.0) -> Finding:
    """The check's word."""
    return run_gate(judged, [CheckSpec("properties", {"seconds": seconds})]).findings[0]


def test_what_is_proved_holds_and_is_counted(judged: Candidate) -> None:
    """Two files, two proofs."""
    write(judged, "bounds.yaml", HOLDS)
    write(judged, "again.yml", HOLDS)
    finding = found(judged)
    assert finding.verdict == "holds" and finding.figure == 2
    assert "again, bounds" in finding.detail


def test_a_violation_has_a_witness_that_replays(judged: Candidate) -> None:
    """The input is in the box, and the float32 network does it."""
    write(judged, "bounds.yaml", HOLDS)
    write(judged, "small.yaml", VIOLATED)
    finding = found(judged)
    assert finding.verdict == "violated" and finding.witness is not None
    assert finding.witness["file"] == "small.yaml"
    observation = torch.tensor([finding.witness["input"]], dtype=torch.float32)
    assert (observation.abs() <= 2).all() and judged.actor(observation)[0, 0] > 0.0001


def test_what_is_not_decided_is_unknown_and_never_released(judged: Candidate) -> None:
    """No time, no pass."""
    low, high = (torch.from_numpy(end) for end in (judged.box_low, judged.box_high))
    most = float(output_bounds(judged.actor, low, high)[1][0])  # so much intervals can prove
    write(judged, "tight.yaml", f"inputs: declared\nunsafe:\n  - y0 >= {most - 1e-3}\n")
    finding = found(judged, seconds=1e-9)
    assert finding.verdict == "unknown" and "tight.yaml" in finding.detail
    save_report(run_gate(judged, [CheckSpec("properties", {"seconds": 1e-9})]), judged.run)
    with pytest.raises(CheckpointError, match="properties unknown"):
        release(judged.run, judged.path, judged.weights)


@pytest.mark.parametrize(
    "text", ["", "inputs: 3\n", HOLDS.replace("[1, 1]", "[1]"), "inputs: declared\nunsafe: [z0]\n"]
)
def test_a_file_that_is_no_property_is_unknown(judged: Candidate, text: str) -> None:
    """A misspelt property must not be a property less."""
    write(judged, "bad.yaml", text)
    assert found(judged).verdict == "unknown"


def test_a_file_that_is_missing_is_unknown(judged: Candidate) -> None:
    """One that the list names."""
    report = run_gate(judged, [CheckSpec("properties", {"files": ["properties/none.yaml"]})])
    assert report.findings[0].verdict == "unknown"


def test_properties_count_whatever_the_list_says(judged: Candidate) -> None:
    """The default list does not ask for them; a run that has them is held to them."""
    assert len(run_gate(judged, load_gate()).findings) == 4
    write(judged, "small.yaml", VIOLATED)
    report = run_gate(judged, load_gate())
    assert report.findings[-1].check == "properties" and not report.passed


def test_a_property_that_changes_after_the_release_takes_it_back(judged: Candidate) -> None:
    """Changed, removed: refused. One that is added asks for a new judgement of its own."""
    path = write(judged, "bounds.yaml", HOLDS)
    save_report(run_gate(judged, [CheckSpec("properties")]), judged.run)
    release(judged.run, judged.path, judged.weights)
    verify_released(judged.run, judged.weights)
    path.write_text(HOLDS + "# easier\n")
    with pytest.raises(CheckpointError, match=r"bounds\.yaml', which was changed since"):
        verify_released(judged.run)
    path.unlink()
    with pytest.raises(CheckpointError, match="which was changed since"):
        verify_released(judged.run)
    path.write_text(HOLDS)
    verify_released(judged.run)


def test_a_property_that_changes_between_gate_and_release_is_refused(judged: Candidate) -> None:
    """Nothing slips in between."""
    path = write(judged, "bounds.yaml", HOLDS)
    save_report(run_gate(judged, [CheckSpec("properties")]), judged.run)
    path.write_text(VIOLATED)
    with pytest.raises(CheckpointError, match="which was changed since"):
        release(judged.run, judged.path, judged.weights)


def test_options_are_checked() -> None:
    """No time at all would decide nothing."""
    assert CHECKS.load("properties") is Properties
    with pytest.raises(ConfigError, match="seconds"):
        Properties(seconds=0)
