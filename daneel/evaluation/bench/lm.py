"""`daneel bench lm`: byte models of equal size on real text, bits per byte on a held-back part.

Every model has about as many parameters as the attention model (its width is chosen for that; the
exact number is recorded), the same batches in the same order, the same optimiser and the same
number of steps. Text: tiny-shakespeare, the last tenth held back (nanoGPT's
split). The row C-4 compares MegaByte with a flat byte transformer: bits per byte and FLOPs a byte,
as torch's FLOP counter counts them in a forward pass. Two of them: Mamba layers whose local model
goes on over the borders of patches, and attention within patches, as the paper's main form.
"""

from __future__ import annotations

import itertools
import math
import statistics as plain
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from daneel.backbones.byte_lm import ByteModel, score
from daneel.errors import DaneelError
from daneel.evaluation import datasets, evidence, provenance, statistics
from daneel.evaluation.bench import lines
from daneel.evaluation.bench.lm_models import (
    APART,
    FLAT,
    MEGABYTE,
    NAMES,
    OF_C4,
    Make,
    models,
    size,
)
from daneel.evaluation.evidence import Evidence
from daneel.evaluation.statistics import MIN_SEEDS, Interval

BENCH = "lm"
ROW, PATCHED = "equal parameters", "MegaByte against a flat transformer"
BITS, FLOPS, PARAMS, SPEED = "bits per byte", "FLOPs a byte", "parameters", "training bytes/s"
RATIO_BITS, RATIO_FLOPS = "bits per byte, times the flat one's", "FLOPs of the flat one, times its"
TO_ATTENTION = "bits per byte, times attention's"


@dataclass(frozen=True)
class Options:
    """Train byte models of equal size on real text."""

    names: tuple[str, ...] = (*NAMES, "hybrid", MEGABYTE)
    """Which backbones; `megabyte` is the row C-4 with its flat transformer."""

    seeds: tuple[int, ...] = (0, 1, 2)
    """Seeds of every model."""

    steps: int = 200
    """Updates of every model."""

    patched_steps: int = 800
    """Updates of the models of row C-4: what a patch says is learned late."""

    batch: int = 8
    """Rows of a batch."""

    length: int = 256
    """Bytes of a row."""

    dim: int = 128
    """Width of every model."""

    depth: int = 2
    """Layers of the attention model, whose size the others match."""

    lr: float = 2e-3
    """Peak learning rate: warmed up over a tenth of the steps, then a cosine down to a tenth."""

    held_back: int = 32_768
    """How many held-back bytes are scored, the state carried through."""

    budget_minutes: float = 20.0
    """No further training is begun after this long; what is missing is not measured."""

    results: Path = Path(provenance.RESULTS)
    """Where the records and the picture go."""


@dataclass
class Trained:
    """One finished training."""

    bits: float
    params: int
    flops: float
    speed: float
    seconds: float
    curve: list[tuple[float, float]] = field(default_factory=list)
    """Bytes seen and training bits per byte."""


def run(options: Options) -> int:
    """Trains what the budget allows, records, draws, prints the table."""
    began = time.perf_counter()
    text = (datasets.locate("text/public_domain") / "tinyshakespeare.txt").read_bytes()
    cut = len(text) * 9 // 10
    data = torch.frombuffer(bytearray(text[:cut]), dtype=torch.uint8)
    found: dict[str, dict[int, Trained]] = {}
    todo = models(options.names, options.dim, options.depth)
    with tempfile.TemporaryDirectory() as folder:
        later = Path(folder) / "later.txt"
        later.write_bytes(text[cut : cut + options.held_back])
        # Seed by seed: a budget that ends early leaves whole columns, not whole models, out.
        for seed, (name, make) in itertools.product(options.seeds, todo.items()):
            if time.perf_counter() - began > 60 * options.budget_minutes:
                print(f"out of time before {name}, seed {seed}", file=sys.stderr)
                break
            found.setdefault(name, {})[seed] = train(make, data, later, seed, _of(name, options))
            _say(name, seed, found[name][seed])
    for item in records(found, options):
        evidence.append(item, options.results)
    if any(one.curve for seeds in found.values() for one in seeds.values()):
        picture(found, options.results / "curves" / f"{BENCH}.svg")
    print(table(options.results))
    return 0


def table(folder: str | Path = provenance.RESULTS) -> str:
    """The Markdown table of the recorded evidence."""
    return evidence.table(evidence.load(BENCH, folder))


def _of(name: str, options: Options) -> Options:
    """The options as a model's row has them."""
    return replace(options, steps=options.patched_steps) if name in OF_C4 else options


