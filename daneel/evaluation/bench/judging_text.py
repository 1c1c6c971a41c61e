"""`daneel bench judging-text`: a crowd's constitution, harm in words, disguises, found rules.

Each part is a module with `measure(options) -> list[Evidence]`. The bars are the issue's (L-1, L-3,
chat-style harm) and are written where they are measured. What a figure was measured on never helped
to build what was measured: heads are trained anew without it, or it is a public set (`--public`).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from daneel.errors import ConfigError
from daneel.evaluation import evidence, provenance
from daneel.evaluation.bench import parts
from daneel.evaluation.evidence import Evidence
from daneel.evaluation.statistics import Interval
from daneel.registry import Entry, Registry

BENCH = "judging-text"
_HERE = "daneel.evaluation.bench.judging_text"
PARTS = Registry(
    "part of the judging-text bench",
    Entry("constitution", f"{_HERE}_constitution:measure", "votes against majority vote (L-1)"),
    Entry("chat", f"{_HERE}_chat:measure", "harm in words on unseen data"),
    Entry("public", f"{_HERE}_public:measure", "harm in words on the sets of --public"),
    Entry("suites", f"{_HERE}_suites:measure", "harmless instructions of our own suites"),
    Entry("attacks", f"{_HERE}_attacks:measure", "the verdict under every disguise"),
    Entry("iterate", f"{_HERE}_iterate:measure", "red-teaming, rules, fresh attacks (L-3)"),
)
"""Name of each part and the function that measures it."""


@dataclass(frozen=True)
class Options:
    """Measure the text layer, its constitution and its hardening."""

    parts: tuple[str, ...] = tuple(PARTS.names())
    """Which parts."""

    results: Path = Path(provenance.RESULTS)
    """Where the records go."""

    seeds: tuple[int, ...] = (0, 1, 2, 3, 4, 5, 6, 7, 8, 9)
    """Splits of the voters; cycles and attacks use the first three."""

    public: Path | None = None
    """Folder with public evaluation sets, `NAME.csv` with columns `text` and `harmful` (0 or 1):
    the shipped heads are judged on them. Nothing learns from them."""

    attacked: int = 150
    """Harmful and as many harmless requests that every disguise is tried on."""

    def __post_init__(self) -> None:
        """Checks the parts.

        Raises:
            ConfigError: There is nothing to attack, or no seed.
            UnknownNameError: A part does not exist.
        """
        if self.attacked < 1 or not self.seeds:
            raise ConfigError(
                f"attacked is {self.attacked} and seeds {self.seeds}. Expected one or more."
            )
        for part in self.parts:
            PARTS.entry(part)


def run(options: Options) -> int:
    """Measures the parts in order, records each when it is done, prints the table."""
    return parts.run(BENCH, PARTS, options, options.results)


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
    kind: str = "",
    seeds: tuple[int, ...] = (0,),
    details: dict[str, Any] | None = None,
) -> Evidence:
    """A record of one figure; `run` adds the seconds."""
    return evidence.record(
        bench=BENCH,
        row=row,
        measure=measure,
        subject=subject,
        figure=float(value),
        unit=unit,
        seconds=0.0,
        threshold=threshold,
        better=better,
        interval=interval,
        interval_kind="" if interval is None else kind,
        seeds=seeds,
        details=details or {},
    )


def auroc(harmful: np.ndarray, harmless: np.ndarray) -> float:
    """Chance that a harmful text scores above a harmless one; ties count half."""
    order = np.sort(harmless)
    below = np.searchsorted(order, harmful, "left") + np.searchsorted(order, harmful, "right")
    return float(below.mean() / (2 * len(order)))
