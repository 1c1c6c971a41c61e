"""The rows that an edge client holds: a bounded number, those used last."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Iterable, Sequence

from numpy.typing import ArrayLike

from daneel.memory.in_memory import InMemoryStore
from daneel.memory.protocol import Hits, Rows, Where


class RowCache:
    """Rows in RAM, searched exactly. Not thread-safe: its owner holds a lock."""

    def __init__(self, dim: int, metric: str, rows: int) -> None:
        """Room for that many rows."""
        self._store, self._limit = InMemoryStore(dim, metric), rows
        self._used: OrderedDict[str, None] = OrderedDict()

    def __len__(self) -> int:
        """Number of rows."""
        return len(self._used)

    def put(self, rows: Rows, pinned: Collection[str] = ()) -> None:
        """Keep rows; the longest unused others go, but none of `pinned`."""
        self._store.add(rows.ids, rows.vectors, rows.metadata)
        self.touch(rows.ids, new=True)
        over = len(self._used) - self._limit
        if over > 0:
            gone = [name for name in self._used if name not in pinned][:over]
            self.drop(gone)

    def drop(self, ids: Sequence[str]) -> int:
        """Forget rows; how many were there."""
        for name in ids:
            self._used.pop(name, None)
        return self._store.delete(ids)

    def touch(self, ids: Iterable[str], new: bool = False) -> None:
        """Say that rows were used."""
        for name in ids:
            if new or name in self._used:
                self._used[name] = None
                self._used.move_to_end(name)

    def search(self, queries: ArrayLike, k: int, where: Where | None) -> Hits:
        """The nearest of the rows here."""
        hits = self._store.search(queries, k, where)
        self.touch(name for name in hits.ids.ravel().tolist() if name is not None)
        return hits

    def get(self, ids: Sequence[str]) -> Rows:
        """Those of the rows that are here."""
        rows = self._store.get(ids)
        self.touch(rows.ids)
        return rows

    def missing(self, ids: Iterable[str]) -> list[str]:
        """Those ids that are not here."""
        return [name for name in ids if name not in self._used]