def train(make: Make, data: Tensor, later: Path, seed: int, options: Options) -> Trained:
    """Trains one model and scores the held-back file.

    Raises:
        DaneelError: The loss is no longer finite.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)  # layers draw their first weights from torch's own generator
        model = make()
    optimiser = torch.optim.AdamW(model.parameters(), lr=options.lr, betas=(0.9, 0.95))
    began, done = time.perf_counter(), Trained(math.nan, size(model), flops(model, options), 0, 0)
    for step, batch in enumerate(batches(data, seed, options)):
        for group in optimiser.param_groups:
            group["lr"] = options.lr * share_of_lr(step, options.steps)
        loss = model.loss(batch)
        if not torch.isfinite(loss):
            raise DaneelError(
                f"The loss at step {step} is {loss.item()}. Expected a finite one. "
                "Type the same command with a smaller --lr."
            )
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        done.curve.append(((step + 1) * batch.numel(), loss.item()))
    spent = time.perf_counter() - began
    done.speed = options.steps * options.batch * options.length / spent
    # Not beyond the length that was trained: attention is not asked to extrapolate.
    done.bits = score(model, later, chunk=options.length, context=options.length).bits_per_byte
    done.seconds = time.perf_counter() - began
    return done


def batches(data: Tensor, seed: int, options: Options) -> Iterator[Tensor]:
    """`[B, T]` rows from random places, the same for every model of a seed."""
    generator = torch.Generator().manual_seed(seed)
    offsets = torch.arange(options.length)
    for _ in range(options.steps):
        limit = len(data) - options.length
        starts = torch.randint(limit, (options.batch, 1), generator=generator)
        yield data[starts + offsets]


def share_of_lr(step: int, steps: int) -> float:
    """Of the peak: linear warm-up over a tenth of the steps, then a cosine down to a tenth."""
    warm = max(steps // 10, 1)
    if step < warm:
        return (step + 1) / warm
    done = (step - warm) / max(steps - warm, 1)
    return 0.1 + 0.45 * (1 + math.cos(math.pi * done))


def flops(model: ByteModel, options: Options) -> float:
    """FLOPs a byte of a forward pass over one row, as torch counts matrix products."""
    counter = FlopCounterMode(display=False)
    with counter, torch.no_grad():
        model(torch.zeros(1, options.length, dtype=torch.uint8))
    return counter.get_total_flops() / options.length


def records(found: Mapping[str, Mapping[int, Trained]], options: Options) -> Iterator[Evidence]:
    """Bits, size, FLOPs and speed of every model, and the ratios that rows C-1 and C-4 ask for."""
    for name, runs in found.items():
        row = PATCHED if name in OF_C4 else ROW
        bits = [one.bits for one in runs.values()]
        yield _record(row, BITS, name, bits, "bits", runs, options, better="lower")
        yield _record(row, PARAMS, name, [one.params for one in runs.values()], "", runs, options)
        yield _record(row, FLOPS, name, [one.flops for one in runs.values()], "", runs, options)
        yield _record(row, SPEED, name, [one.speed for one in runs.values()], "", runs, options)
    flat = found.get(FLAT, {})
    for name in (MEGABYTE, APART):
        ours = found.get(name, {})
        if both := sorted(ours.keys() & flat.keys()):
            ratio = [ours[seed].bits / flat[seed].bits for seed in both]
            yield _record(PATCHED, RATIO_BITS, name, ratio, "x", ours, options, 1.05, "lower")
            saved = [flat[seed].flops / ours[seed].flops for seed in both]
            yield _record(PATCHED, RATIO_FLOPS, name, saved, "x", ours, options, 3.0)
    base = found.get("attention", {})
    for name, runs in found.items():
        both = sorted(base.keys() & runs.keys())
        if both and name not in ("attention", *OF_C4):
            ratio = [runs[seed].bits / base[seed].bits for seed in both]
            yield _record(ROW, TO_ATTENTION, name, ratio, "x", runs, options, 1.01, "lower")


def _record(
    row: str,
    measure: str,
    subject: str,
    values: list[float] | list[int],
    unit: str,
    runs: Mapping[int, Trained],
    options: Options,
    threshold: float | None = None,
    better: str = "higher",
) -> Evidence:
    ends: Interval | None = None
    if len(values) >= MIN_SEEDS and len(set(values)) > 1:
        ends = statistics.bootstrap_interval(values, np.random.default_rng(0))
    steps = _of(subject, options).steps
    details: dict[str, Any] = {"per_seed": list(values), "steps": steps}
    details |= {"batch": options.batch, "length": options.length, "dim": options.dim}
    return evidence.record(
        bench=BENCH, row=row, measure=measure, subject=subject, figure=plain.fmean(values),
        unit=unit or "a model", seconds=sum(one.seconds for one in runs.values()), interval=ends,
        interval_kind="" if ends is None else "bootstrap over seeds", seeds=tuple(runs),
        seeds_required=len(options.seeds), threshold=threshold, better=better, details=details,
    )  # fmt: skip


def picture(found: Mapping[str, Mapping[int, Trained]], path: Path) -> Path:
    """Training curves: the mean over seeds, in windows of ten steps."""
    curves = {name: _smooth([one.curve for one in runs.values()]) for name, runs in found.items()}
    panel = lines.Panel("training", "bytes seen", BITS, curves, log=(True, False))
    return lines.draw([panel], path)


def _smooth(curves: list[list[tuple[float, float]]], window: int = 10) -> list[tuple[float, float]]:
    bits = np.mean([[value for _, value in curve] for curve in curves], axis=0)
    starts = range(0, len(bits), window)
    return [(curves[0][at][0], float(bits[at : at + window].mean())) for at in starts]


def _say(name: str, seed: int, one: Trained) -> None:
    text = f"{name} seed {seed}: {one.bits:.3f} bits a byte, {one.params:,} parameters"
    print(f"{text}, {one.seconds:.0f} s", file=sys.stderr, flush=True)
