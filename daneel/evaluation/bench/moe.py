"""`daneel bench moe`: two of 40 experts a token against a dense layer of their size.

Byte models on the King James Bible, equal in all but the layer: a dense MLP, experts chosen by a
learned router (`SwitchRouter`), experts chosen by a hash of the last two bytes (`HashRouter`).
Counted: parameters, FLOPs (torch's counter, forward and backward), CPU time of the layer and of a
training step, the load of every expert on held-back text, assignments dropped, bits per byte.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from daneel.backbones.byte_lm import ByteLM
from daneel.evaluation import datasets, evidence, provenance
from daneel.evaluation.bench import moe_models as models
from daneel.evaluation.evidence import Evidence
from daneel.evaluation.statistics import Interval, bootstrap_interval

BENCH = "moe"
ROW = "S-1"
DIM, DEPTH, HIDDEN, EXPERTS = 128, 2, 256, 40
RATE = 2e-3
REPEATS = 7
KINDS = ("dense", "switch", "hash")


@dataclass(frozen=True)
class Options:
    """Measure mixtures of experts against the dense layer of the same active size."""

    seeds: tuple[int, ...] = (0, 1, 2)
    """Seeds of every training."""

    steps: int = 240
    """Optimiser steps of 4096 bytes."""

    held_blocks: int = 107
    """Blocks of 4096 held-back bytes that are scored."""

    results: Path = Path(provenance.RESULTS)
    """Where the records go."""


@dataclass(frozen=True)
class Trained:
    """One model after training."""

    bits_per_byte: float
    spread: float
    """Of the load on held-back text, the worst layer's."""
    max_violation: float
    dropped: float
    step_seconds: float
    """CPU time of one optimiser step."""
    seconds: float
    """Wall time of training and scoring."""


def run(options: Options) -> int:
    """Measures costs, trains every kind with every seed, prints the table."""
    text = models.read(datasets.locate("text/public_domain") / "kjv_bible.txt")
    for item in costs():
        evidence.append(item, options.results)
    found: dict[str, list[Trained]] = {kind: [] for kind in KINDS}
    for seed in options.seeds:
        for kind in KINDS:
            found[kind].append(trained(kind, seed, text, options))
            print(f"{kind}, seed {seed}: {found[kind][-1]}", file=sys.stderr, flush=True)
    for item in outcomes(found, options):
        evidence.append(item, options.results)
    print(table(options.results))
    return 0


def table(folder: str | Path = provenance.RESULTS) -> str:
    """The Markdown table of the recorded evidence."""
    return evidence.table(evidence.load(BENCH, folder))


# -- cost ----------------------------------------------------------------------------------------


def costs() -> list[Evidence]:
    """Parameters, FLOPs and CPU time of the mixture in units of the dense layer."""
    began = time.perf_counter()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)  # layers draw their first weights from torch's own generator
        dense, moe = _layer("dense"), _layer("switch")
        models_of = {kind: _model(kind) for kind in ("dense", "switch")}
    numbers = models.count(moe) / models.count(dense)
    whole = models.count(models_of["switch"]) / models.count(models_of["dense"])
    x = torch.randn(models.BATCH, models.TIME, DIM, generator=torch.Generator().manual_seed(0))
    flops = count_flops(moe, x) / count_flops(dense, x)
    ratios = time_ratios(moe, dense, x)
    seconds = time.perf_counter() - began
    ends = Interval(min(ratios), max(ratios), 1.0)
    return [
        _figure("parameters of the layer", "switch", numbers, "times dense", seconds, 10.0),
        _figure("parameters of the model", "switch", whole, "times dense", seconds),
        _figure("FLOPs of the layer", "switch", flops, "times dense", seconds, 1.3, "lower"),
        _figure("CPU time of the layer", "switch", statistics.median(ratios), "times dense",
                seconds, 1.6, "lower", ends=ends, kind="range of interleaved repeats"),
    ]  # fmt: skip


def count_flops(layer: nn.Module, x: Tensor) -> int:
    """FLOPs of the layer's products, forward and backward."""
    with FlopCounterMode(display=False) as counter:
        layer(x.clone().requires_grad_()).sum().backward()
    return counter.get_total_flops()


