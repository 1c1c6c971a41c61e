"""Vector stores in memory over FAISS, and what they are without the rest of a durable store.

`LanceStore` keeps the same rows on disk; these are for memory that may go with the process.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from daneel.errors import MemoryStoreError
from daneel.memory.check import check_ids, check_metadata, check_metric, check_vectors
from daneel.memory.closing import Closing
from daneel.memory.indexes.base import Base
from daneel.memory.indexes.index import KINDS
from daneel.memory.indexes.live import Live
from daneel.memory.protocol import Hits, Metadata, Metric, Rows, Where


class FaissVectorStore(Closing):
    """Rows in memory behind an index of FAISS; those since the last `flush` are scanned exactly.

    The index is made at `flush`, and by `add` whenever the rows without one are more than
    `tail_rows` and more than half of those with one.
    """

    def __init__(
        self,
        dim: int,
        metric: str = "cosine",
        *,
        index: str = "ivf",
        recall: float = 0.95,
        tail_rows: int = 20_000,
    ) -> None:
        """An empty store of vectors of `dim` dimensions.

        Raises:
            ValueError: An argument is out of its range.
            UnknownNameError: There is no such index.
        """
        check_options(dim, index, recall, tail_rows)
        self.dim = dim
        self.metric: Metric = check_metric(metric)
        self._index, self._recall, self._tail_rows = index, recall, tail_rows
        self._live: Live | None = Live(Base.empty(dim, self.metric))
        self._lock = threading.RLock()

    def add(
        self, ids: Sequence[str], vectors: ArrayLike, metadata: Sequence[Metadata] | None = None
    ) -> None:
        """See `VectorStore.add`."""
        names, found, texts = check_rows(ids, vectors, metadata, self.dim)
        with self._lock:
            live = self._rows()
            live.put(names, found, texts)
            base, alive = live.view.base, live.view.alive
            if len(alive) > max(self._tail_rows, len(base) // 2):
                self.flush()

    def search(self, queries: ArrayLike, k: int, where: Where | None = None) -> Hits:
        """See `VectorStore.search`."""
        return self._rows().view.search(queries, k, where)

    def get(self, ids: Sequence[str]) -> Rows:
        """See `VectorStore.get`."""
        names = check_ids(ids)
        with self._lock:
            return self._rows().get(names)

    def delete(self, ids: Sequence[str]) -> int:
        """See `VectorStore.delete`."""
        names = check_ids(ids)
        with self._lock:
            return self._rows().remove(names)

    def __len__(self) -> int:
        """Number of rows."""
        return self._rows().view.count

    def flush(self) -> None:
        """Index every row."""
        with self._lock:
            view = self._rows().view
            if len(view.alive) or view.dead is not None:
                self._live = Live(self._indexed())

    def close(self) -> None:
        """Forget everything."""
        self._live = None

    def stats(self) -> dict[str, Any]:
        """Rows, indexed rows and what the index was tuned to."""
        view = self._rows().view
        about = view.base.index.description()
        return {"rows": view.count, "indexed": len(view.base), "index": about}

    def _indexed(self) -> Base:
        view = self._rows().view
        keep = np.ones(len(view.base), np.bool_) if view.dead is None else ~view.dead
        at = np.flatnonzero(np.concatenate([keep, view.alive]))
        names = view.names(at)
        order = np.array(sorted(range(len(names)), key=names.__getitem__), np.int64)
        at = at[order]
        return Base.of(
            view.names(at), view.texts(at), view.vectors(at), self._index, self.metric, self._recall
        )

    def _rows(self) -> Live:
        if self._live is None:
            raise MemoryStoreError("The store is closed. Expected an open one. Make a new one.")
        return self._live


class PQVectorStore(FaissVectorStore):
    """Vectors found through product quantisation and scored again by themselves (T-36)."""

    def __init__(
        self, dim: int, metric: str = "cosine", *, recall: float = 0.95, tail_rows: int = 20_000
    ) -> None:
        """See `FaissVectorStore`."""
        super().__init__(dim, metric, index="pq", recall=recall, tail_rows=tail_rows)


class LocalitySensitiveHashIndex(FaissVectorStore):
    """Vectors found through random hyperplanes and scored again by themselves (T-33)."""

    def __init__(
        self, dim: int, metric: str = "cosine", *, recall: float = 0.95, tail_rows: int = 20_000
    ) -> None:
        """See `FaissVectorStore`."""
        super().__init__(dim, metric, index="lsh", recall=recall, tail_rows=tail_rows)


def check_options(dim: int, index: str, recall: float, tail_rows: int) -> None:
    """Refuses options of an index that mean nothing.

    Raises:
        ValueError: A number is out of its range.
        UnknownNameError: There is no such index.
    """
    KINDS.entry(index)
    if isinstance(dim, bool) or not isinstance(dim, int | np.integer) or dim < 1:
        raise ValueError(f"dim is {dim!r}. Expected an integer of at least 1.")
    if not 0 < recall <= 1:
        raise ValueError(f"recall is {recall}. Expected a share above 0 and up to 1.")
    if tail_rows < 0:
        raise ValueError(f"tail_rows is {tail_rows}. Expected 0 or more.")


def check_rows(
    ids: Sequence[str], vectors: ArrayLike, metadata: Sequence[Metadata] | None, dim: int
) -> tuple[list[str], Any, list[str]]:
    """Ids, vectors `[N, D]` and metadata as texts of JSON.

    Raises:
        ValueError: Any of them is wrong.
    """
    names, found = check_ids(ids), check_vectors("vectors", vectors, dim)
    if len(names) != len(found):
        raise ValueError(f"{len(names)} ids for {len(found)} vectors. Expected as many.")
    if metadata is None:
        return names, found, ["{}"] * len(names)
    entries = check_metadata(metadata, len(names))
    return names, found, [json.dumps(entry) for entry in entries]
