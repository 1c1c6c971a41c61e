"""What the gate said about the weights that a table of results is about.

A score without the gate's word on the same weights is half an answer, so every table of an
evaluation carries these lines: the verdict of each check with its figure.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from daneel.alignment import Finding, GateReport, load_report
from daneel.evaluation.evidence import NOT_MEASURED, number


def judged(run: Path, weights_sha256: str) -> GateReport | None:
    """The gate's report on exactly these weights; None where it judged others, or none.

    The report in the run folder is of the last candidate; a release keeps its own.

    Raises:
        CheckpointError: A report was edited.
    """
    for folder in (run, run / "checkpoints" / "released"):
        report = load_report(folder)
        if report is not None and report.weights_sha256 == weights_sha256:
            return report
    return None


def figure(finding: Finding) -> str:
    """The number behind a verdict, empty where it has none."""
    return "" if finding.figure is None else number(finding.figure)


def seconds(finding: Finding) -> str:
    """How long a check took."""
    return f"{finding.seconds:.2f} s"


def summary(report: GateReport) -> str:
    """`passed, 4 of 4 checks hold`."""
    verdicts = [finding.verdict for finding in report.findings]
    held = f"{verdicts.count('holds')} of {len(verdicts)} checks hold"
    return f"{'passed' if report.passed else 'refused'}, {held}"


def describe(report: GateReport | None, run: Path) -> str:
    """Lines for the terminal, below the scores of an evaluation."""
    if report is None:
        return f"gate    {NOT_MEASURED}: type `daneel gate {run}`"
    return "\n".join([f"gate    {summary(report)}", *_lines(report)])


def _lines(report: GateReport) -> Iterator[str]:
    width = max(len(finding.check) for finding in report.findings) if report.findings else 0
    for finding in report.findings:
        line = f"        {finding.check:<{width}}  {finding.verdict:<8}  {figure(finding)}"
        yield line.rstrip()
