"""What the gate writes down, so that it can be trusted later.

`gate.json` carries a SHA-256 of its own content, so an edit is noticed. That is no signature:
whoever can write the folder can also recompute it. It protects from mistakes, not from an attacker.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from daneel import config
from daneel.alignment.finding import Finding
from daneel.errors import CheckpointError
from daneel.files import replace_text

FILE = "gate.json"
"""Name of the report in the run folder."""

VERSION = 1
"""Version of `gate.json`."""


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

    @property
    def passed(self) -> bool:
        """At least one check, and every one holds."""
        return bool(self.findings) and all(f.verdict == "holds" for f in self.findings)


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
    if body.pop("version") != VERSION:
        raise CheckpointError(
            f"{origin} is of another version. This Daneel reads version {VERSION}. "
            "Type `daneel gate RUN` to judge the run again."
        )
    passed = body.pop("passed")
    report = config.from_dict(GateReport, body)
    if passed != report.passed:
        raise CheckpointError(f"{origin} says passed: {passed}, but its findings say otherwise.")
    return report


def save_report(report: GateReport, run: str | os.PathLike[str]) -> Path:
    """Write `gate.json` into the run folder, atomically, and return its path."""
    path = Path(run) / FILE
    write_json(path, to_dict(report))
    return path


def load_report(run: str | os.PathLike[str]) -> GateReport | None:
    """The report in a run folder, or None where the gate has not been run.

    Raises:
        CheckpointError: It was edited, or is no gate report.
    """
    path = Path(run) / FILE
    return from_dict(read_json(path), str(path)) if path.exists() else None


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
    text = json.dumps(body, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _jsonable(value: Any) -> Any:
    """Numbers that JSON has no word for, as text: a witness may hold NaN."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, Mapping):
        return {str(key): _jsonable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_jsonable(item) for item in value]
    return value
