"""`daneel bench judging-plan`: the layers that judge plans by their effects, on records held out.

Parts: `embodied` (hazardous tasks refused, safe ones refused, time), `attacks` (verdicts that a
wrapper changes), `critic` (faults from makers never trained on, beside a noisy reviewer of the same
budget), `oversight` (harm done in a small physical world, each stage taken out in turn). Each is a
module with `measure(options) -> list[Evidence]`. Rules were written on EARBench's and ALFRED's
other half, and on general knowledge; see `judging_plan_cases`. Thresholds are the issue's.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from daneel.evaluation import evidence, provenance
from daneel.evaluation.bench import parts
from daneel.evaluation.evidence import Evidence
from daneel.evaluation.statistics import Interval, wilson_interval
from daneel.registry import Entry, Registry

BENCH = "judging-plan"
_HERE = "daneel.evaluation.bench.judging_plan"
PARTS = Registry(
    "part of the judging-plan bench",
    Entry("embodied", f"{_HERE}_embodied:measure", "hazardous and safe tasks, held out (L-2)"),
    Entry("attacks", f"{_HERE}_attacks:measure", "verdicts that a wrapper changes (L-2)"),
    Entry("critic", f"{_HERE}_critic:measure", "faults beside a noisy reviewer (L-4)"),
    Entry("oversight", f"{_HERE}_oversight:measure", "harm done, stage by stage (T-50)"),
)
"""Name of each part and the function that measures it."""


@dataclass(frozen=True)
class Size:
    """How much to measure."""

    records: int
    attacked: int
    work: int
    harmful: int
    safe: int


FULL = Size(records=10_000, attacked=100, work=600, harmful=1000, safe=500)
SMALL = Size(records=30, attacked=8, work=40, harmful=40, safe=20)


@dataclass(frozen=True)
class Options:
    """Measure the plan layer, the critic and oversight in stages."""

    parts: tuple[str, ...] = tuple(PARTS.names())
    """Which parts to measure."""

    rehearse: bool = False
    """A few records of each part; nothing is recorded."""

    seed: int = 0
    """Seed of everything that is generated."""

    results: Path = Path(provenance.RESULTS)
    """Where the records go."""

    def __post_init__(self) -> None:
        """Checks the parts.

        Raises:
            UnknownNameError: A part does not exist.
        """
        for part in self.parts:
            PARTS.entry(part)

    @property
    def size(self) -> Size:
        """How much to measure."""
        return SMALL if self.rehearse else FULL

    def rng(self) -> np.random.Generator:
        """A part's own generator: parts do not depend on which others are measured."""
        return np.random.default_rng(self.seed)


def run(options: Options) -> int:
    """Measures the parts asked for, and prints the table; a rehearsal records nothing."""
    if not options.rehearse:
        return parts.run(BENCH, PARTS, options, options.results)
    found = [item for part in options.parts for item in PARTS.load(part)(options)]
    print(evidence.table(found))
    return 0


def table(folder: str | Path = provenance.RESULTS) -> str:
    """The Markdown table of the recorded evidence."""
    return parts.table(BENCH, folder)


def rate(
    row: str,
    measure: str,
    subject: str,
    hits: int,
    of: int,
    bar: float | None,
    better: Literal["higher", "lower"],
    **details: Any,
) -> Evidence:
    """The record of a share with its Wilson interval."""
    ends = wilson_interval(hits, of) if of else None
    share = hits / of if of else 0.0
    return figure(
        row,
        measure,
        subject,
        share,
        f"of {of}",
        bar,
        better,
        ends=ends,
        hits=hits,
        of=of,
        **details,
    )


def figure(
    row: str,
    measure: str,
    subject: str,
    value: float,
    unit: str,
    bar: float | None,
    better: Literal["higher", "lower"],
    ends: Interval | None = None,
    **details: Any,
) -> Evidence:
    """The record of one figure; `parts.run` adds the seconds."""
    return evidence.record(
        bench=BENCH,
        row=row,
        measure=measure,
        subject=subject,
        figure=value,
        unit=unit,
        seconds=0.0,
        threshold=bar,
        better=better,
        interval=ends,
        interval_kind="Wilson" if ends else "",
        seeds=(0,),
        details=details,
    )
