"""How much effort an approximate index needs on the rows that it holds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from daneel.memory.adapters.engine import Engine, Stored
from daneel.memory.adapters.keys import search_keys
from daneel.memory.adapters.needed import Needed
from daneel.memory.in_memory import score_all

EFFORTS = (16, 32, 64, 128, 256, 512)
"""Candidates that the index may look at, tried in this order."""

K = 10
_TRIALS = 32
_ROUNDING = 1e-6


def least_effort(engine: Engine, metric: str, target: float) -> int | None:
    """The first of `EFFORTS` whose recall at 10 reaches the target; None if none does.

    Asked are rows of the store and as many gaussian vectors of their size, which are far from all
    of them: graphs that lead to every row need not lead a stranger to the nearest.
    """
    queries = trial_queries(engine.sample(_TRIALS))
    if len(queries) == 0:
        return None
    keys = search_keys(queries, metric)
    truth = engine.near(keys, K, Needed(), None)
    for effort in EFFORTS:
        if recall(queries, engine.near(keys, K, Needed(), effort), truth, metric) >= target:
            return effort
    return None


def trial_queries(rows: Sequence[Stored]) -> NDArray[np.float32]:
    """`[2N, D]`: the vectors of the rows, and strangers of the same size."""
    if not rows:
        return np.zeros((0, 0), np.float32)
    own = np.array([row.vector for row in rows])
    strangers = np.random.default_rng(0).normal(scale=own.std() or 1.0, size=own.shape)
    return np.concatenate([own, strangers.astype(np.float32)])


def recall(
    queries: NDArray[np.float32],
    found: Sequence[Sequence[Stored]],
    truth: Sequence[Sequence[Stored]],
    metric: str,
) -> float:
    """Share of the true hits that were found; a row that scores as high as one stands for it."""
    good = total = 0
    for query, ours, true in zip(queries, found, truth, strict=True):
        if not true:
            continue
        worst = float(_scores(query, true, metric).min())
        least = worst - _ROUNDING * abs(worst)
        good += min(int((_scores(query, ours, metric) >= least).sum()), len(true))
        total += len(true)
    return good / max(total, 1)


def _scores(query: NDArray[np.float32], rows: Sequence[Stored], metric: str) -> NDArray[np.float32]:
    vectors = np.array([row.vector for row in rows], np.float32).reshape(-1, len(query))
    return score_all(query[None], vectors, metric)[0]
