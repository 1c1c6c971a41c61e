"""What a store looked like at one moment: indexed rows, those of them that are gone, and the tail.

A view is never changed, so searches take no lock: a writer makes another and puts it in place.
Positions below N_b are rows of the base, the others rows of the tail.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from daneel.memory.check import check_k, check_vectors
from daneel.memory.in_memory import empty_hits
from daneel.memory.indexes import exact
from daneel.memory.indexes.base import Base
from daneel.memory.indexes.exact import Found
from daneel.memory.indexes.hits import LazyHits
from daneel.memory.indexes.keep import Keep
from daneel.memory.indexes.tail import Tail
from daneel.memory.protocol import Hits, Where
from daneel.memory.where import check_where

REMEMBERED = 32
"""Conditions whose rows and settings are kept for the next search."""


@dataclass(frozen=True)
class View:
    """Rows to search."""

    base: Base
    dead: NDArray[np.bool_] | None
    """`[N_b]`, rows that were replaced or deleted; None when there is none."""

    tail: Tail
    alive: NDArray[np.bool_]
    """`[N_t]`, the tail's rows that still count."""

    _keeps: dict[str, Keep] = field(default_factory=dict)

    @cached_property
    def count(self) -> int:
        """Number of rows."""
        gone = 0 if self.dead is None else int(np.count_nonzero(self.dead))
        return len(self.base) - gone + int(np.count_nonzero(self.alive))

    def search(self, queries: ArrayLike, k: int, where: Where | None = None) -> Hits:
        """See `VectorStore.search`."""
        asked = check_vectors("queries", queries, self.base.vectors.shape[1])
        k, condition = check_k(k), check_where(where) if where is not None else {}
        if not len(asked):
            return empty_hits(0, k)
        scores, positions = self._found(asked, k, condition)
        return LazyHits(self._ids(positions), scores, positions, self.texts)

    def _found(
        self, asked: NDArray[np.float32], k: int, condition: dict[str, dict[str, Any]]
    ) -> Found:
        key = json.dumps(condition, sort_keys=True) if condition else ""
        found = self._search_base(asked, k, key, condition)
        if not len(self.alive):
            return found
        keep = self.alive
        if condition:
            keep = keep & self.tail.mask(key, condition, len(keep))
        vectors = self.tail.vectors[: len(keep)]
        metric, names = self.base.index.metric, self.tail.ids
        scores, at = exact.scan(asked, vectors, k, metric, keep, names)
        at[at >= 0] += len(self.base)
        return self._merged(found, (scores, at), k)

    def _search_base(
        self, asked: NDArray[np.float32], k: int, key: str, condition: dict[str, dict[str, Any]]
    ) -> Found:
        if not len(self.base):
            return exact.nothing(len(asked), k)
        if not condition and self.dead is None:
            return self.base.index.search(asked, k)
        keep = self._keeps.get(key)
        if keep is None:
            keep = self._kept(key, condition)
        return self.base.index.search(asked, k, keep)

    def _kept(self, key: str, condition: dict[str, dict[str, Any]]) -> Keep:
        mask = self.base.columns.mask(condition)
        keep = Keep(mask if self.dead is None else mask & ~self.dead)
        if len(self._keeps) >= REMEMBERED:
            self._keeps.clear()
        self._keeps[key] = keep
        return keep

    def _merged(self, first: Found, second: Found, k: int) -> Found:
        """The best k of both, equal scores in the order of ids."""
        scores = np.concatenate([first[0], second[0]], axis=1)
        positions = np.concatenate([first[1], second[1]], axis=1)
        names = self._ids(positions)
        best = np.empty((len(scores), k), np.int64)
        for query, (values, row) in enumerate(zip(scores.tolist(), names.tolist(), strict=True)):
            order = sorted(range(len(values)), key=lambda i: (-values[i], row[i] or ""))
            best[query] = order[:k]
        return np.take_along_axis(scores, best, 1), np.take_along_axis(positions, best, 1)

    def _ids(self, positions: NDArray[np.int64]) -> NDArray[np.object_]:
        """Texts `[Q, k]`, None where the position is -1."""
        flat = positions.ravel()
        names = np.empty(flat.shape, object)
        if len(self.alive) or flat.min() < 0:
            real = flat >= 0
            names[real] = self.names(flat[real])
        else:
            names[:] = self.base.ids.take(flat)
        return names.reshape(positions.shape)

    def names(self, positions: NDArray[np.int64]) -> list[str]:
        """The ids at positions `[n]`."""
        return self._read(positions, self.base.ids, self.tail.ids)

    def texts(self, positions: NDArray[np.int64]) -> list[str]:
        """The metadata at positions `[n]`, as JSON."""
        return self._read(positions, self.base.metadata, self.tail.metadata)

    def vectors(self, positions: NDArray[np.int64]) -> NDArray[np.float32]:
        """`[n, D]`, as they were added."""
        found = np.empty((len(positions), self.base.vectors.shape[1]), np.float32)
        old = positions < len(self.base)
        found[old] = self.base.vectors[positions[old]]
        found[~old] = self.tail.vectors[positions[~old] - len(self.base)]
        return found

    def _read(self, positions: NDArray[np.int64], base: Any, tail: list[str]) -> list[str]:
        count = len(self.base)
        old = positions < count
        if old.all():
            return base.take(positions)
        known = iter(base.take(positions[old]))
        return [next(known) if at < count else tail[at - count] for at in positions.tolist()]
