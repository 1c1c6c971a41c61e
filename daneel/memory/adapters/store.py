"""A `VectorStore` on somebody else's engine.

The engine names candidates by its own arithmetic and its own index; the store fulfils the
condition, scores with `score_all` and orders ties by id, as every store does. When candidates that
tie with the k-th may have been left out, or too few fulfil the condition, it asks for more.

Approximate indexes are tuned: the first search, and every `flush`, measures their recall at 10 on
the store's own rows against exact search and keeps the least effort that reaches the target; where
none does, search is exact.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from daneel.errors import MemoryStoreError
from daneel.memory.adapters.engine import Engine, Stored
from daneel.memory.adapters.keys import search_keys
from daneel.memory.adapters.needed import needed, terms
from daneel.memory.adapters.tuning import least_effort
from daneel.memory.check import check_ids, check_k, check_metadata, check_metric, check_vectors
from daneel.memory.closing import Closing
from daneel.memory.in_memory import empty_hits, score_all
from daneel.memory.protocol import Hits, Metadata, Metric, Rows, Where
from daneel.memory.where import check_where, matches

_SPARE = 8
"""Candidates above k in the first round: near-ties that float32 may have put in another order."""

_WIDER = 4
"""Times as many candidates in each further round."""

_WIDEST = 65_536
"""Beyond so many rows of one score, which of them are hits is left to the engine."""

_TIE = 1e-6
"""Scores this near, relative to the larger, may be equal before rounding."""


class EngineStore(Closing):
    """Rows kept by an engine."""

    def __init__(
        self, engine: Engine, dim: int, metric: str, *, approximate: bool, recall: float
    ) -> None:
        """A store over an engine that is open; it closes it.

        Args:
            engine: Where the rows are.
            dim: Dimension of the vectors.
            metric: Of the scores.
            approximate: Whether the engine's index may be used, once it is tuned.
            recall: What it is tuned to, in (0, 1].

        Raises:
            ValueError: The metric or the recall does not exist.
        """
        if not 0 < recall <= 1:
            raise ValueError(f"recall is {recall}. Expected above 0 and at most 1.")
        self.dim, self.recall = dim, recall
        self.metric: Metric = check_metric(metric)
        self._engine, self._approximate = engine, approximate
        self._effort: int | None = None
        self._tuned = not approximate
        self._lock, self._open = threading.RLock(), True

    def add(
        self, ids: Sequence[str], vectors: ArrayLike, metadata: Sequence[Metadata] | None = None
    ) -> None:
        """See `VectorStore.add`."""
        names, found = check_ids(ids), check_vectors("vectors", vectors, self.dim)
        if len(names) != len(found):
            raise ValueError(f"{len(names)} ids for {len(found)} vectors. Expected as many.")
        entries = check_metadata(metadata, len(names))
        texts = [json.dumps(entry) for entry in entries]
        rows = list(map(Stored, names, found, texts))
        with self._lock:
            self._check_open()
            if rows:
                keys = search_keys(found, self.metric)
                self._engine.write(rows, keys, [terms(entry) for entry in entries])

    def search(self, queries: ArrayLike, k: int, where: Where | None = None) -> Hits:
        """See `VectorStore.search`."""
        asked, k = check_vectors("queries", queries, self.dim), check_k(k)
        condition = check_where(where)
        need, hits = needed(condition), empty_hits(len(asked), k)
        self._check_open()
        self._tune_once()
        keys, effort = search_keys(asked, self.metric), self._effort
        pending, limit = [] if need.impossible else list(range(len(asked))), k + _SPARE
        while pending:
            found = self._engine.near(keys[pending], limit, need, effort)
            asked_for = limit if effort is None else None
            pending = [
                query
                for query, rows in zip(pending, found, strict=True)
                if not self._settle(hits, query, asked[query], rows, condition, asked_for)
            ]
            limit, effort = limit * _WIDER, None
        return hits

    def _settle(
        self,
        hits: Hits,
        query: int,
        asked: NDArray[np.float32],
        rows: Sequence[Stored],
        condition: Mapping[str, Mapping[str, Any]],
        limit: int | None,
    ) -> bool:
        """Writes the hits of a query and says whether no further candidate can be among them.

        `limit` is what an exact search was asked for; None after an approximate one.
        """
        k = hits.ids.shape[1]
        vectors = np.array([row.vector for row in rows], np.float32).reshape(-1, self.dim)
        scores = score_all(asked[None], vectors, self.metric)[0].tolist()
        fit = [
            (-score, row.id, row.metadata)
            for score, row in zip(scores, rows, strict=True)
            if not condition or matches(condition, json.loads(row.metadata))
        ]
        best = sorted(fit)[:k]
        for place, (score, name, text) in enumerate(best):
            hits.ids[query, place], hits.scores[query, place] = name, -score
            hits.metadata[query][place] = json.loads(text)
        if limit is not None and len(rows) < limit:
            return True  # there are no more
        cut = len(best) == k and not _tied(-best[-1][0], min(scores))
        return cut or (limit is not None and limit >= _WIDEST and len(best) == k)

    def get(self, ids: Sequence[str]) -> Rows:
        """See `VectorStore.get`."""
        self._check_open()
        names = check_ids(ids)
        found = {row.id: row for row in self._engine.read(names)} if names else {}
        rows = [found[name] for name in names if name in found]
        vectors = np.array([row.vector for row in rows], np.float32).reshape(-1, self.dim)
        return Rows([row.id for row in rows], vectors, [json.loads(row.metadata) for row in rows])

    def delete(self, ids: Sequence[str]) -> int:
        """See `VectorStore.delete`."""
        names = check_ids(ids)
        with self._lock:
            self._check_open()
            return self._engine.remove(names) if names else 0

    def __len__(self) -> int:
        """Number of rows."""
        self._check_open()
        return self._engine.count()

    def flush(self) -> None:
        """Brings everything to disk and the engine's index up to date, and tunes it."""
        with self._lock:
            self._check_open()
            self._engine.flush()
            self._tuned = not self._approximate
            self._tune_once()

    def close(self) -> None:
        """See `VectorStore.close`."""
        with self._lock:
            if self._open:
                self._open = False
                self._engine.close()

    def _check_open(self) -> None:
        if not self._open:
            raise MemoryStoreError("The store is closed. Open it again with open_store(...).")

    def _tune_once(self) -> None:
        with self._lock:
            if not self._tuned:
                self._effort = least_effort(self._engine, self.metric, self.recall)
                self._tuned = True


def _tied(one: float, other: float) -> bool:
    return abs(one - other) <= _TIE * max(abs(one), abs(other))
