"""Data and clocks of the service part of `daneel bench memory`."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from daneel.memory.protocol import VectorStore

DIM, K = 128, 10
CENTRES, SPREAD = 2000, 0.5

Vectors = NDArray[np.float32]


@dataclass(frozen=True)
class Sizes:
    """How much is measured."""

    rows: int = 40_000
    """Rows behind one server."""
    node_rows: int = 200_000
    """Rows of the comparison of nodes, in all."""
    node_queries: int = 6_400
    """Queries of that, the first tenth of them checked for recall."""
    sample: int = 20_000
    """Rows that centroids are fitted to."""
    single: int = 300
    """Queries that are timed one by one."""
    push: int = 100
    """Rows of a push."""
    large_push: int = 1000
    """Rows of a large one: on disk every call waits for a commit of its own."""
    ask: int = 300
    """Queries of a batched call."""
    batch: int = 64
    """Queries of a call to the nodes."""
    kill_batches: int = 400
    """Batches that are written while a node is killed and replaced."""


def clustered(seed: int, rows: int, queries: int) -> tuple[Vectors, Vectors]:
    """Unit vectors `[rows, DIM]` and `[queries, DIM]` around the same 2,000 centres."""
    rng = np.random.default_rng(seed)
    centres = rng.standard_normal((CENTRES, DIM), np.float32)
    noise = np.float32(SPREAD) * rng.standard_normal((rows + queries, DIM), np.float32)
    found = centres[rng.integers(CENTRES, size=rows + queries)] + noise
    found /= np.linalg.norm(found, axis=1, keepdims=True)
    return found[:rows], found[rows:]


def batches(vectors: Vectors, size: int) -> list[tuple[list[str], Vectors, None]]:
    """Ids `r0, r1, ...`, vectors and no metadata, `size` rows each."""
    return [
        (
            [f"r{row}" for row in range(at, min(at + size, len(vectors)))],
            vectors[at : at + size],
            None,
        )
        for at in range(0, len(vectors), size)
    ]


def nearest(queries: Vectors, vectors: Vectors) -> NDArray[np.int64]:
    """Rows `[Q, K]` of the nearest by cosine, exactly."""
    return np.argsort(-(queries @ vectors.T), axis=1)[:, :K]


def timed(work: Callable[[], Any]) -> float:
    """Seconds that something takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def milliseconds(work: Callable[[], Any]) -> float:
    """As `timed`."""
    return 1000 * timed(work)


def latency(store: VectorStore, queries: Vectors) -> tuple[float, float, float]:
    """p50, p95 and p99 of queries asked one by one, in ms."""
    times = [milliseconds(partial(store.search, each, K)) for each in queries]
    p50, p95, p99 = np.quantile(times, [0.5, 0.95, 0.99]).tolist()
    return p50, p95, p99
