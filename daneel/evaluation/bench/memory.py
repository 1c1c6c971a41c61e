"""`daneel bench memory`: what the retrieval memory holds, how fast, and what survives a kill.

Each part is a module of its own with `measure(options) -> list[Evidence]`, imported when it is
measured; it may be stopped and typed again, every part records for itself. The bars are those of
the rows that name them (C-7, C-8, C-9, ...) and are written where they are measured.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

from daneel.errors import ConfigError
from daneel.evaluation import evidence, provenance
from daneel.evaluation.bench import parts
from daneel.evaluation.evidence import Evidence
from daneel.evaluation.statistics import Interval
from daneel.registry import Entry, Registry

BENCH = "memory"
_HERE = "daneel.evaluation.bench"
PARTS = Registry(
    "part of the memory bench",
    Entry("store", f"{_HERE}.memory_store:measure", "search, filtered, ingest, open, kills"),
    Entry("adapters", f"{_HERE}.memory_adapters:measure", "kills of Qdrant Edge and Postgres"),
    Entry("needles", f"{_HERE}.memory_needles:measure", "needles in a stream of 1M tokens (C-7)"),
    Entry("compression", f"{_HERE}.memory_compression:measure", "codecs, decay, summaries"),
    Entry("service", f"{_HERE}.memory_service:measure", "gRPC, four nodes, GraphQL (C-8)"),
    Entry("attention", f"{_HERE}.memory_attention:measure", "Hopfield (C-9), link slots, T-2"),
)
"""Name of each part and the function that measures it."""
REHEARSED = ("needles", "compression", "attention")
"""Parts that know smaller sizes."""

Size = TypeVar("Size")


@dataclass(frozen=True)
class Options:
    """Measure the retrieval memory: stores, needles, compression, service, attention."""

    parts: tuple[str, ...] = tuple(PARTS.names())
    """Which parts."""

    results: Path = Path(provenance.RESULTS)
    """Where the records go."""

    work: Path = Path("runs/bench-memory")
    """Where stores are made while measuring; on the disk that is to be measured."""

    seed: int = 0
    """Seed of the data."""

    postgres: str | None = None
    """Address of a table, not there yet, on a Postgres with pgvector: measured when given."""

    repeats: int = 3
    """Interleaved repeats of every timing; the median counts."""

    rehearse: bool = False
    """Cut rows, streams and trainings to what takes seconds and keep all results in the folder of
    the work: shows that everything runs, measures nothing. Of needles, compression, attention."""

    def __post_init__(self) -> None:
        """Checks the parts.

        Raises:
            ConfigError: There are no repeats, or a part cannot be rehearsed.
            UnknownNameError: A part does not exist.
        """
        if self.repeats < 1:
            raise ConfigError(f"repeats is {self.repeats}. Expected at least 1.")
        for part in self.parts:
            PARTS.entry(part)
            if self.rehearse and part not in REHEARSED:
                raise ConfigError(
                    f"The part {part!r} is to be rehearsed, but has one size only. Expected parts "
                    f"among {', '.join(REHEARSED)}. Type `--parts {' '.join(REHEARSED)}`."
                )

    def sized(self, full: Size, rehearsed: Size) -> Size:
        """The size to measure with."""
        return rehearsed if self.rehearse else full

    @property
    def records(self) -> Path:
        """Where the records of this run go."""
        return self.sized(self.results, self.work / "rehearsal")


def run(options: Options) -> int:
    """Measures the parts in order, records each when it is done, prints the table."""
    return parts.run(BENCH, PARTS, options, options.records)


def table(folder: str | Path = provenance.RESULTS) -> str:
    """The Markdown table of the recorded evidence."""
    return parts.table(BENCH, folder)


def figure(
    row: str,
    measure: str,
    subject: str,
    values: Sequence[float],
    unit: str,
    threshold: float | None = None,
    better: Literal["higher", "lower"] = "higher",
    *,
    interval: Interval | None = None,
    interval_kind: str = "",
    seeds: tuple[int, ...] = (0,),
    seconds: float = 0.0,
    details: dict[str, Any] | None = None,
) -> Evidence:
    """A record of the median of repeated measurements, with their range.

    Args:
        row: What was measured, as the table shows it.
        measure: Which figure of the row.
        subject: Whose figure.
        values: One value a repeat; none is "not measured".
        unit: Unit of the values.
        threshold: What has to be reached; None when nothing was asked.
        better: On which side of the threshold the figure has to be.
        interval: Interval in the place of the range of the repeats.
        interval_kind: How it was made.
        seeds: Seeds that were run.
        seconds: Wall time it took; 0 leaves the time of the whole part.
        details: Values behind the figure.
    """
    if interval is None and len(values) > 1:
        interval, interval_kind = Interval(min(values), max(values)), "range of repeats"
    return evidence.record(
        bench=BENCH, row=row, measure=measure, subject=subject, unit=unit, seeds=seeds,
        figure=statistics.median(values) if values else None, threshold=threshold, better=better,
        interval=interval, interval_kind=interval_kind, seconds=seconds,
        details={"values": list(values), **(details or {})},
    )  # fmt: skip
