"""Hopfield memories (row C-9): exact recall by load, next to the nearest-neighbour ceiling.

Random patterns of +-1 of which a share of the bits is turned in every probe; recalled is right when
every bit is.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from daneel.evaluation.bench.memory import Options, figure
from daneel.evaluation.bench.memory_shares import share
from daneel.evaluation.evidence import Evidence
from daneel.memory.attention.hopfield import (
    HopfieldMemory,
    Rule,
    exact_recall,
    flipped,
    nearest_recall,
    random_signs,
)
from daneel.memory.attention.hopfield_classical import ClassicalRule
from daneel.memory.attention.hopfield_modern import ModernRule

ROW, TURNED = "C-9", 0.2
"""Turned of each probe: the nearest whole number of bits to this share, exactly so many."""
PROBES, MEMORIES, REHEARSED = 20_000, 500, 200
"""Probes of each load, over no more than so many memories; probes and patterns of a rehearsal."""
ASKED, WITHIN = 95.0, 1.0
"""Percent of exact recalls, and percentage points below the nearest neighbour."""
CEILING = "nearest neighbour"


@dataclass(frozen=True)
class Load:
    """Patterns of a memory, and which rules are asked."""

    patterns: int
    bits: int
    asked: bool = False
    """Whether this load has a bar."""
    classical: bool = True


LOADS = (
    *(Load(count, 32) for count in (2, 3, 4, 5, 10, 50)),
    Load(100, 32, asked=True),
    Load(1_000, 32, classical=False),
    Load(10_000, 64, asked=True, classical=False),
    Load(10_000, 128, asked=True, classical=False),
)


def measure(options: Options) -> list[Evidence]:
    """Recall of every load by both rules and by the nearest neighbour."""
    probes = options.sized(PROBES, REHEARSED)
    loads = [load for load in LOADS if options.sized(True, load.patterns <= REHEARSED)]
    return [item for load in loads for item in _figures(load, options.seed, probes)]


def _figures(load: Load, seed: int, probes: int) -> list[Evidence]:
    began = time.perf_counter()
    rules: dict[str, Rule] = {"modern Hopfield": ModernRule()}
    if load.classical:
        rules["classical Hopfield"] = ClassicalRule()
    right, trials = recalled(load, rules, seed, probes)
    stamp: dict[str, Any] = {"seed": seed, "seconds": time.perf_counter() - began}
    row = f"{ROW}, {load.patterns} patterns of {load.bits} bits"
    bars = {"modern Hopfield": ASKED} if load.asked else {}
    items = [
        share(row, "exact recall", who, count, trials, bars.get(who), **stamp)
        for who, count in right.items()
    ]
    gap = 100 * (right[CEILING] - right["modern Hopfield"]) / trials
    bar = WITHIN if load.asked else None
    seeds, seconds = (seed,), stamp["seconds"]
    below = figure(row, "below the ceiling", "modern Hopfield", [gap], "pp", bar, "lower",
                   seeds=seeds, seconds=seconds)  # fmt: skip
    return [*items, below]


def recalled(
    load: Load, rules: dict[str, Rule], seed: int, probes: int = PROBES
) -> tuple[dict[str, int], int]:
    """Exact recalls by each rule and by the nearest neighbour, of how many same probes."""
    generator = torch.Generator().manual_seed(seed)
    repeats = min(MEMORIES, max(1, probes // load.patterns))
    right = dict.fromkeys([*rules, CEILING], 0)
    for _ in range(repeats):
        patterns = random_signs(load.patterns, load.bits, generator)
        noisy = flipped(patterns, round(TURNED * load.bits), generator)
        found = {who: _recall(rule, patterns, noisy, generator) for who, rule in rules.items()}
        found[CEILING] = nearest_recall(patterns, noisy, patterns, generator)
        for who, part in found.items():
            right[who] += round(part * len(patterns))
    return right, repeats * load.patterns


def _recall(rule: Rule, patterns: Tensor, probes: Tensor, generator: torch.Generator) -> float:
    memory = HopfieldMemory(patterns.shape[1], rule)
    memory.store(patterns)
    return exact_recall(memory, probes, patterns, generator)
