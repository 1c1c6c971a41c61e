"""Exact search: every vector is looked at. The truth that approximate indexes are tuned against.

A float32 product finds the candidates, with room for its rounding; float64 orders them. The answer
is that of `InMemoryStore`, at the speed of one matrix product.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from daneel.memory.in_memory import score_all
from daneel.memory.protocol import Metric

BLOCK = 16_384
"""Rows of one product, so that its `[Q, BLOCK]` scores stay near the processor."""

TINY = np.float32(1e-24)
"""Squared lengths below this have lost digits in float32."""

Found = tuple[NDArray[np.float32], NDArray[np.int64]]
"""Scores and positions `[Q, k]`; minus infinity and -1 where there are fewer than k rows."""


def scan(
    queries: NDArray[np.float32],
    vectors: NDArray[np.float32],
    k: int,
    metric: Metric,
    keep: NDArray[np.bool_] | None = None,
    names: Sequence[str] | None = None,
) -> Found:
    """The k nearest of `vectors` `[N, D]`, equal scores in the order of positions.

    Args:
        queries: `[Q, D]`.
        vectors: In memory or mapped from a file.
        k: Hits of a query.
        metric: How near two vectors are.
        keep: `[N]`, which rows may be found; None is all.
        names: `[N]`, equal scores are in the order of these instead.
    """
    near = [[] for _ in queries]
    for start in range(0, len(vectors), BLOCK):
        block = np.asarray(vectors[start : start + BLOCK])
        allowed = None if keep is None else keep[start : start + BLOCK]
        if allowed is not None and not allowed.any():
            continue
        rough, slack = _rough(queries, block, metric)
        if allowed is not None:
            rough[:, ~allowed] = -np.inf
        for query, at in enumerate(_candidates(rough, slack, k)):
            near[query].append(at + start)
    return _refine(queries, vectors, k, metric, near, names)


def nothing(queries: int, k: int) -> Found:
    """The answer that found nothing."""
    return (
        np.full((queries, k), -np.inf, np.float32),
        np.full((queries, k), -1, np.int64),
    )


def rescore(
    queries: NDArray[np.float32],
    vectors: NDArray[np.float32],
    k: int,
    metric: Metric,
    candidates: NDArray[np.int64],
) -> Found:
    """The k best of the candidates `[Q, C]` (each once, -1 is none), by the stored vectors."""
    return _refine(queries, vectors, k, metric, [[np.sort(row[row >= 0])] for row in candidates])


def _rough(
    queries: NDArray[np.float32], block: NDArray[np.float32], metric: Metric
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Float32 scores `[Q, B]` and how far `[Q, 1]` two equal ones may be apart."""
    with np.errstate(over="ignore", invalid="ignore"):
        if metric == "cosine":
            queries = unit(queries)
        rough = queries @ block.T
        squares = np.einsum("nd,nd->n", block, block)
        own = np.einsum("qd,qd->q", queries, queries)[:, None]
        top = np.float32(squares.max(initial=0))
        size = own + top if metric == "l2" else np.sqrt(own * top)
        if metric == "l2":
            rough = 2 * rough - squares - own
        elif metric == "cosine":
            rough, size = rough / np.sqrt(np.where(squares > 0, squares, 1)), np.ones_like(own)
            lost = (squares < TINY) & block.any(1) | np.isinf(squares)
            rough[:, lost] = np.inf
    slack = np.float32(4e-7 * np.sqrt(block.shape[1])) * size
    # Where float32 overflows nothing can be told apart: those rows are all candidates.
    return np.nan_to_num(rough, nan=np.inf, posinf=np.inf, neginf=np.inf), slack


def unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Vectors of length 1 in float32, from lengths in float64; zeros stay zeros."""
    wide = vectors.astype(np.float64)
    lengths = np.sqrt(np.einsum("nd,nd->n", wide, wide))[:, None]
    return np.divide(wide, lengths, out=wide, where=lengths > 0).astype(np.float32)


def _candidates(
    rough: NDArray[np.float32], slack: NDArray[np.float32], k: int
) -> list[NDArray[np.int64]]:
    """Positions in the block that may be among the k best, by query."""
    if rough.shape[1] <= k:
        return [np.flatnonzero(row > -np.inf) for row in rough]
    # Scores that float32 lost (infinite) may be bad ones: the k best are counted without them.
    known = rough if rough.max() < np.inf else np.where(np.isinf(rough), -np.inf, rough)
    last = np.partition(known, -k, axis=1)[:, -k][:, None]
    with np.errstate(invalid="ignore"):
        least = np.where(np.isfinite(last), last - slack, last)
    return [
        np.flatnonzero((row >= low) & (row > -np.inf))
        for row, low in zip(rough, least, strict=True)
    ]


def _refine(
    queries: NDArray[np.float32],
    vectors: NDArray[np.float32],
    k: int,
    metric: Metric,
    near: list[list[NDArray[np.int64]]],
    names: Sequence[str] | None = None,
) -> Found:
    """Order the candidates `near` of each query, each once and ascending, by exact scores."""
    scores, positions = nothing(len(queries), k)
    for query, parts in enumerate(near):
        if not parts:
            continue
        at = np.concatenate(parts)
        if names is not None:
            at = np.array(sorted(at.tolist(), key=names.__getitem__), np.int64)
        exact = score_all(queries[query : query + 1], np.asarray(vectors[at]), metric)[0]
        best = np.argsort(-exact, kind="stable")[:k]
        scores[query, : len(best)], positions[query, : len(best)] = exact[best], at[best]
    return scores, positions
