"""A stream of pictures, sounds and captions in one collection, each found by another (row T-2).

Asked are only scenes whose pair of things was never seen in training, by a new showing in another
modality; right is a hit of the same scene. Every scene asked for is in the stream at least once.
"""

from __future__ import annotations

import time
from itertools import permutations
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from daneel.evaluation.bench import memory_scenes as scenes
from daneel.evaluation.bench.memory import Options, figure
from daneel.evaluation.bench.memory_encoders import DIM, MODALITIES, shown, train
from daneel.evaluation.bench.memory_shares import share
from daneel.evaluation.evidence import Evidence
from daneel.memory.multimodal import CrossModalMemory
from daneel.memory.opening import open_store

HELD, STEPS = 0.1, 1_500
SIZES, REHEARSED = (10_000, 100_000, 1_000_000), (900, 1_800)
"""Entries of the stream when it is asked, and in a rehearsal."""
PIECE, QUERIES = 5_000, 900
"""Entries added at once; queries of each pair of modalities."""
BARS = {"text": {"image": 85.0, "audio": 75.0}, "image": {"text": 85.0}, "audio": {"text": 75.0}}
"""Percent of first hits, as row M-1 asks of fusion; of pictures by sounds nothing is asked."""


def measure(options: Options) -> list[Evidence]:
    """Trains the encoders, streams the entries in, and asks at each size."""
    random, began = np.random.default_rng(options.seed), time.perf_counter()
    known, held = scenes.split(HELD, random)
    encoders, losses = train(known, options.sized(STEPS, 10), random)
    trained = time.perf_counter() - began
    details = {"training, s": trained, "loss": losses[-1], "chance, %": 100 / scenes.SCENES}
    callables = {modality: encoders.encoder(modality) for modality in MODALITIES}
    items = [figure("T-2, encoders", "training", "three encoders", [trained], "s")]
    options.work.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=options.work) as folder, open_store(folder, DIM) as store:
        memory, stored = CrossModalMemory(store, callables), np.empty((3, 0), np.int64)
        for size in options.sized(SIZES, REHEARSED):
            stored = stream(memory, stored, size, random)
            items += _asked(
                memory, stored, held, random, {"seed": options.seed, "details": details}
            )
    return items


def _asked(
    memory: CrossModalMemory,
    stored: NDArray[np.int64],
    held: NDArray[np.int64],
    random: scenes.Random,
    stamp: dict[str, Any],
) -> list[Evidence]:
    """Of every pair of modalities."""
    items = []
    for asked, among in permutations(MODALITIES, 2):
        began = time.perf_counter()
        right, trials = ask(memory, stored, held, asked, among, random)
        row, bar = f"T-2, {among} by {asked}", BARS.get(asked, {}).get(among)
        seconds = time.perf_counter() - began
        items.append(share(row, "first hit right", f"{stored.size} entries", right, trials, bar,
                           seconds=seconds, **stamp))  # fmt: skip
    return items


def stream(
    memory: CrossModalMemory, stored: NDArray[np.int64], size: int, random: scenes.Random
) -> NDArray[np.int64]:
    """Adds equally many of each modality until there are `size`; their scenes `[3, N / 3]`."""
    while stored.size < size:
        which = random.integers(scenes.SCENES, size=(3, min(PIECE, -(-(size - stored.size) // 3))))
        first = stored.shape[1]
        for modality, row in zip(MODALITIES, which, strict=True):
            ids = [f"{first + at}" for at in range(len(row))]
            entries = [{"scene": scene} for scene in row.tolist()]
            memory.add(modality, ids, shown(modality, row, random), entries)
        stored = np.concatenate([stored, which], 1)
    return stored


def ask(
    memory: CrossModalMemory,
    stored: NDArray[np.int64],
    held: NDArray[np.int64],
    asked: str,
    among: str,
    random: scenes.Random,
) -> tuple[int, int]:
    """How many of how many queries find the scene first."""
    there = np.intersect1d(stored[MODALITIES.index(among)], held)
    which = random.choice(there, min(QUERIES, len(there)), replace=False)
    hits = memory.search(asked, shown(asked, which, random), 1, among=[among])
    found = [row[0]["scene"] if row[0] else None for row in hits.metadata]
    return sum(a == b for a, b in zip(found, which.tolist(), strict=True)), len(which)
