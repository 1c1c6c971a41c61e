"""`daneel bench calibration`: robots identified from real logs, on runs not used for fitting.

Each part is a module of its own with `measure(options) -> list[Evidence]`. The authors' parameter
files are simulated in the same go, by the same integrator, from the same measured states.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from daneel.evaluation import evidence, provenance
from daneel.evaluation.bench import parts
from daneel.evaluation.evidence import Evidence
from daneel.registry import Entry, Registry

BENCH = "calibration"
_HERE = "daneel.evaluation.bench.calibration_"
PARTS = Registry(
    "part of the calibration bench",
    Entry("double", f"{_HERE}double:measure", "double pendulum: C.1, C.0, energetic runs"),
    Entry("samples", f"{_HERE}samples:measure", "error against labelled samples, at most 1000"),
    Entry("speed", f"{_HERE}samples:measure_speed", "rollouts a second, seconds of a fit"),
    Entry("servo", f"{_HERE}servo:measure", "XL330, one gain held out at a time"),
    Entry("simple", f"{_HERE}arms:measure_simple", "simple pendulum: torque of another run"),
    Entry("multiarm", f"{_HERE}arms:measure_multiarm", "free-swinging arms: prediction horizon"),
    Entry("go2", f"{_HERE}arms:measure_go2", "Go2 chirp: the last 30 %"),
)
"""Name of each part and the function that measures it."""


@dataclass(frozen=True)
class Options:
    """Identify real robots from their logs."""

    parts: tuple[str, ...] = tuple(PARTS.names())
    """Which parts."""

    results: Path = Path(provenance.RESULTS)
    """Where the records go."""

    def __post_init__(self) -> None:
        """Checks the parts.

        Raises:
            UnknownNameError: A part does not exist.
        """
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
    better: Literal["higher", "lower"] = "lower",
    seconds: float = 0.0,
    details: Mapping[str, Any] | None = None,
) -> Evidence:
    """One record.

    Args:
        row: Robot and runs.
        measure: What was measured.
        subject: "daneel", or whose parameter file.
        value: The figure.
        unit: Its unit.
        threshold: What has to be reached.
        better: On which side of the threshold.
        seconds: Wall time; 0 leaves that of the part.
        details: Values behind it.
    """
    return evidence.record(
        bench=BENCH, row=row, measure=measure, subject=subject, figure=value, unit=unit,
        threshold=threshold, better=better, seeds=(0,), seconds=seconds,
        details=dict(details or {}),
    )  # fmt: skip
