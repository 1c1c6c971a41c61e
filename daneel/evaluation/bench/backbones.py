"""`daneel bench backbones`: what one layer of every backbone costs, beside torch's own.

Width 256, 4 heads, float32, batch 1, the mixer with its projections and without the MLP, which is
the same for all; and, as "NAME, operator", its recurrence between bare projections. Parts: `speed`
(tokens/s forward and forward + backward, T = 128 to 1M, candidates and peers interleaved in one
go), `step` (latency of one recurrent step), `memory` (peak of a training pass, in a fresh process
each), and `stream`, `training`, `gradients` (see `backbones_streams`). Peers: causal
`scaled_dot_product_attention` with the same projections, and `nn.GRU`. Beyond 64k tokens a pass
goes block by block with a carried state.
"""

from __future__ import annotations

import math
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import torch
from torch import nn

from daneel import backbones
from daneel.backbones import BACKBONES
from daneel.evaluation import evidence, provenance
from daneel.evaluation.bench import backbones_memory, backbones_streams, lines
from daneel.evaluation.bench.backbones_layers import BLOCK, PEERS, SDPA, layers, one_pass
from daneel.evaluation.bench.operator_layers import operator_layers
from daneel.evaluation.evidence import Evidence
from daneel.evaluation.statistics import Interval

BENCH = "backbones"
FORWARD, BOTH, STEP = "forward", "forward + backward", "one step"
TIMES = "times SDPA, forward + backward"
PEAK = "peak of training"
Part = Literal["speed", "step", "memory", "stream", "training", "gradients"]
LENGTHS = (128, 256, 512, 1_024, 2_048, 8_192, 32_768, 131_072, 1_048_576)
MEMORY_AT = (2_048, 8_192, 32_768)
BAR: Mapping[tuple[str, int], float] = {
    ("retention", 224): 1, ("retention", 8_192): 7, ("retention", 32_768): 20,
    ("mamba2", 8_192): 6, ("mamba2", 32_768): 16, ("hyena", 8_192): 6, ("hyena", 32_768): 12,
    ("delta", 8_192): 3, ("delta", 32_768): 8, ("rwkv", 8_192): 2.5, ("rwkv", 32_768): 6,
}  # fmt: skip
"""Times SDPA that are asked for on two cores; retention is to cross it below 256 tokens."""
BARE = ", operator"
"""Follows the name of a backbone where its operator alone is meant, between projections."""
MAMBA_TOKENS, STEP_MS = 15_000, 1.0


@dataclass(frozen=True)
class Options:
    """Measure one layer of every backbone beside torch's own."""

    names: tuple[str, ...] = tuple(name for name in BACKBONES.names() if name != "identity")
    """Which backbones."""

    lengths: tuple[int, ...] = LENGTHS
    """Which sequence lengths."""

    parts: tuple[Part, ...] = ("speed", "step", "memory", "stream", "training", "gradients")
    """What to measure."""

    repeats: int = 5
    """Interleaved repeats; the median counts. Long passes are repeated less."""

    budget_minutes: float = 20.0
    """For each part: nothing is begun that would go beyond it; it then reads "not measured"."""

    stream_tokens: int = 4 * 2**20
    """How many tokens are streamed, and trained on in one sequence."""

    dim: int = 256
    """Width."""

    results: Path = Path(provenance.RESULTS)
    """Where the records and the picture go."""


def run(options: Options) -> int:
    """Measures the parts in order, records, draws, prints the table."""
    for part in options.parts:
        began = time.perf_counter()
        for item in MEASURES[part](options):
            now = time.perf_counter()
            evidence.append(replace(item, seconds=now - began), options.results)
            began = now
    picture(options.results)
    print(table(options.results))
    return 0


def table(folder: str | Path = provenance.RESULTS) -> str:
    """Tokens a second with ratios to SDPA, then steps and memory."""
    found = evidence.latest(evidence.load(BENCH, folder))
    at = {(item.row, item.measure, item.subject): item for item in found}
    rows = sorted({item.row for item in found if item.measure == BOTH}, key=_length_of)
    names = [*dict.fromkeys(item.subject for item in found if item.measure == BOTH)]
    text = ["| forward + backward, tokens/s (times SDPA) | " + " | ".join(rows) + " |"]
    text += ["|---|" + "---|" * len(rows)]
    for name in names:
        cells = [_speed_cell(at.get((row, BOTH, name)), at.get((row, TIMES, name))) for row in rows]
        text.append(f"| `{name}` | " + " | ".join(cells) + " |")
    others = [item for item in found if item.measure not in (FORWARD, BOTH, TIMES)]
    text += ["", evidence.table(others)] if others else ["", evidence.footnote(found)]
    return "\n".join(text).rstrip() + "\n"


def _speed_cell(speed: Evidence | None, ratio: Evidence | None) -> str:
    if speed is None or speed.figure is None:
        return evidence.NOT_MEASURED
    times = f" ({evidence.number(ratio.figure)}x)" if ratio and ratio.figure is not None else ""
    missed = " **misses**" if ratio is not None and ratio.met is False else ""
    return f"{evidence.number(speed.figure)}{times}{missed}"


