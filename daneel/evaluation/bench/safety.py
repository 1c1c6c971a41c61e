"""`daneel bench safety`: the shield, certified controllers, rules over plans, and the gate (L-5).

Each part is a module of its own with `measure(options) -> list[Evidence]`. Bars were written before
anything was measured: controllers certified on at least 90 % of the state box; of the shield no
violation in 1000 episodes, at least 95 % of the reward kept, at most 1 ms a step; a full gate of
the quickstart agent within 60 s on two cores.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from daneel.errors import ConfigError
from daneel.evaluation import evidence, provenance
from daneel.evaluation.bench import parts
from daneel.evaluation.evidence import Evidence
from daneel.evaluation.statistics import Interval
from daneel.registry import Entry, Registry

BENCH = "safety"
_HERE = "daneel.evaluation.bench"
PARTS = Registry(
    "part of the safety bench",
    Entry("shield", f"{_HERE}.safety_shield:measure", "violations, reward kept, time a step"),
    Entry("controllers", f"{_HERE}.safety_controllers:measure", "certified share of the state box"),
    Entry("rules", f"{_HERE}.safety_rules:measure", "plans blocked, falsely blocked, missed"),
    Entry("gate", f"{_HERE}.safety_gate:measure", "time, broken updates, tampered releases"),
)
"""Name of each part and the function that measures it."""


@dataclass(frozen=True)
class Options:
    """Measure what keeps behaviour safe: shield, certified controllers, rules, gate."""

    parts: tuple[str, ...] = tuple(PARTS.names())
    """Which parts."""

    results: Path = Path(provenance.RESULTS)
    """Where the records go."""

    work: Path = Path("runs/bench-safety")
    """Where runs are trained for the gate."""

    seed: int = 0
    """Seed of worlds, episodes and trainings."""

    rehearse: bool = False
    """Few episodes, cells and steps, and all records in the folder of the work: shows that
    everything runs, measures nothing."""

    def __post_init__(self) -> None:
        """Checks the parts.

        Raises:
            ConfigError: The seed is negative.
            UnknownNameError: A part does not exist.
        """
        if self.seed < 0:
            raise ConfigError(
                f"seed is {self.seed}. Expected 0 or more. Type `daneel bench safety --seed 0`."
            )
        for part in self.parts:
            PARTS.entry(part)

    def sized(self, full: int, rehearsed: int) -> int:
        """The size to measure with."""
        return rehearsed if self.rehearse else full

    @property
    def records(self) -> Path:
        """Where the records of this run go."""
        return self.work / "rehearsal" if self.rehearse else self.results


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
    value: float,
    unit: str,
    threshold: float | None = None,
    better: Literal["higher", "lower"] = "higher",
    *,
    interval: Interval | None = None,
    interval_kind: str = "",
    seed: int = 0,
    seconds: float = 0.0,
    details: dict[str, Any] | None = None,
) -> Evidence:
    """A record of one figure of this bench.

    Args:
        row: What was measured, as the table shows it.
        measure: Which figure of the row.
        subject: Whose figure.
        value: The figure.
        unit: Its unit.
        threshold: What has to be reached; None when nothing was asked.
        better: On which side of the threshold the figure has to be.
        interval: 95 % interval.
        interval_kind: How it was made.
        seed: Seed that was run.
        seconds: Wall time it took; 0 leaves the time of the whole part.
        details: Values behind the figure.
    """
    return evidence.record(
        bench=BENCH, row=row, measure=measure, subject=subject, unit=unit, seeds=(seed,),
        figure=value, threshold=threshold, better=better, interval=interval,
        interval_kind=interval_kind, seconds=seconds, details=details or {},
    )  # fmt: skip
