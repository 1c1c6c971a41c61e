"""`daneel bench calibration-methods`: are the intervals true, is what is blind named, does it help.

Each part is a module of its own with `measure(options) -> list[Evidence]`; it may be stopped and
typed again, every part records for itself. The bars are those of issue 6 (row M-3), where it names
one. Everything here is measured on simulated logs whose truth is known; what calibration does on
logs of real robots is the bench `calibration`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from daneel.errors import ConfigError
from daneel.evaluation import evidence, provenance
from daneel.evaluation.bench import parts
from daneel.evaluation.evidence import Evidence
from daneel.evaluation.statistics import Interval, bootstrap_interval
from daneel.registry import Entry, Registry

BENCH = "calibration-methods"
ROW = "M-3"
_HERE = "daneel.evaluation.bench"
PARTS = Registry(
    "part of the calibration-methods bench",
    Entry(
        "coverage",
        f"{_HERE}.calibration_coverage:measure",
        "intervals hold the truth, what cannot be told apart is named",
    ),
    Entry("posterior", f"{_HERE}.calibration_posteriors:measure", "samples hold the truth"),
    Entry("design", f"{_HERE}.calibration_design:measure", "a chosen excitation against random"),
    Entry("residual", f"{_HERE}.calibration_residual:measure", "a network on top of the model"),
)
"""Name of each part and the function that measures it."""


@dataclass(frozen=True)
class Options:
    """Measure intervals, identifiability, posteriors, designed excitation, residual actuators."""

    parts: tuple[str, ...] = tuple(PARTS.names())
    """Which parts."""

    seed: int = 0
    """Seed of the random problems."""

    rehearse: bool = False
    """A handful of problems, kept in runs/: shows that everything runs, measures nothing."""

    results: Path = Path(provenance.RESULTS)
    """Where the records go."""

    def __post_init__(self) -> None:
        """Checks the parts.

        Raises:
            ConfigError: The seed is negative.
            UnknownNameError: A part does not exist.
        """
        if self.seed < 0:
            raise ConfigError(f"seed is {self.seed}. Expected at least 0.")
        for part in self.parts:
            PARTS.entry(part)

    def sized(self, full: int, rehearsed: int) -> int:
        """The size to measure with."""
        return rehearsed if self.rehearse else full

    @property
    def records(self) -> Path:
        """Where the records of this run go."""
        return Path("runs/bench-calibration-methods") if self.rehearse else self.results


def run(options: Options) -> int:
    """Measures the parts in order, records each when it is done, prints the table."""
    return parts.run(BENCH, PARTS, options, options.records)


def table(folder: str | Path = provenance.RESULTS) -> str:
    """The Markdown table of the recorded evidence."""
    return parts.table(BENCH, folder)


def share(
    measure: str,
    subject: str,
    groups: Sequence[Sequence[bool]],
    seed: int,
    threshold: float | None = None,
    better: Literal["higher", "lower"] = "higher",
    details: dict[str, Any] | None = None,
) -> Evidence:
    """A share of all members of all groups, with a bootstrap interval over groups.

    Args:
        measure: What is counted.
        subject: Whose.
        groups: One group a problem: whether each of its members counts.
        seed: Seed of the problems.
        threshold: What has to be reached; None when nothing was asked.
        better: On which side of the threshold the share has to be.
        details: Values behind the figure.
    """
    filled = [np.asarray(group, float) for group in groups if len(group)]
    members = sum(len(group) for group in filled)
    figure = float(sum(group.sum() for group in filled)) / members if members else None
    return record(
        measure, subject, figure, "of all", seed, threshold, better,
        interval=_over_groups(filled) if members else None,
        kind="bootstrap over problems",
        details={"problems": len(filled), "members": members, **(details or {})},
    )  # fmt: skip


def _over_groups(groups: Sequence[np.ndarray]) -> Interval | None:
    sums = np.array([[group.sum(), len(group)] for group in groups])

    def ratio(values: np.ndarray, axis: int) -> np.ndarray:
        chosen = sums[values.astype(int)].sum(axis=axis)
        return chosen[..., 0] / chosen[..., 1]

    return bootstrap_interval(np.arange(len(groups)), np.random.default_rng(0), ratio)


def record(
    measure: str,
    subject: str,
    figure: float | None,
    unit: str,
    seed: int,
    threshold: float | None = None,
    better: Literal["higher", "lower"] = "higher",
    *,
    interval: Interval | None = None,
    kind: str = "",
    details: dict[str, Any] | None = None,
) -> Evidence:
    """A figure of this bench."""
    return evidence.record(
        bench=BENCH, row=ROW, measure=measure, subject=subject, figure=figure, unit=unit,
        seconds=0.0, seeds=(seed,), threshold=threshold, better=better, interval=interval,
        interval_kind="" if interval is None else kind, details=details or {},
    )  # fmt: skip
