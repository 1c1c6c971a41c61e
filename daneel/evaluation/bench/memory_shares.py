"""Figures that are shares of a number of trials, in percent with Wilson's interval."""

from __future__ import annotations

from typing import Any, Literal

from daneel.evaluation.bench.memory import figure
from daneel.evaluation.evidence import Evidence
from daneel.evaluation.statistics import Interval, wilson_interval


def share(
    row: str,
    measure: str,
    subject: str,
    right: int,
    trials: int,
    threshold: float | None = None,
    better: Literal["higher", "lower"] = "higher",
    *,
    seed: int,
    seconds: float,
    details: dict[str, Any] | None = None,
) -> Evidence:
    """The record of `right` of `trials`; the threshold is in percent too."""
    ends = wilson_interval(right, trials)
    return figure(
        row, measure, subject, [100 * right / trials], "%", threshold, better,
        interval=Interval(100 * ends.low, 100 * ends.high),
        interval_kind=f"Wilson over {trials} trials",
        seeds=(seed,), seconds=seconds, details=details,
    )  # fmt: skip
