"""A store behind a working set in RAM and a cache on SSD; rows C-7 and T-18.

Legend: N rows, Q queries, D dimensions, k hits.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from daneel.errors import DaneelError, MemoryStoreError
from daneel.memory.check import check_ids, check_metadata, check_vectors
from daneel.memory.closing import Closing
from daneel.memory.hierarchy.frequency import AccessFrequency
from daneel.memory.hierarchy.ssd_cache import SSDCache
from daneel.memory.hierarchy.working_set import Kept, WorkingSet, as_rows
from daneel.memory.protocol import Hits, Metadata, Metric, Rows, VectorStore, Where

log = logging.getLogger(__name__)


@dataclass
class TierCounts:
    """Where rows that were asked for lay."""

    ram: int = 0
    ssd: int = 0
    store: int = 0
    missing: int = 0
    """In no tier."""
    prefetched: int = 0
    """Brought to the cache before they were asked for."""


class HierarchicalMemory(Closing):
    """Working set in RAM -> cache on SSD -> any vector store, which is the truth.

    Writes go through to the store and are acknowledged when it has. Searches are answered by the
    store. Rows (`get`, `retrieve`) come from the nearest tier that has them. What was read moves
    up; what leaves RAM moves down to the cache; and every `prefetch_every` retrievals the rows
    that searches find most often, and that neither tier has, are fetched into the cache in the
    background. The tiers change how long an answer takes, never the answer.

    That holds while nobody else writes to the store. After a crash the cache starts empty; after a
    clean close it is used if the store still has as many rows. Where another process replaces
    rows, leave the cache out and set `ram_rows=0`, or call `forget`.

    Args:
        store: The truth; a `SummarizingMemory` if the past is to be compressed.
        ram_rows: How many rows the working set holds.
        cache: None: no cache on SSD.
        prefetch_every: Retrieved rows between prefetches; 0 leaves prefetching to your calls.
        prefetch_rows: How many rows a prefetch considers.
    """

    def __init__(
        self,
        store: VectorStore,
        *,
        ram_rows: int = 4096,
        cache: SSDCache | None = None,
        prefetch_every: int = 4096,
        prefetch_rows: int = 1024,
    ) -> None:
        """Puts the tiers in front of `store`.

        Raises:
            ValueError: A size is wrong, or the cache is for other vectors.
        """
        if cache is not None and cache.dim != store.dim:
            raise ValueError(
                f"The cache is for dim {cache.dim}. Expected {store.dim}, the store's."
            )
        if prefetch_every < 0 or prefetch_rows < 1:
            raise ValueError(
                f"prefetch_every is {prefetch_every}, prefetch_rows {prefetch_rows}. Expected >= 0 "
                "and >= 1."
            )
        self.dim, self.store, self.cache = store.dim, store, cache
        self.metric: Metric = store.metric
        self.prefetch_every, self.prefetch_rows = prefetch_every, prefetch_rows
        self.tier_counts, self.frequency = TierCounts(), AccessFrequency()
        self._ram, self._open, self._writes, self._since = WorkingSet(ram_rows), True, 0, 0
        self._writing, self._lock = threading.RLock(), threading.RLock()
        self._worker: ThreadPoolExecutor | None = None
        self._prefetching: Future[int] | None = None
        if cache is not None and cache.stamp != self._stamp():
            cache.clear()

    def _stamp(self) -> str:
        return f"{self.metric} {len(self.store)}"

    def add(
        self, ids: Sequence[str], vectors: ArrayLike, metadata: Sequence[Metadata] | None = None
    ) -> None:
        """See `VectorStore.add`."""
        names, found = check_ids(ids), check_vectors("vectors", vectors, self.dim)
        if len(names) != len(found):
            raise ValueError(f"{len(names)} ids for {len(found)} vectors. Expected as many.")
        entries = check_metadata(metadata, len(names))
        with self._writing:
            self._check_open()
            self._drop(names)
            try:
                self.store.add(names, found, entries)
            finally:
                # Again: a reader may have brought up the old row while the store was writing.
                self._drop(names)

    def delete(self, ids: Sequence[str]) -> int:
        """See `VectorStore.delete`."""
        names = check_ids(ids)
        with self._writing:
            self._check_open()
            self._drop(names)
            try:
                return self.store.delete(names)
            finally:
                self._drop(names)

    def search(self, queries: ArrayLike, k: int, where: Where | None = None) -> Hits:
        """See `VectorStore.search`."""
        self._check_open()
        hits = self.store.search(queries, k, where)
        self._note([name for row in hits.ids for name in row if name is not None])
        return hits

    def retrieve(
        self, queries: ArrayLike, k: int, where: Where | None = None
    ) -> tuple[Hits, NDArray[np.float32]]:
        """The hits and their vectors `[Q, k, D]`; zeros where there is no hit."""
        hits = self.search(queries, k, where)
        wanted = list(dict.fromkeys(name for row in hits.ids for name in row if name is not None))
        rows = self._rows(wanted)
        at = {name: place for place, name in enumerate(rows.ids)}
        # The last row is for places without a hit, or whose row was deleted meanwhile.
        padded = np.concatenate([rows.vectors, np.zeros((1, self.dim), np.float32)])
        places = [[at.get(name, len(at)) for name in row] for row in hits.ids]
        return hits, padded[np.array(places, np.int64)]

    def get(self, ids: Sequence[str]) -> Rows:
        """See `VectorStore.get`: from the nearest tier that has a row."""
        self._check_open()
        names = check_ids(ids)
        rows = self._rows(names)
        self._note(rows.ids)
        return rows

    def _rows(self, names: Sequence[str]) -> Rows:
        """The rows in the order asked for, brought up to RAM."""
        with self._lock:
            before = self._writes
            found = {kept[0]: kept for kept in self._ram.get(names)}
            self.tier_counts.ram += len(found)
            rest = [name for name in names if name not in found]
            cached = self.cache.get(rest) if self.cache is not None and rest else []
            found |= {kept[0]: kept for kept in cached}
            self.tier_counts.ssd += len(cached)
        rest = [name for name in names if name not in found]
        fetched = self.store.get(rest) if rest else as_rows([], self.dim)
        together = _joined(as_rows(list(found.values()), self.dim), fetched, names)
        with self._lock:
            self.tier_counts.store += len(fetched.ids)
            self.tier_counts.missing += len(rest) - len(fetched.ids)
            if before == self._writes:
                self._demote(self._ram.put(together))
        return together

    def prefetch(self) -> int:
        """Fetches the most retrieved rows that no tier has into the cache; returns how many.

        Into RAM, as far as there is room, when there is no cache.
        """
        self._check_open()
        with self._lock:
            before, hot = self._writes, self.frequency.hottest(self.prefetch_rows)
            absent = [name for name in hot if name not in self._ram]
            if self.cache is not None:
                held = self.cache.holds(absent)
                absent = [name for name in absent if name not in held]
            else:
                absent = absent[: max(self._ram.rows - len(self._ram), 0)]
        rows = self.store.get(absent) if absent else as_rows([], self.dim)
        with self._lock:
            if before != self._writes or not rows.ids:
                return 0
            kept = WorkingSet(0).put(rows)
            if self.cache is None:
                self._ram.put(rows)
            else:
                self.cache.put(kept, [self.frequency.count(name) for name in rows.ids])
            self.tier_counts.prefetched += len(rows.ids)
            return len(rows.ids)

    def forget(self) -> None:
        """Empties the tiers above the store (another process wrote to it)."""
        with self._lock:
            self._writes += 1
            self._ram = WorkingSet(self._ram.rows)
            if self.cache is not None:
                self.cache.clear()

    def _drop(self, names: Sequence[str]) -> None:
        with self._lock:
            self._writes += 1
            self._ram.drop(names)
            if self.cache is not None:
                self.cache.drop(names)

    def _demote(self, kept: Sequence[Kept]) -> None:
        """What left RAM goes to the cache."""
        if self.cache is not None and kept:
            self.cache.put(kept, [self.frequency.count(name) for name, _, _ in kept])

    def _note(self, names: Sequence[str]) -> None:
        """Counts retrievals; begins a prefetch when enough have passed."""
        with self._lock:
            self.frequency.touch(names)
            self._since += len(names)
            running = self._prefetching is not None and not self._prefetching.done()
            if not self.prefetch_every or self._since < self.prefetch_every or running:
                return
            self._since = 0
            self._worker = self._worker or ThreadPoolExecutor(1, "daneel-prefetch")
            self._prefetching = self._worker.submit(self._prefetch_quietly)

    def _prefetch_quietly(self) -> int:
        try:
            return self.prefetch()
        except DaneelError as error:
            log.warning("Nothing was prefetched: %s", error)
            return 0

    def __len__(self) -> int:
        """Number of rows."""
        self._check_open()
        return len(self.store)

    def flush(self) -> None:
        """See `VectorStore.flush`."""
        self._check_open()
        self.store.flush()

    def close(self) -> None:
        """Moves the working set to the cache and closes the cache and the store."""
        with self._writing:
            if not self._open:
                return
            if self._worker is not None:
                self._worker.shutdown()
            self._open = False
            try:
                if self.cache is not None:
                    self._demote(self._ram.all())
                    self.cache.close(self._stamp())
            finally:
                self._ram = WorkingSet(self._ram.rows)
                self.store.close()

    def _check_open(self) -> None:
        if not self._open:
            raise MemoryStoreError("The memory is closed. Open its store and make it again.")


def _joined(above: Rows, below: Rows, names: Sequence[str]) -> Rows:
    """The rows of two tiers, in the order of `names`."""
    ids = [*above.ids, *below.ids]
    at = {name: place for place, name in enumerate(ids)}
    order = [at[name] for name in names if name in at]
    vectors = np.concatenate([above.vectors, below.vectors])[order]
    entries = [*above.metadata, *below.metadata]
    return Rows([ids[place] for place in order], vectors, [entries[place] for place in order])
