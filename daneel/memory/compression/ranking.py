"""The best of many scores, in the order that every store promises: by score, then by id.

Legend: Q queries, N rows, k hits.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

Ranked = tuple[float, str, int]
"""Minus the score, the id, the number of the row: sorts as hits do."""


def best(
    ids: Sequence[str], scores: NDArray[np.float32], k: int, rows: NDArray[np.int64] | None = None
) -> list[Ranked]:
    """The k best of rows with scores `[N]`, best first; only `rows` compete when given."""
    rows = np.arange(len(ids)) if rows is None else rows
    found = scores[rows]
    if len(rows) > k:
        edge = np.partition(found, len(found) - k)[len(found) - k]
        # Everything as good as the k-th: which of equals is kept is decided by the ids.
        near = found >= edge
        rows, found = rows[near], found[near]
    pairs = zip(found.tolist(), rows.tolist(), strict=True)
    return sorted((-float(score), ids[int(row)], int(row)) for score, row in pairs)[:k]


def merged(pools: Iterable[Iterable[tuple]], k: int) -> list[tuple]:
    """The k best of pools of tuples that begin with minus the score and the id."""
    return sorted((each for pool in pools for each in pool), key=lambda each: each[:2])[:k]
