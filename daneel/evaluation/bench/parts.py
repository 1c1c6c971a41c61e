"""Benches of several parts: measured in order, each recorded when it is done."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from daneel.evaluation import evidence, provenance
from daneel.evaluation.evidence import Evidence
from daneel.registry import Registry


class Options(Protocol):
    """What the options of such a bench have."""

    @property
    def parts(self) -> tuple[str, ...]:
        """Which parts."""
        ...


def run(
    bench: str,
    parts: Registry,
    options: Options,
    folder: Path,
    command: Callable[[str], str] | None = None,
) -> int:
    """Measures the parts in order, records each when it is done, prints the table.

    A figure that does not say how long it took took as long as its part.

    Args:
        bench: Name of the bench.
        parts: Functions `measure(options) -> list[Evidence]` by name of the part.
        options: The bench's options.
        folder: Where the records go.
        command: What to type to measure a part again; None is what was typed.
    """
    for part in options.parts:
        print(f"{part} ...", file=sys.stderr, flush=True)
        began = time.perf_counter()
        found: Sequence[Evidence] = parts.load(part)(options)
        seconds = time.perf_counter() - began
        for item in found:
            again = item.command if command is None else command(part)
            evidence.append(replace(item, seconds=item.seconds or seconds, command=again), folder)
    print(table(bench, folder))
    return 0


def table(bench: str, folder: str | Path = provenance.RESULTS) -> str:
    """The Markdown table of a bench's recorded evidence."""
    return evidence.table(evidence.load(bench, folder))
