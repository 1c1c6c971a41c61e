"""`daneel bench inside`: circuits, traces of long runs, edits, attacks, reasoning traces.

Each part is a module with `measure(options) -> list[Evidence]` and is recorded when it is done. The
bars are those of rows L-6, T-57, T-60 and T-61.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

from daneel.evaluation import evidence, provenance
from daneel.evaluation.bench import parts
from daneel.evaluation.evidence import Evidence
from daneel.registry import Entry, Registry

BENCH = "inside"
_HERE = "daneel.evaluation.bench"
PARTS = Registry(
    "part of the inside bench",
    Entry("circuits", f"{_HERE}.inside_circuits:measure", "planted heads and channels (L-6)"),
    Entry("trained", f"{_HERE}.inside_trained:measure", "circuits that training made (L-6)"),
    Entry("traces-1m", f"{_HERE}.inside_long:measure", "attention over a million tokens (T-10)"),
    Entry("editing", f"{_HERE}.inside_editing:measure", "rank-one edits of known facts (T-60)"),
    Entry("robustness", f"{_HERE}.inside_robustness:measure", "attacks, certificates (T-57)"),
    Entry("traces", f"{_HERE}.inside_traces:measure", "contradictions in reasoning (T-61)"),
    Entry("traces-fresh", f"{_HERE}.inside_fresh:measure", "the same, of a fresh generator (T-61)"),
    Entry("traces-written", f"{_HERE}.inside_written:measure", "writers and real texts (T-61)"),
)
"""Name of each part and the function that measures it."""

Size = TypeVar("Size")


@dataclass(frozen=True)
class Options:
    """Measure what looks inside models and what hardens them."""

    parts: tuple[str, ...] = tuple(PARTS.names())
    """Which parts."""

    results: Path = Path(provenance.RESULTS)
    """Where the records go."""

    work: Path = Path("runs/bench-inside")
    """Where pages and rehearsed records go."""

    seed: int = 0
    """Seed of data and models."""

    rehearse: bool = False
    """Cut sizes to what takes seconds and keep the records in the folder of the work: shows that
    everything runs, measures nothing."""

    def __post_init__(self) -> None:
        """Checks the parts.

        Raises:
            UnknownNameError: A part does not exist.
        """
        for part in self.parts:
            PARTS.entry(part)

    def sized(self, full: Size, rehearsed: Size) -> Size:
        """The size to measure with."""
        return rehearsed if self.rehearse else full


def run(options: Options) -> int:
    """Measures the parts in order, records each when it is done, prints the table."""
    return parts.run(
        BENCH, PARTS, options, options.sized(options.results, options.work / "rehearsal")
    )


def table(folder: str | Path = provenance.RESULTS) -> str:
    """The Markdown table of the recorded evidence."""
    return parts.table(BENCH, folder)


def figure(
    row: str,
    measure: str,
    subject: str,
    value: float | None,
    unit: str,
    threshold: float | None = None,
    better: Literal["higher", "lower"] = "higher",
    *,
    seeds: tuple[int, ...] = (0,),
    details: dict[str, Any] | None = None,
) -> Evidence:
    """A record of this bench; the seconds are those of its part."""
    return evidence.record(
        bench=BENCH, row=row, measure=measure, subject=subject, unit=unit, figure=value,
        threshold=threshold, better=better, seeds=seeds, seconds=0.0, details=details or {},
    )  # fmt: skip
