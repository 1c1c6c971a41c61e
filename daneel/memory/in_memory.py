"""The store without a file, searched exactly: for tests, and the oracle of all others."""

from __future__ import annotations

import copy
import threading
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from daneel.errors import MemoryStoreError
from daneel.memory.check import check_ids, check_k, check_metadata, check_metric, check_vectors
from daneel.memory.closing import Closing
from daneel.memory.protocol import Hits, Metadata, Metric, Rows, Where
from daneel.memory.where import check_where, matches


class InMemoryStore(Closing):
    """A dictionary of rows; a search looks at every one. Lost when the process ends."""

    def __init__(self, dim: int, metric: str = "cosine") -> None:
        """An empty store of vectors of `dim` dimensions.

        Raises:
            ValueError: `dim` is below 1 or the metric unknown.
        """
        if dim < 1:
            raise ValueError(f"dim is {dim}. Expected at least 1.")
        self.dim = dim
        self.metric: Metric = check_metric(metric)
        self._rows: dict[str, tuple[NDArray[np.float32], dict[str, Any]]] = {}
        self._lock, self._open = threading.RLock(), True

    def add(
        self, ids: Sequence[str], vectors: ArrayLike, metadata: Sequence[Metadata] | None = None
    ) -> None:
        """See `VectorStore.add`."""
        names, found = check_ids(ids), check_vectors("vectors", vectors, self.dim)
        if len(names) != len(found):
            raise ValueError(f"{len(names)} ids for {len(found)} vectors. Expected as many.")
        entries = check_metadata(metadata, len(names))
        with self._lock:
            self._check_open()
            rows = zip(found.copy(), entries, strict=True)
            self._rows.update(zip(names, rows, strict=True))

    def search(self, queries: ArrayLike, k: int, where: Where | None = None) -> Hits:
        """See `VectorStore.search`."""
        asked, k = check_vectors("queries", queries, self.dim), check_k(k)
        condition = check_where(where)
        with self._lock:
            self._check_open()
            rows = sorted(self._rows.items())
        rows = [(name, *row) for name, row in rows if matches(condition, row[1])]
        vectors = np.array([vector for _, vector, _ in rows], np.float32).reshape(-1, self.dim)
        scores = score_all(asked, vectors, self.metric)
        best = np.argsort(-scores, axis=1, kind="stable")[:, :k]
        hits = empty_hits(len(asked), k)
        for query, order in enumerate(best):
            for place, at in enumerate(order):
                hits.ids[query, place], hits.scores[query, place] = rows[at][0], scores[query, at]
                hits.metadata[query][place] = copy.deepcopy(rows[at][2])
        return hits

    def get(self, ids: Sequence[str]) -> Rows:
        """See `VectorStore.get`."""
        with self._lock:
            self._check_open()
            found = [(name, *self._rows[name]) for name in check_ids(ids) if name in self._rows]
        vectors = np.array([vector for _, vector, _ in found], np.float32).reshape(-1, self.dim)
        return Rows([row[0] for row in found], vectors, [copy.deepcopy(row[2]) for row in found])

    def delete(self, ids: Sequence[str]) -> int:
        """See `VectorStore.delete`."""
        names = check_ids(ids)
        with self._lock:
            self._check_open()
            return sum(self._rows.pop(name, None) is not None for name in names)

    def __len__(self) -> int:
        """Number of rows."""
        self._check_open()
        return len(self._rows)

    def flush(self) -> None:
        """Nothing to do: there is no disk."""
        self._check_open()

    def close(self) -> None:
        """Forget everything."""
        self._open = False
        self._rows = {}

    def _check_open(self) -> None:
        if not self._open:
            raise MemoryStoreError("The store is closed. Open it again with open_store(...).")


BLOCK_BYTES = 1 << 16
"""What rows widened to float64 take at a time: more comes from the system by itself, and an
allocator that has given it back once keeps the next in the process."""


def score_all(
    queries: NDArray[np.float32], vectors: NDArray[np.float32], metric: str
) -> NDArray[np.float32]:
    """Scores `[Q, N]` of every pair, higher is nearer; a zero vector has cosine 0 with any other.

    Summed in float64, l2 from differences: what tells near neighbours far from the origin apart is
    lost in `|a|^2 + |b|^2 - 2ab`. Row by row, where a matrix product may round equal rows
    differently: equal vectors have equal scores.
    """
    wide, scores = queries.astype(np.float64), np.empty((len(queries), len(vectors)), np.float32)
    rows = max(1, BLOCK_BYTES // (8 * max(1, vectors.shape[1])))
    for start in range(0, len(vectors), rows):
        part = slice(start, start + rows)
        others = vectors[part].astype(np.float64)
        with np.errstate(over="ignore"):  # beyond float32 a score is infinite
            for row, query in zip(scores, wide, strict=True):
                row[part] = _score(query, others, metric)
    return scores


def _score(
    query: NDArray[np.float64], others: NDArray[np.float64], metric: str
) -> NDArray[np.float64]:
    if metric == "l2":
        return -((others - query) ** 2).sum(1)
    dots = np.einsum("nd,d->n", others, query)  # row by row, and no table of products
    if metric == "dot":
        return dots
    lengths = np.sqrt((query**2).sum() * np.einsum("nd,nd->n", others, others))
    return np.divide(dots, lengths, out=np.zeros_like(dots), where=lengths > 0)


def empty_hits(queries: int, k: int) -> Hits:
    """Hits `[queries, k]` that found nothing."""
    return Hits(
        np.full((queries, k), None, dtype=object),
        np.full((queries, k), -np.inf, dtype=np.float32),
        [[None] * k for _ in range(queries)],
    )
