"""`DistributedMemory`: one store over many servers.

Rows are spread over shards by a hash of their id or by the nearest centroid; each shard is served
by one or more servers of the same rows. Nothing is agreed on here: the servers of a shard share a
dataset whose engine commits optimistically (serve one folder from several machines), and a client
only chooses whom to ask. A write is acknowledged when that engine keeps it, so a server that dies
takes no acknowledged write with it.

What it does not promise: an `add` over several shards is whole on each of them, not on all
together; when it raises, adding again is safe. A server that hangs inside a commit for longer than
the deadline, and then wakes, can bring back a value that was replaced meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from daneel.errors import MemoryStoreError
from daneel.memory.check import check_ids, check_k, check_metadata, check_metric, check_vectors
from daneel.memory.closing import Closing
from daneel.memory.in_memory import empty_hits
from daneel.memory.protocol import Hits, Metadata, Metric, Rows, Where
from daneel.memory.service.client import PendingHits, RemoteMemory
from daneel.memory.service.hedging import search_all
from daneel.memory.service.merging import merge_hits
from daneel.memory.service.placement import CentroidPlacement, HashPlacement, Placement
from daneel.memory.service.replicas import Replicas
from daneel.memory.service.streamed import StreamedMemory, StreamLoop
from daneel.memory.where import check_where

T = TypeVar("T")


class DistributedMemory(Closing):
    """A store whose rows are on many servers. Thread-safe."""

    def __init__(
        self,
        shards: Sequence[str | Sequence[str]],
        dim: int,
        metric: str = "cosine",
        *,
        placement: Placement | None = None,
        **options: Any,
    ) -> None:
        """Connect to the servers; of each shard at least one has to answer.

        Args:
            shards: The address of each shard's server, or the addresses of all its servers, the
                preferred one first. Their order is part of the placement: keep it.
            dim: Dimensions.
            metric: How near two vectors are.
            placement: Which shard keeps a row; by a hash of its id when left out.
            options: Those of `RemoteMemory`: token, tls, timeout_s, half, message_bytes.

        Raises:
            ValueError: The placement is for another number of shards or another metric, or a
                collection has another shape.
            MemoryStoreError: No server of some shard answers.
        """
        self.dim = dim
        self.metric: Metric = check_metric(metric)
        self._placement: Placement = placement or HashPlacement(len(shards))
        self._check_placement(len(shards))
        self._shards: list[Replicas] = []
        self._pool = ThreadPoolExecutor(max(1, len(shards)), "memory-shards")
        self._streams, self._open = StreamLoop(), True

        def connect(address: str) -> RemoteMemory:
            return StreamedMemory(address, self._streams, dim, self.metric, **options)

        try:
            for each in shards:
                addresses = [each] if isinstance(each, str) else each
                self._shards.append(Replicas(addresses, connect))
        except BaseException:
            self.close()
            raise

    def add(
        self, ids: Sequence[str], vectors: ArrayLike, metadata: Sequence[Metadata] | None = None
    ) -> None:
        """See `VectorStore.add`; whole on each shard."""
        self._check_open()
        names, found = check_ids(ids), check_vectors("vectors", vectors, self.dim)
        if len(names) != len(found):
            raise ValueError(f"{len(names)} ids for {len(found)} vectors. Expected as many.")
        entries = None if metadata is None else check_metadata(metadata, len(names))
        homes = self._placement.of_rows(names, found)
        parts = {int(each): np.flatnonzero(homes == each).tolist() for each in np.unique(homes)}

        def add_to(shard: int) -> None:
            rows = parts[shard]
            chosen = None if entries is None else [entries[at] for at in rows]
            here = [names[at] for at in rows]
            self._shards[shard].call(lambda server: server.add(here, found[rows], chosen))

        self._each(list(parts), add_to)
        if self._placement.of_ids(()) is None:
            self._remove_elsewhere(names, homes)

    def search(self, queries: ArrayLike, k: int, where: Where | None = None) -> Hits:
        """See `VectorStore.search`; asks the shards that the placement names, all at once."""
        self._check_open()
        asked, k = check_vectors("queries", queries, self.dim), check_k(k)
        check_where(where)
        mask = self._placement.of_queries(asked)
        rows = [np.flatnonzero(mask[:, shard]) for shard in range(len(self._shards))]
        busy = [shard for shard in range(len(self._shards)) if len(rows[shard])]

        def starter(shard: int) -> Callable[[RemoteMemory], PendingHits]:
            return lambda server: server.start_search(asked[rows[shard]], k, where)

        asking = [(self._shards[shard], starter(shard)) for shard in busy]
        found = search_all(asking, self._streams.together())
        parts = [(rows[shard], hits) for shard, hits in zip(busy, found, strict=True)]
        return gather(parts, len(asked), k)

    def get(self, ids: Sequence[str]) -> Rows:
        """See `VectorStore.get`."""
        self._check_open()
        names = check_ids(ids)
        parts = self._each(*self._asked(names, lambda server, part: server.get(part)))
        by_id = {
            name: (vector, entry)
            for part in parts
            for name, vector, entry in zip(part.ids, part.vectors, part.metadata, strict=True)
        }
        here = [name for name in names if name in by_id]
        vectors = np.array([by_id[name][0] for name in here], np.float32).reshape(-1, self.dim)
        return Rows(here, vectors, [by_id[name][1] for name in here])

    def delete(self, ids: Sequence[str]) -> int:
        """See `VectorStore.delete`."""
        self._check_open()
        names = check_ids(ids)
        return sum(self._each(*self._asked(names, lambda server, part: server.delete(part))))

    def __len__(self) -> int:
        """Number of rows of all shards."""
        self._check_open()
        return sum(self._each(range(len(self._shards)), lambda at: self._shards[at].call(len)))

    def flush(self) -> None:
        """Have every shard bring its rows to disk."""
        self._check_open()
        self._each(
            range(len(self._shards)),
            lambda at: self._shards[at].call(lambda server: server.flush()),
        )

    @property
    def live(self) -> list[list[str]]:
        """The servers of each shard that answer."""
        return [each.live for each in self._shards]

    def close(self) -> None:
        """Let go of the connections; the rows stay where they are."""
        self._open = False
        self._pool.shutdown()
        for each in self._shards:
            each.close()
        self._streams.close()

    def _asked(
        self, names: list[str], do: Callable[[RemoteMemory, list[str]], T]
    ) -> tuple[list[int], Callable[[int], T]]:
        """The shards that may hold ids, and what to do on each with its part of them."""
        homes = self._placement.of_ids(names)
        if homes is None:
            parts = {shard: names for shard in range(len(self._shards))}
        else:
            parts = {
                int(shard): [names[at] for at in np.flatnonzero(homes == shard)]
                for shard in np.unique(homes)
            }
        return list(parts), lambda shard: self._shards[shard].call(
            lambda server: do(server, parts[shard])
        )

    def _each(self, shards: Sequence[int], do: Callable[[int], T]) -> list[T]:
        """Do something for each shard at once; when one fails, after all have ended, raise that."""
        if len(shards) == 1:
            return [do(shards[0])]
        running = [self._pool.submit(do, shard) for shard in shards]
        failures = [each.exception() for each in running]
        for failure in failures:
            if failure is not None:
                raise failure
        return [each.result() for each in running]

    def _remove_elsewhere(self, names: list[str], homes: NDArray[np.int64]) -> None:
        """Take rows that were replaced by ones of another place away from where they were.

        Only now, after the new ones are kept: no acknowledged row is ever nowhere.
        """

        def remove(shard: int) -> None:
            others = [name for name, home in zip(names, homes, strict=True) if home != shard]
            held = self._shards[shard].call(lambda server: server.get(others)).ids if others else []
            if held:
                self._shards[shard].call(lambda server: server.delete(held))

        self._each(range(len(self._shards)), remove)

    def _check_placement(self, shards: int) -> None:
        placement = self._placement
        if shards < 1 or placement.shards != shards:
            raise ValueError(
                f"{shards} shards are given and the placement has {placement.shards}. "
                "Expected as many, at least 1."
            )
        if isinstance(placement, CentroidPlacement) and placement.metric != self.metric:
            raise ValueError(
                f"metric is {self.metric!r} and the placement's {placement.metric!r}. "
                "Expected the same. Fit the placement again."
            )

    def _check_open(self) -> None:
        if not self._open:
            raise MemoryStoreError("The store is closed. Make a new DistributedMemory(...).")


def gather(parts: Sequence[tuple[NDArray[np.int64], Hits]], queries: int, k: int) -> Hits:
    """Hits `[queries, k]` of parts that each answer the queries of some rows.

    Args:
        parts: Row numbers `[n]` of the queries that were asked, and their hits `[n, k]`.
        queries: How many queries there are.
        k: Hits of each.
    """
    if len(parts) == 1 and len(parts[0][0]) == queries:
        return parts[0][1]
    all_hits, asked = empty_hits(queries, k), np.zeros(queries, int)
    for rows, _ in parts:
        asked[rows] += 1
    for rows, hits in parts:
        alone = asked[rows] == 1
        _put(all_hits, rows[alone], hits, np.flatnonzero(alone))
    shared = np.flatnonzero(asked > 1)
    if len(shared):
        wide = [_spread(rows, hits, shared, queries, k) for rows, hits in parts]
        _put(all_hits, shared, merge_hits(wide, k), np.arange(len(shared)))
    return all_hits


def _spread(
    rows: NDArray[np.int64], hits: Hits, shared: NDArray[np.int64], queries: int, k: int
) -> Hits:
    """A part's hits of the shared queries, nothing where it was not asked."""
    place = np.full(queries, -1)
    place[rows] = np.arange(len(rows))
    spread, here = empty_hits(len(shared), k), place[shared]
    _put(spread, np.flatnonzero(here >= 0), hits, here[here >= 0])
    return spread


def _put(target: Hits, at: NDArray[np.int64], source: Hits, rows: NDArray[np.int64]) -> None:
    target.ids[at], target.scores[at] = source.ids[rows], source.scores[rows]
    for to, row in zip(at.tolist(), rows.tolist(), strict=True):
        target.metadata[to] = source.metadata[row]
