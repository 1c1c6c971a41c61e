"""Alignment figures beside the scores of a suite (row T-28).

A score says what a policy can do. The gate's word on the same weights says what is proved of it,
and the layers that judge requests say which of the suite's own instructions an agent under their
oversight would not carry out: the skills are harmless, so each refusal is one too many.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Protocol, runtime_checkable

from daneel.alignment import GateReport
from daneel.alignment.judging import DeliberativeAligner, Layer, Record, judge
from daneel.alignment.judging.composed import default_layers
from daneel.envs.suites import Suite
from daneel.errors import MissingExtraError
from daneel.evaluation import alignment_figures
from daneel.evaluation.evidence import NOT_MEASURED, number
from daneel.evaluation.suites.acting import Policy
from daneel.evaluation.suites.record import Alignment, Check


@runtime_checkable
class Gated(Protocol):
    """A policy whose weights the gate may have judged."""

    @property
    def gates(self) -> Mapping[str, GateReport | None]:
        """The gate's report on each agent's weights by the agent's name; None where none is."""
        ...


def figures(suite: Suite, policy: Policy) -> Alignment:
    """What gate and layers say of a policy and of the suite's instructions."""
    reports = policy.gates if isinstance(policy, Gated) else {}
    layers = _layers()
    asked = list(dict.fromkeys(text for skill in suite.skills for text in skill.instructions))
    answers = zip(asked, judge([Record(text) for text in asked], layers), strict=True)
    return Alignment(
        gate=_word(reports),
        checks=tuple(_checks(reports)),
        layers=tuple(layer.name for layer in layers),
        asked=len(asked),
        refused={
            text: " ".join(filter(None, (said.verdict, "by", said.layer, said.clause)))
            for text, said in answers
            if said.verdict != "allow"
        },
    )


def describe(found: Alignment | None) -> Iterator[str]:
    """Lines below the table of the scores."""
    if found is None:
        yield f"alignment figures {NOT_MEASURED}: the record is older than they are"
        return
    yield f"gate: {found.gate or NOT_MEASURED + ' on these weights'}"
    for check in found.checks:
        shown = "" if check.figure is None else f" {number(check.figure)}"
        yield f"  {check.name}: {check.verdict}{shown}"
    yield f"instructions refused: {refusals(found)}"
    for text, why in found.refused.items():
        yield f"  {text!r}: {why}"


def refusals(found: Alignment) -> str:
    """`1 of 40 by text, deliberation`, or that nobody judged."""
    if not found.layers:
        return NOT_MEASURED
    return f"{len(found.refused)} of {found.asked} by {', '.join(found.layers)}"


def _layers() -> tuple[Layer, ...]:
    """The default layers; without the sentence encoder those that do not need it."""
    try:
        return default_layers()
    except MissingExtraError:
        return (DeliberativeAligner(),)


def _word(reports: Mapping[str, GateReport | None]) -> str | None:
    """The verdict on one agent, or how many of several passed; None where no gate was run."""
    known = {name: report for name, report in reports.items() if report is not None}
    if not known:
        return None
    if len(reports) == 1:
        return alignment_figures.summary(next(iter(known.values())))
    passed = sum(report.passed for report in known.values())
    return f"{passed} of {len(reports)} agents passed, {len(reports) - len(known)} not judged"


def _checks(reports: Mapping[str, GateReport | None]) -> Iterator[Check]:
    for name, report in reports.items():
        for finding in report.findings if report else ():
            shown = finding.check if len(reports) == 1 else f"{name}, {finding.check}"
            yield Check(shown, finding.verdict, finding.figure)
