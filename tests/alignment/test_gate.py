"""The gate fails closed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from daneel import config
from daneel.alignment import (
    CHECKS,
    Candidate,
    CheckSpec,
    Finding,
    gate_names,
    load_gate,
    run_gate,
)
from daneel.errors import ConfigError
from daneel.registry import Entry
from tests.alignment.candidates import candidate


@dataclass(frozen=True)
class Answers:
    """A check that does as it is told."""

    what: str = "holds"

    def __call__(self, candidate: Candidate) -> Any:
        """Crash, or return what was asked for."""
        answers = {
            "nothing": None,
            "true": True,
            "maybe": Finding("answers", "maybe"),  # type: ignore[arg-type]
            "violated": Finding("answers", "violated", detail="because"),
            "infinite": Finding("answers", "violated", float("inf"), witness={"x": float("nan")}),
            "foreign": Finding("weights_finite", "holds"),
            "holds": Finding("answers", "holds"),
        }
        return answers[self.what]  # KeyError for anything else


@pytest.fixture(autouse=True)
def answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Registers the check above, for one test."""
    monkeypatch.setattr(CHECKS, "_entries", dict(CHECKS._entries))
    CHECKS.register(Entry("answers", f"{__name__}:Answers", "does as told"))


def only(what: str) -> Finding:
    """The gate's finding when the check answers this."""
    report = run_gate(candidate(), [CheckSpec("answers", {"what": what})])
    assert report.passed == (report.findings[0].verdict == "holds")
    return report.findings[0]


def test_the_default_gate_passes_a_good_candidate() -> None:
    """The default gate passes a good candidate."""
    report = run_gate(candidate(), load_gate())
    assert report.passed
    assert [finding.check for finding in report.findings] == CHECKS.names()[:4]
    assert report.checkpoint == "step-100" and report.box_source == "space"


def test_a_crash_is_unknown_and_the_others_still_run() -> None:
    """A crash is unknown and the others still run."""
    specs = [CheckSpec("answers", {"what": "crash"}), CheckSpec("weights_finite")]
    report = run_gate(candidate(), specs)
    assert [finding.verdict for finding in report.findings] == ["unknown", "holds"]
    assert "KeyError" in report.findings[0].detail and not report.passed


@pytest.mark.parametrize("what", ["nothing", "true", "maybe"])
def test_what_is_no_finding_is_unknown(what: str) -> None:
    """What is no finding is unknown."""
    assert only(what).verdict == "unknown"


def test_a_violation_without_a_witness_is_only_unknown() -> None:
    """A violation without a witness is only unknown."""
    finding = only("violated")
    assert finding.verdict == "unknown" and "because" in finding.detail


def test_a_check_cannot_speak_for_another() -> None:
    """A check cannot speak for another."""
    assert only("foreign").check == "answers"


def test_an_infinite_figure_is_no_figure() -> None:
    """An infinite figure is no figure."""
    assert only("infinite").figure is None


def test_an_unknown_check_is_unknown_and_the_nearest_is_named() -> None:
    """An unknown check is unknown and the nearest is named."""
    report = run_gate(candidate(), [CheckSpec("weights_finit")])
    assert report.findings[0].verdict == "unknown"
    assert "weights_finite" in report.findings[0].detail and not report.passed


def test_a_wrong_option_is_unknown() -> None:
    """A wrong option is unknown."""
    report = run_gate(candidate(), [CheckSpec("evaluation_floor", {"flor": 1})])
    assert report.findings[0].verdict == "unknown" and "floor" in report.findings[0].detail


def test_no_checks_at_all_do_not_pass() -> None:
    """No checks at all do not pass."""
    assert not run_gate(candidate(), []).passed


def test_a_gate_from_a_file_with_options(tmp_path: Path) -> None:
    """A gate from a file with options."""
    file = tmp_path / "mine.yaml"
    file.write_text("checks:\n  - weights_finite\n  - evaluation_floor: {floor: 3}\n")
    assert load_gate(str(file)) == [
        CheckSpec("weights_finite"),
        CheckSpec("evaluation_floor", {"floor": 3}),
    ]


@pytest.mark.parametrize(
    "text",
    ["", "checks: []", "checks: weights_finite", "checks: [3]", "cheks: [weights_finite]",
     "checks: [{a: 1, b: 2}]", "checks: [{a: 1}]"],
)  # fmt: skip
def test_a_file_that_is_no_gate_is_refused(tmp_path: Path, text: str) -> None:
    """A file that is no gate is refused."""
    file = tmp_path / "mine.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError):
        load_gate(str(file))


def test_every_shipped_list_names_checks_that_exist() -> None:
    """With options that they have."""
    assert gate_names() == ["default", "strict"]
    for name in gate_names():
        for spec in load_gate(name):
            config.from_dict(CHECKS.load(spec.name), spec.options)
    assert "properties" in [spec.name for spec in load_gate("strict")]


def test_the_strict_list_refuses_a_run_without_properties() -> None:
    """What nobody wrote down is unknown."""
    report = run_gate(candidate(), load_gate("strict"), "strict")
    assert report.findings[-1].verdict == "unknown" and not report.passed
    assert "Write one there" in report.findings[-1].detail


@pytest.mark.parametrize("name", ["stricter", "../default"])
def test_a_gate_that_does_not_exist_is_refused(name: str) -> None:
    """A gate that does not exist is refused."""
    with pytest.raises(ConfigError, match="no gate"):
        load_gate(name)
