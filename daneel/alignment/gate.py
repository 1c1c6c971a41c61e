"""The gate: a list of checks, run on a candidate.

It fails closed. A check that is unknown, crashes or returns nonsense is a finding `unknown`; only a
report with at least one finding, all of which hold, has passed. The report names every file that
the verdicts were read from, with its hash.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from daneel import config
from daneel.alignment.candidate import Candidate
from daneel.alignment.checks import CHECKS, property_files
from daneel.alignment.finding import VERDICTS, Finding, ReadsFiles
from daneel.alignment.hashing import file_hash, weights_hash
from daneel.alignment.report import GateReport
from daneel.errors import ConfigError, DaneelError

CONFIG = "config.yaml"
"""The configuration in the run folder: what the weights are the weights of."""


@dataclass(frozen=True)
class CheckSpec:
    """One line of a gate's list."""

    name: str
    """Name in the registry of checks."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Fields of the check's dataclass."""


def load_gate(name: str = "default") -> list[CheckSpec]:
    """The checks of a shipped gate, or of a `.yaml` file.

    The file has `checks:`, a list whose items are `name` or `name: {option: value}`.

    Raises:
        ConfigError: No such gate, or a list that is empty or not of this form.
    """
    if name.endswith((".yaml", ".yml")):
        data, origin = config.load_yaml(name), name
    else:
        data, origin = _shipped(name), f"The gate {name!r}"
    checks = data.get("checks")
    if set(data) != {"checks"} or not isinstance(checks, list) or not checks:
        raise ConfigError(f"{origin} must hold `checks:` with a list of at least one check.")
    return [_spec(item, origin) for item in checks]


def gate_names() -> list[str]:
    """Names of the shipped gates, sorted."""
    found = (item.name for item in _folder().iterdir())
    return sorted(name.removesuffix(".yaml") for name in found if name.endswith(".yaml"))


def _folder() -> Traversable:
    return resources.files("daneel") / "configs" / "gates"


def _shipped(name: str) -> dict[str, Any]:
    if name not in gate_names():
        raise ConfigError(
            f"There is no gate {name!r}. Expected one of {', '.join(gate_names())}, or the path of "
            "a .yaml file. Type `daneel gate --help`."
        )
    text = (_folder() / f"{name}.yaml").read_text(encoding="utf-8")
    return config.parse_yaml(text, origin=f"The gate {name!r}")


def _spec(item: Any, origin: str) -> CheckSpec:
    if isinstance(item, str):
        return CheckSpec(item)
    if isinstance(item, Mapping) and len(item) == 1:
        ((name, options),) = item.items()
        if isinstance(name, str) and isinstance(options or {}, Mapping):
            return CheckSpec(name, dict(options or {}))
    raise ConfigError(f"{origin} has the check {item!r}. Expected `name` or `name: {{option: 1}}`.")


def run_gate(
    candidate: Candidate, checks: Sequence[CheckSpec], gate: str = "a list in memory"
) -> GateReport:
    """Run every check, whatever the others say, and report.

    What lies in RUN/properties is proved too, whether the list asks for it or not.

    Args:
        candidate: What is judged.
        checks: The list.
        gate: Its name, or the path of the file that it came from.
    """
    inputs = _hashes(candidate, [candidate.run / CONFIG])
    if gate.endswith((".yaml", ".yml")):
        inputs |= _hashes(candidate, [Path(gate).absolute()])
    if property_files(candidate.run) and all(spec.name != "properties" for spec in checks):
        checks = [*checks, CheckSpec("properties")]
    findings = [_run_check(candidate, spec, inputs) for spec in checks]
    return GateReport(
        checkpoint=candidate.path.name,
        weights_sha256=weights_hash(candidate.weights),
        box_source=candidate.box_source,
        box_low=tuple(float(value) for value in candidate.box_low),
        box_high=tuple(float(value) for value in candidate.box_high),
        findings=tuple(findings),
        gate=gate,
        checks=tuple({"name": spec.name, "options": dict(spec.options)} for spec in checks),
        evaluation=None if candidate.evaluation is None else dict(candidate.evaluation),
        inputs=inputs,
    )


def _hashes(candidate: Candidate, paths: Iterable[Path]) -> dict[str, str]:
    """SHA-256 of those that are there; relative to the run folder where they lie in it."""
    return {_name(candidate, path): file_hash(path) for path in paths if path.is_file()}


def _name(candidate: Candidate, path: Path) -> str:
    inside = path.is_relative_to(candidate.run)
    return (path.relative_to(candidate.run) if inside else path).as_posix()


def _run_check(candidate: Candidate, spec: CheckSpec, inputs: dict[str, str]) -> Finding:
    """One finding; what the check reads is added to the inputs, hashed before it is read."""
    began = time.perf_counter()
    try:
        check = config.from_dict(CHECKS.load(spec.name), spec.options)
        if isinstance(check, ReadsFiles):
            inputs |= _hashes(candidate, check.inputs(candidate))
        finding = _sane(check(candidate), spec)
    except DaneelError as error:
        finding = Finding(spec.name, "unknown", detail=str(error))
    except Exception as error:  # fails closed: a crash must never read as a pass
        detail = f"The check crashed: {type(error).__name__}: {error}"
        finding = Finding(spec.name, "unknown", detail=detail)
    return replace(finding, seconds=round(time.perf_counter() - began, 3))


def _sane(finding: Any, spec: CheckSpec) -> Finding:
    if not isinstance(finding, Finding) or finding.verdict not in VERDICTS:
        return Finding(spec.name, "unknown", detail=f"The check returned {finding!r}, no finding.")
    if finding.verdict == "violated" and finding.witness is None:
        detail = f"Violated without a witness: {finding.detail}"
        return replace(finding, check=spec.name, verdict="unknown", detail=detail)
    figure = finding.figure
    is_number = figure is not None and math.isfinite(figure)
    return replace(finding, check=spec.name, figure=figure if is_number else None)
