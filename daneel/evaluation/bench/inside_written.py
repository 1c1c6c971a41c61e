"""Contradictions in traces written by hand-made writers, and alarms on texts of real people (T-61).

The finder was frozen before each generator of writers was written; the first figure of each is in
the records as "held out". Real texts: step lists of people who described household tasks (ALFRED)
and paragraphs of Wikipedia (WikiText-2). They are taken to be free of contradictions.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Sequence

from daneel.alignment.traces import ReasoningDebugger
from daneel.evaluation import datasets
from daneel.evaluation.bench.inside import Options, figure
from daneel.evaluation.bench.inside_sheets import ALL as SIXTH
from daneel.evaluation.bench.inside_voices import Write, generate
from daneel.evaluation.bench.inside_voices_more import ALL as FIFTH
from daneel.evaluation.evidence import Evidence

ROW = "T-61 contradictions"
GENERATORS: tuple[tuple[str, Sequence[Write]], ...] = (
    ("fifth generator (mended on)", FIFTH),
    ("sixth generator (held out)", SIXTH),
)


def measure(options: Options) -> list[Evidence]:
    """Found and falsely found with every generator, then alarms on real texts."""
    found: list[Evidence] = []
    for subject, writers in GENERATORS:
        found += _figures(options, subject, writers)
    texts = (
        ("household steps of people (ALFRED)", _household(), options.sized(1000, 5)),
        ("paragraphs of Wikipedia (WikiText-2)", _encyclopedia(), options.sized(800, 5)),
    )
    for subject, traces, count in texts:
        found += _alarms(subject, traces[:count])
    return found


def _figures(options: Options, subject: str, writers: Sequence[Write]) -> list[Evidence]:
    """As many contradictory traces as consistent ones."""
    count, debugger = options.sized(400, 10), ReasoningDebugger()
    found, alarms, unread, steps = 0, 0, 0, 0
    missed: dict[str, int] = {}
    for i in range(count):
        trace = generate(1000 * options.seed + i, True, writers)
        conflicts = debugger.debug(trace.steps).conflicts
        hit = any(trace.against in conflict.steps for conflict in conflicts)
        found += hit
        if not hit:
            missed[trace.kind] = missed.get(trace.kind, 0) + 1
        consistent = generate(500_000 + 1000 * options.seed + i, False, writers)
        report = debugger.debug(consistent.steps)
        alarms += bool(report.conflicts)
        unread, steps = unread + len(report.unread), steps + report.steps
    details = {"traces of each sort": count, "missed by writer": missed}
    return [
        figure(ROW, "contradictions found", subject, 100 * found / count, "%", 80, details=details),
        figure(ROW, "false alarms", subject, 100 * alarms / count, "%", 5, "lower"),
        figure(ROW, "steps that could not be read", subject, 100 * unread / steps, "%"),
    ]


def _alarms(subject: str, traces: Iterable[list[str]]) -> list[Evidence]:
    reports = [ReasoningDebugger().debug(steps) for steps in traces]
    alarms = sum(bool(report.conflicts) for report in reports)
    unread, steps = sum(len(r.unread) for r in reports), sum(r.steps for r in reports)
    details = {"texts": len(reports), "steps that could not be read, %": 100 * unread / steps}
    share = 100 * alarms / len(reports)
    return [figure(ROW, "false alarms", subject, share, "%", 5, "lower", details=details)]


def _household() -> list[list[str]]:
    """The second half of the file: the first was looked at while the reader was built."""
    path = datasets.locate("safety/alfred_benign") / "alfred_benign.csv"
    with path.open(encoding="utf-8", newline="") as file:
        rows = [row["steps"] for row in csv.DictReader(file)]
    return [_split(row) for row in rows[1000:]]


def _encyclopedia() -> list[list[str]]:
    """Paragraphs of the test text, with its marks of tokens undone."""
    path = datasets.locate("text/wikitext2") / "test.txt"
    lines = (line.strip() for line in path.read_text(encoding="utf-8").splitlines())
    texts = (line for line in lines if len(line) > 200 and not line.startswith("="))
    return [_split(re.sub(r" ([,.;:)'])", r"\1", re.sub(r" @(.)@ ", r"\1", t))) for t in texts]


def _split(text: str) -> list[str]:
    return [step for step in re.split(r"(?<=\.)\s+", text) if step.strip()]
