"""What the gate writes down, so that it can be trusted later.

`gate.json` carries a SHA-256 of its own content, so an edit is noticed. That alone protects from
mistakes: whoever can write the folder can also recompute it. What a release stands on is a copy of
it that is signed (`daneel.alignment.released`).
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from daneel import config
from daneel.alignment.finding import Finding
from daneel.alignment.hashing import canonical_json
from daneel.errors import CheckpointError
from daneel.files import replace_text

FILE = "gate.json"
"""Name of the report in the run folder."""

VERSION = 2
"""Version of `gate.json`: 2 holds the evidence and what the verdict was read from."""

WITNESSES = "witnesses"
"""Folder of the run with one file for each violation."""


@dataclass(frozen=True)
class GateReport:
    """What the gate found."""

    checkpoint: str
    """Name of the checkpoint judged."""
    weights_sha256: str
    """Hash of the weights judged."""
    box_source: str
    """Where the declared observation box comes from."""
    box_low: tuple[float, ...]
    """Its lower corner."""
    box_high: tuple[float, ...]
    """Its upper corner."""
    findings: tuple[Finding, ...]
    """One per check, in the order of the list."""
    gate: str = ""
    """Name or path of the list of checks."""
    checks: tuple[dict[str, Any], ...] = ()
    """The list as it was applied: name and options of each check."""
    evaluation: dict[str, Any] | None = None
    """The evidence: the evaluation that was judged."""
    inputs: dict[str, str] = field(default_factory=dict)
    """SHA-256 of each file that was read: configuration, properties, list of checks. Paths are
    relative to the run folder where they lie in it."""

    @property
    def passed(self) -> bool:
        """At least one check, and every one holds."""
        return bool(self.findings) and all(f.verdict == "holds" for f in self.findings)

    @property
    def seconds(self) -> float:
        """Wall time of all checks."""
        return sum(finding.seconds for finding in self.findings)


def to_dict(report: GateReport) -> dict[str, Any]:
    """The report as plain data that JSON can hold, with its verdict and its own SHA-256."""
    body = {"version": VERSION, "passed": report.passed, **config.to_dict(report)}
    body = _jsonable(body)
    return {**body, "sha256": _digest(body)}


def from_dict(data: Mapping[str, Any], origin: str = FILE) -> GateReport:
    """The inverse of `to_dict`.

    Raises:
        CheckpointError: The content was edited, is of a newer version or is not a gate report.
    """
    body = {key: value for key, value in data.items() if key != "sha256"}
    if data.get("sha256") != _digest(body):
        raise CheckpointError(
            f"{origin} is not what the gate wrote: its content does not match its own SHA-256. "
            "Expected an unedited report. Type `daneel gate RUN` to judge the run again."
        )
    if body.pop("version", None) != VERSION:
        raise CheckpointError(
            f"{origin} is of another version. This Daneel reads version {VERSION}. "
            "Type `daneel gate RUN` to judge the run again."
        )
    passed = body.pop("passed", None)
    report = config.from_dict(GateReport, body)
    if passed != report.passed:
        raise CheckpointError(
            f"{origin} says passed: {passed}, but its findings say otherwise. Expected an unedited "
            "report. Type `daneel gate RUN` to judge the run again."
        )
    return report


def save_report(report: GateReport, run: str | os.PathLike[str]) -> Path:
    """Write `gate.json` into the run folder, and a file for each witness; return its path."""
    path = Path(run) / FILE
    write_json(path, to_dict(report))
    _save_witnesses(report, Path(run) / WITNESSES)
    return path


def witness_path(report: GateReport, index: int) -> Path | None:
    """Where the witness of a finding is, below the run folder; None where there is none."""
    finding = report.findings[index]
    if finding.witness is None:
        return None
    before = sum(earlier.check == finding.check for earlier in report.findings[:index])
    return Path(WITNESSES) / f"{finding.check}{f'-{before + 1}' if before else ''}.json"


def _save_witnesses(report: GateReport, folder: Path) -> None:
    """One file for each; those of an earlier report go."""
    for old in folder.glob("*.json"):
        old.unlink()
    for index, finding in enumerate(report.findings):
        path = witness_path(report, index)
        if path is not None:
            folder.mkdir(exist_ok=True)
            body = {"check": finding.check, "detail": finding.detail, "witness": finding.witness}
            body |= {"checkpoint": report.checkpoint, "weights_sha256": report.weights_sha256}
            write_json(folder / path.name, _jsonable(body))


def load_report(run: str | os.PathLike[str]) -> GateReport | None:
    """The report in a run folder, or None where the gate has not been run, or only an older one.

    Raises:
        CheckpointError: It was edited, or is no gate report.
    """
    path = Path(run) / FILE
    if not path.exists():
        return None
    data = read_json(path)
    body = {key: value for key, value in data.items() if key != "sha256"}
    is_old = body.get("version") == 1 and data.get("sha256") == _digest(body)
    return None if is_old else from_dict(data, str(path))


def write_json(path: Path, data: Mapping[str, Any]) -> None:
    """Write indented JSON, atomically; its folder exists."""
    replace_text(path, json.dumps(data, indent=2, allow_nan=False) + "\n")


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file of the gate.

    Raises:
        CheckpointError: Unreadable, or not an object.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CheckpointError(
            f"Cannot read {str(path)!r}: {error}. Expected the JSON that the gate wrote. "
            "Type `daneel gate RUN` to write it again."
        ) from error
    if not isinstance(data, dict):
        raise CheckpointError(f"{str(path)!r} holds {type(data).__name__}. Expected an object.")
    return data


def _digest(body: Mapping[str, Any]) -> str:
    return hashlib.sha256(canonical_json(body)).hexdigest()


def _jsonable(value: Any) -> Any:
    """Numbers that JSON has no word for, as text: a witness may hold NaN."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, Mapping):
        return {str(key): _jsonable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_jsonable(item) for item in value]
    return value