def time_ratios(candidate: nn.Module, peer: nn.Module, x: Tensor) -> list[float]:
    """CPU time of forward and backward, candidate over peer, interleaved; the first is warm-up."""
    return [_seconds(candidate, x) / _seconds(peer, x) for _ in range(REPEATS + 1)][1:]


def _seconds(layer: nn.Module, x: Tensor) -> float:
    x = x.clone().requires_grad_()
    layer.zero_grad()
    began = time.process_time()
    layer(x).sum().backward()
    return time.process_time() - began


# -- quality -------------------------------------------------------------------------------------


def trained(kind: str, seed: int, text: models.Text, options: Options) -> Trained:
    """Trains one model and scores it on held-back text."""
    wall = time.perf_counter()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = _model(kind)
    generator = torch.Generator().manual_seed(seed)
    began = time.process_time()
    models.train(model, list(model.parameters()), text.train, options.steps, RATE, generator)
    step = (time.process_time() - began) / options.steps
    models.settle(model, text.train, generator)
    for router in models.routers(model):
        router.reset_load()
    bits, _ = models.score(model, text.held[: options.held_blocks])
    loads = [router.load_report() for router in models.routers(model)]
    return Trained(
        bits_per_byte=bits,
        spread=max((load.spread for load in loads), default=0.0),
        max_violation=max((load.max_violation for load in loads), default=0.0),
        dropped=max((load.drop_rate for load in loads), default=0.0),
        step_seconds=step,
        seconds=time.perf_counter() - wall,
    )


def outcomes(found: dict[str, list[Trained]], options: Options) -> list[Evidence]:
    """Bits per byte of each kind, and what the mixtures did with their load."""
    seeds, items = options.seeds, []
    dense = found["dense"]
    for kind, runs in found.items():
        bits = [run.bits_per_byte for run in runs]
        items.append(_seeded("bits per byte", kind, bits, "bits", runs, seeds))
        if kind == "dense":
            continue
        pairs = list(zip(runs, dense, strict=True))
        gain = [ours.bits_per_byte / theirs.bits_per_byte for ours, theirs in pairs]
        steps = [ours.step_seconds / theirs.step_seconds for ours, theirs in pairs]
        spread, dropped = [run.spread for run in runs], [run.dropped for run in runs]
        # A hash cannot even out what text repeats: only the learned router is held to the 3 %.
        bar = 0.03 if kind == "switch" else None
        items += [
            _seeded("bits per byte", f"{kind} over dense", gain, "times", runs, seeds, 1.0),
            _seeded("CPU time of a step", kind, steps, "times dense", runs, seeds),
            _seeded("load deviation / mean, held-back", kind, spread, "", runs, seeds, bar),
            _seeded("dropped", kind, dropped, "of assignments", runs, seeds, 0.01),
        ]
    return items


def _layer(kind: str) -> nn.Module:
    if kind == "dense":
        return models.dense_mlp(DIM, 2 * HIDDEN)
    return models.mixture(DIM, HIDDEN, EXPERTS, kind)


def _model(kind: str) -> ByteLM:
    return models.byte_model(DIM, DEPTH, lambda _: _layer(kind))


def _seeded(
    measure: str,
    subject: str,
    values: Sequence[float],
    unit: str,
    runs: Sequence[Trained],
    seeds: tuple[int, ...],
    threshold: float | None = None,
) -> Evidence:
    """The mean over seeds with a bootstrap interval; lower is better for all of these."""
    ends = bootstrap_interval(np.asarray(values), np.random.default_rng(0))
    seconds = sum(run.seconds for run in runs)
    return _figure(
        measure, subject, statistics.fmean(values), unit or "of the mean", seconds, threshold,
        "lower", ends=ends, kind="bootstrap over seeds", seeds=seeds, seeds_required=3,
        details={"per_seed": list(values)},
    )  # fmt: skip


def _figure(
    measure: str,
    subject: str,
    figure: float,
    unit: str,
    seconds: float,
    threshold: float | None = None,
    better: Literal["higher", "lower"] = "higher",
    *,
    ends: Interval | None = None,
    kind: str = "",
    **more: Any,
) -> Evidence:
    return evidence.record(
        bench=BENCH,
        row=ROW,
        measure=measure,
        subject=subject,
        figure=figure,
        unit=unit,
        seconds=seconds,
        threshold=threshold,
        better=better,
        interval=ends,
        interval_kind="" if ends is None else kind,
        **{"seeds": (0,), **more},
    )
