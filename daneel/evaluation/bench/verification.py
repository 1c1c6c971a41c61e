"""`daneel bench verification`: is the verifier right, how much does it decide, how fast.

Parts: `random` (ten thousand small networks against exhaustive splitting), `candidates` (seeded
good and bad policies), `incremental` (re-proof after an update against a proof from scratch),
`acasxu` (the public ACAS Xu networks, with `--nets FOLDER`). Bars are those of row L-5. Times are
processor seconds of one core: wall time says nothing on a shared machine.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from daneel.errors import ConfigError
from daneel.evaluation import evidence, provenance
from daneel.evaluation.bench import parts
from daneel.evaluation.evidence import Evidence
from daneel.registry import Entry, Registry

BENCH = "verification"
ROW = "L-5"
_HERE = "daneel.evaluation.bench"
PARTS = Registry(
    "part of the verification bench",
    Entry("random", f"{_HERE}.verification_random:measure", "small networks, exhaustively"),
    Entry("candidates", f"{_HERE}.verification_candidates:measure", "seeded good and bad ones"),
    Entry("incremental", f"{_HERE}.verification_updates:measure", "re-proof after an update"),
    Entry("acasxu", f"{_HERE}.verification_acasxu:measure", "the public ACAS Xu networks"),
)
"""Name of each part and the function that measures it."""


@dataclass(frozen=True)
class Options:
    """Measure the verifier: soundness, share decided, time, re-proof."""

    parts: tuple[str, ...] = ("random", "candidates", "incremental")
    """Which parts; acasxu needs --nets."""

    nets: Path | None = None
    """Folder with acasxu_instances.csv and the files that it names."""

    networks: int = 10_000
    """Random networks of the part random."""

    seconds: float = 60.0
    """Processor seconds for each ACAS Xu instance."""

    seed: int = 0
    """Seed of everything drawn."""

    work: Path = Path("runs/bench-verification")
    """Where a part keeps what it has done, to go on after a stop."""

    results: Path = Path(provenance.RESULTS)
    """Where the records go."""

    def __post_init__(self) -> None:
        """Checks the parts.

        Raises:
            ConfigError: ACAS Xu without its folder.
            UnknownNameError: A part does not exist.
        """
        for part in self.parts:
            PARTS.entry(part)
        if "acasxu" in self.parts and self.nets is None:
            raise ConfigError(
                "The part acasxu needs its networks. Expected --nets FOLDER, the folder "
                "benchmarks/acasxu of github.com/stanleybak/vnncomp2021. Get it and type again."
            )


def run(options: Options) -> int:
    """Measures the parts in order, records each when it is done, prints the table."""
    import torch

    torch.set_num_threads(1)
    return parts.run(BENCH, PARTS, options, options.results, lambda part: command(part, options))


def command(part: str, options: Options) -> str:
    """What to type to measure a part again, without the places of folders."""
    sizes = {
        "random": f" --networks {options.networks}",
        "acasxu": f" --nets FOLDER --seconds {options.seconds:g}",
    }
    return f"daneel bench verification --parts {part}{sizes.get(part, '')} --seed {options.seed}"


def table(folder: str | Path = provenance.RESULTS) -> str:
    """The Markdown table of the recorded evidence."""
    return parts.table(BENCH, folder)


def figure(
    measure: str,
    subject: str,
    value: float,
    unit: str,
    threshold: float | None = None,
    better: Literal["higher", "lower"] = "higher",
    seeds: tuple[int, ...] = (0,),
    details: dict[str, Any] | None = None,
) -> Evidence:
    """A record of row L-5; `run` adds the time."""
    return evidence.record(
        bench=BENCH, row=ROW, measure=measure, subject=subject, figure=value, unit=unit,
        threshold=threshold, better=better, seeds=seeds, seconds=0.0, details=details or {},
    )  # fmt: skip
