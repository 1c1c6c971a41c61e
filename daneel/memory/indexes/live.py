"""Rows that change: the newest view, and how an upsert or a removal makes the next one."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from daneel.memory.indexes.base import Base
from daneel.memory.indexes.tail import Tail
from daneel.memory.indexes.view import View
from daneel.memory.protocol import Rows


class Live:
    """The rows of a base and everything since. Writers take turns; readers take `view`."""

    def __init__(self, base: Base) -> None:
        """The rows of `base`."""
        self.view = View(base, None, Tail(base.vectors.shape[1]), np.zeros(0, np.bool_))
        self._at: dict[str, int] = {}

    def put(
        self, ids: Sequence[str], vectors: NDArray[np.float32], metadata: Sequence[str]
    ) -> None:
        """Upsert rows; `metadata` are texts of JSON."""
        if not ids:
            return
        view = self.view
        dead, alive = self._without(self.find(ids))
        view.tail.append(ids, vectors, metadata)
        self._at.update(zip(ids, range(len(view.alive), len(view.alive) + len(ids)), strict=True))
        alive = np.concatenate([alive, np.ones(len(ids), np.bool_)])
        self.view = self._next(dead, alive)

    def remove(self, ids: Sequence[str]) -> int:
        """Remove rows and return how many were there."""
        found = self.find(ids)
        dead, alive = self._without(found)
        for name in ids:
            self._at.pop(name, None)
        self.view = self._next(dead, alive)
        return int((found >= 0).sum())

    def _next(self, dead: NDArray[np.bool_] | None, alive: NDArray[np.bool_]) -> View:
        view = self.view
        # The same rows of the base: what is known about conditions still holds.
        keeps = view._keeps if dead is view.dead else {}
        return View(view.base, dead, view.tail, alive, keeps)

    def _without(
        self, positions: NDArray[np.int64]
    ) -> tuple[NDArray[np.bool_] | None, NDArray[np.bool_]]:
        """`dead` and `alive` once those positions are gone; new arrays where anything changed."""
        dead, alive, count = self.view.dead, self.view.alive, len(self.view.base)
        old, new = positions[(positions >= 0) & (positions < count)], positions[positions >= count]
        if len(old):
            dead = np.zeros(count, np.bool_) if dead is None else dead.copy()
            dead[old] = True
        if len(new):
            alive = alive.copy()
            alive[new - count] = False
        return dead, alive

    def find(self, ids: Sequence[str]) -> NDArray[np.int64]:
        """Positions `[n]` of ids, -1 where there is no such row."""
        view, count = self.view, len(self.view.base)
        found = view.base.lookup.find(ids)
        if view.dead is not None and count:
            found[(found >= 0) & view.dead[found]] = -1
        if self._at:
            tail = np.array([self._at.get(name, -1) for name in ids], np.int64)
            found = np.where(tail >= 0, tail + count, found)
        return found

    def get(self, ids: Sequence[str]) -> Rows:
        """See `VectorStore.get`."""
        found = self.find(ids)
        view, found = self.view, found[found >= 0]
        entries = [json.loads(text) for text in view.texts(found)]
        return Rows(view.names(found), view.vectors(found), entries)