def speed(options: Options) -> Iterator[Evidence]:
    """Tokens a second at every length, all subjects in turn, and their ratios to SDPA."""
    modules, began = layers(options.names, options.dim), time.perf_counter()
    bare = operator_layers(options.dim)
    modules |= {name + BARE: bare[name] for name in options.names if name in bare}
    previous: dict[str, tuple[int, float]] = {}
    for length in sorted(options.lengths):
        left = 60 * options.budget_minutes - (time.perf_counter() - began)
        affordable = [
            name for name in modules if expected(name, length, previous) < left / len(modules) / 2
        ]
        times = interleaved({name: modules[name] for name in affordable}, length, options)
        for name, pairs in times.items():
            both = statistics.median(sum(pair) for pair in pairs)
            previous[name] = (length, both)
            forward = [length / pair[0] for pair in pairs]
            yield _figure(f"{length} tokens", FORWARD, name, forward, "tokens/s")
            yield _figure(f"{length} tokens", BOTH, name, [length / sum(p) for p in pairs],
                          "tokens/s", _bar_of_speed(name, length))  # fmt: skip
            _say(name, length, both)
        if SDPA in times:
            for name in (name for name in times if name not in PEERS):
                pairs = zip(times[SDPA], times[name], strict=True)
                ratios = [sum(peer) / sum(ours) for peer, ours in pairs]
                bar = BAR.get((name.removesuffix(BARE), length))
                yield _figure(f"{length} tokens", TIMES, name, ratios, "x", bar)


def expected(name: str, length: int, previous: Mapping[str, tuple[int, float]]) -> float:
    """Seconds that a pass of `length` may take, from the length measured before."""
    if name == SDPA and length > BLOCK:
        return math.inf  # it has no state to carry from block to block
    if name not in previous:
        return 0.0
    before, seconds = previous[name]
    power = 2 if name in (SDPA, "attention") else 1
    return seconds * (length / before) ** power


def interleaved(
    modules: Mapping[str, nn.Module], length: int, options: Options
) -> dict[str, list[tuple[float, float]]]:
    """Seconds forward and backward of each subject in turn, as often as asked.

    The first round is discarded, unless a single pass takes so long that warming up cannot matter.
    """
    x = torch.randn(1, length, options.dim, generator=torch.Generator().manual_seed(0))
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in modules}
    began, warm = time.perf_counter(), False
    while True:
        for name, module in modules.items():
            times[name].append(one_pass(module, x))
        spent = time.perf_counter() - began
        if not warm and spent < 10:
            times, warm = {name: [] for name in modules}, True
            continue
        if any(len(done) >= options.repeats for done in times.values()) or spent > 30:
            return times


@torch.no_grad()
def step(options: Options) -> Iterator[Evidence]:
    """Milliseconds of one step of one layer, its state carried, after 64 others."""
    x = torch.randn(1, 1, options.dim, generator=torch.Generator().manual_seed(0))
    for name in options.names:
        core = backbones.build(name, options.dim, 1).eval()
        state, times = None, []
        for _ in range(264):
            start = time.perf_counter()
            _, state = core(x, state)
            times.append(1e3 * (time.perf_counter() - start))
        bar = None if name == "attention" else STEP_MS
        yield _figure("1 token", STEP, name, times[64:], "ms", bar, "lower")


def memory(options: Options) -> Iterator[Evidence]:
    """Peak memory of a forward and backward pass above that of the idle process."""
    began = time.perf_counter()
    for length in (length for length in MEMORY_AT if length in options.lengths):
        for name in (*PEERS, *options.names):
            if time.perf_counter() - began > 60 * options.budget_minutes:
                return
            peak = backbones_memory.ask("train", name, options.dim, length)["peak_mib"]
            yield _figure(f"{length} tokens", PEAK, name, [peak], "MiB", better="lower")


def picture(folder: Path) -> Path | None:
    """Tokens a second against T, forward + backward, of the newest records."""
    found = evidence.latest(evidence.load(BENCH, folder))
    panels = []
    for measure in (FORWARD, BOTH):
        curves: dict[str, list[tuple[float, float]]] = {}
        for item in found:
            if item.measure == measure and item.figure is not None:
                curves.setdefault(item.subject, []).append((_length_of(item.row), item.figure))
        if curves:
            panels.append(lines.Panel(measure, "T, tokens", "tokens/s", curves))
    return lines.draw(panels, folder / "curves" / f"{BENCH}.svg") if panels else None


def _length_of(row: str) -> int:
    return int(row.split()[0].replace(",", ""))


def _bar_of_speed(name: str, length: int) -> float | None:
    return MAMBA_TOKENS if name == "mamba" and length >= 8_192 else None


def _figure(
    row: str,
    measure: str,
    subject: str,
    values: Sequence[float],
    unit: str,
    threshold: float | None = None,
    better: str = "higher",
    *,
    details: dict[str, Any] | None = None,
) -> Evidence:
    """The median of repeated measurements, with their range."""
    ends = Interval(min(values), max(values)) if len(values) > 1 else None
    return evidence.record(
        bench=BENCH, row=row, measure=measure, subject=subject, figure=statistics.median(values),
        unit=unit, seconds=0.0, interval=ends, interval_kind="range of repeats" if ends else "",
        threshold=threshold, better=better, seeds=(0,),
        details={"repeats": len(values), "threads": torch.get_num_threads(), **(details or {})},
    )  # fmt: skip


def _say(name: str, length: int, seconds: float) -> None:
    text = f"{name} T={length}: {length / seconds:,.0f} tokens/s forward + backward"
    print(text, file=sys.stderr, flush=True)


MEASURES: Mapping[Part, Callable[[Options], Iterator[Evidence]]] = {
    "speed": speed,
    "step": step,
    "memory": memory,
    "stream": backbones_streams.stream,
    "training": backbones_streams.training,
    "gradients": backbones_streams.gradients,
}
"""What each part measures."""
