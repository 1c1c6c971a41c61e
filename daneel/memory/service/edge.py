"""`EdgeMemoryClient`: a remote collection that stays usable when the link is gone.

Writes go into a local cache and an outbox and are acknowledged at once; a thread sends them in
their order when there is a link. Searches go to the server while it answers, with what is not sent
yet laid over them, and to the cache alone while it does not. When two clients write one id, the one
whose write reaches the server later wins.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from daneel.errors import MemoryStoreError
from daneel.memory.check import check_ids, check_k, check_metric, check_vectors
from daneel.memory.closing import Closing
from daneel.memory.in_memory import InMemoryStore
from daneel.memory.protocol import Hits, Metadata, Metric, Rows, Where
from daneel.memory.service import wire
from daneel.memory.service.address import parse_address
from daneel.memory.service.client import MESSAGE_BYTES, RemoteMemory
from daneel.memory.service.edge_cache import RowCache
from daneel.memory.service.edge_link import EdgeLink
from daneel.memory.service.merging import merge_hits, without
from daneel.memory.service.outbox import Outbox
from daneel.memory.service.requests import Requests
from daneel.memory.where import check_where

FETCH = 256
"""Hits that are noted to be fetched at a time."""

FLUSH_S = 30.0
"""How long the link is given to send everything."""


class EdgeMemoryClient(Closing):
    """A store at the end of a link that breaks. Thread-safe."""

    def __init__(
        self,
        address: str,
        dim: int,
        metric: str = "cosine",
        *,
        cache_rows: int = 10_000,
        pending_rows: int = 100_000,
        journal: Path | None = None,
        timeout_s: float = 2.0,
        retry_s: float = 0.5,
        **options: Any,
    ) -> None:
        """A client that works at once, with or without a server.

        Args:
            address: `grpc://HOST:PORT/COLLECTION`; the collection is made when it is absent.
            dim: Dimensions.
            metric: How near two vectors are.
            cache_rows: Rows to keep here; those that wait for the link are kept beyond that.
            pending_rows: Rows that may wait for the link; an `add` beyond that raises.
            journal: File of the waiting rows: written and synced before an `add` returns. Without
                one they are lost when the process ends before the link is back.
            timeout_s: After this long without an answer the link counts as broken.
            retry_s: Time between two attempts to reach the server.
            options: Those of `RemoteMemory`: token, tls, half, message_bytes.

        Raises:
            ValueError: An argument is wrong.
            MemoryStoreError: The journal cannot be opened.
        """
        for name, value in (("dim", dim), ("cache_rows", cache_rows)):
            if value < 1:
                raise ValueError(f"{name} is {value}. Expected at least 1.")
        self.dim = dim
        self.metric: Metric = check_metric(metric)
        self.address = parse_address(address)
        self._requests = Requests(self.address, MESSAGE_BYTES, half=False)
        self._requests.dim = dim
        self._cache, self._pending = RowCache(dim, metric, cache_rows), Counter[str]()
        self._wanted: dict[str, None] = {}
        self._link = EdgeLink(
            lambda: RemoteMemory(address, dim, metric, timeout_s=timeout_s, **options),
            Outbox(pending_rows, journal),
            self._sent,
            self._fetch,
            retry_s,
        )
        self._open = True
        for request in self._link.outbox:
            self._apply(request)
        self._link.start()

    @property
    def linked(self) -> bool:
        """Whether the server answered last time."""
        return self._link.remote is not None

    @property
    def pending(self) -> int:
        """Rows that wait for the link."""
        return self._link.outbox.rows

    def add(
        self, ids: Sequence[str], vectors: ArrayLike, metadata: Sequence[Metadata] | None = None
    ) -> None:
        """See `VectorStore.add`; kept here when this returns (see `journal`), sent soon.

        Raises:
            MemoryStoreError: Too many rows wait for the link already.
        """
        self._check_open()
        self._take(self._requests.push(ids, vectors, metadata))

    def search(self, queries: ArrayLike, k: int, where: Where | None = None) -> Hits:
        """See `VectorStore.search`; without a link only the rows here are searched."""
        self._check_open()
        asked, k = check_vectors("queries", queries, self.dim), check_k(k)
        check_where(where)
        with self._link.lock:  # before the server is asked: what is sent meanwhile is in both
            pending = set(self._pending)
            rows = self._cache.get(sorted(pending))
        found = self._link.ask(lambda remote: remote.search(asked, k + len(pending), where))
        if found is None:
            with self._link.lock:
                return self._cache.search(asked, k, where)
        self._want(found)
        waiting = InMemoryStore(self.dim, self.metric)
        waiting.add(rows.ids, rows.vectors, rows.metadata)
        return merge_hits([without(found, pending), waiting.search(asked, k, where)], k)

    def get(self, ids: Sequence[str]) -> Rows:
        """See `VectorStore.get`; without a link only the rows here are found."""
        self._check_open()
        names = check_ids(ids)
        with self._link.lock:
            asked = [name for name in names if name not in self._pending]
            here = {
                name: row for name, row in _by_id(self._cache.get(names)) if name in self._pending
            }
        found = self._link.ask(lambda remote: remote.get(asked)) if asked else None
        if found is None and asked:
            with self._link.lock:
                return self._cache.get(names)
        if found is not None:
            self._keep(asked, found)
            here |= dict(_by_id(found))
        return _rows([(name, here[name]) for name in names if name in here], self.dim)

    def delete(self, ids: Sequence[str]) -> int:
        """See `VectorStore.delete`; without a link it counts the rows here."""
        self._check_open()
        names = check_ids(ids)
        found = len(self.get(names).ids)
        self._take(self._requests.delete(names))
        return found

    def __len__(self) -> int:
        """Number of rows of the server once all is sent; without a link, of the rows here."""
        self._check_open()
        self._link.wait(FLUSH_S, patient=False)
        found = None if self.pending else self._link.ask(len)
        return len(self._cache) if found is None else found

    def flush(self, timeout_s: float = FLUSH_S) -> None:
        """Wait until the server keeps everything.

        Raises:
            MemoryStoreError: This takes longer than the time given, or the server refuses.
        """
        self._check_open()
        self._link.wait(timeout_s, patient=True)
        if self.pending:
            raise MemoryStoreError(
                f"{self.pending} rows are not at {self.address} yet. Expected a link. "
                "They are sent when it is back."
            )

    def close(self, timeout_s: float = 5.0) -> None:
        """Send what waits, if there is a link, and let go.

        Raises:
            MemoryStoreError: Rows that were not sent are lost now, as there is no journal.
        """
        if not self._open:
            return
        with contextlib.suppress(MemoryStoreError):
            self._link.wait(timeout_s, patient=False)
        self._open = False
        self._link.close()
        lost = 0 if self._link.outbox.durable else self.pending
        self._link.outbox.close()
        if lost:
            raise MemoryStoreError(
                f"{lost} rows never reached {self.address} and are lost. Expected a link before "
                "closing. Give the client a journal to keep them."
            )

    def _take(self, request: Any) -> None:
        with self._link.lock:
            self._link.put(request)
            self._apply(request)

    def _apply(self, request: Any) -> None:
        """Bring a request of ours into the cache."""
        self._pending.update(request.ids)
        if request.DESCRIPTOR.name == "DeleteRequest":
            self._cache.drop(list(request.ids))
            return
        count = len(request.ids)
        entries = wire.unpack_metadata(request.metadata, count) or [{} for _ in range(count)]
        rows = Rows(list(request.ids), wire.unpack(request.vectors), entries)
        self._cache.put(rows, self._pending)

    def _sent(self, request: Any) -> None:
        self._pending.subtract(request.ids)
        for name in request.ids:
            if not self._pending[name]:
                del self._pending[name]

    def _want(self, hits: Hits) -> None:
        """Note the hits that are not here, to be fetched in quiet times."""
        with self._link.lock:
            names = [name for name in hits.ids.ravel().tolist() if name is not None]
            self._cache.touch(names)
            missing = self._cache.missing(names)
            self._wanted.update(dict.fromkeys(missing[: FETCH - len(self._wanted)]))
            if missing:
                self._link.wake()

    def _fetch(self, remote: RemoteMemory) -> bool:
        with self._link.lock:
            names, self._wanted = list(self._wanted), {}
        if names:
            self._keep(names, remote.get(names))
        return bool(names)

    def _keep(self, asked: Sequence[str], found: Rows) -> None:
        """Take over what the server has of `asked`; our own newer writes stay."""
        with self._link.lock:
            gone = set(asked) - set(found.ids) - set(self._pending)
            self._cache.drop(sorted(gone))
            fresh = [(name, row) for name, row in _by_id(found) if name not in self._pending]
            self._cache.put(_rows(fresh, self.dim), self._pending)

    def _check_open(self) -> None:
        if not self._open:
            raise MemoryStoreError("The store is closed. Open it again with EdgeMemoryClient(...).")


Row = tuple[NDArray[np.float32], dict[str, Any]]


def _by_id(rows: Rows) -> Iterator[tuple[str, Row]]:
    return zip(rows.ids, zip(rows.vectors, rows.metadata, strict=True), strict=True)


def _rows(found: Sequence[tuple[str, Row]], dim: int) -> Rows:
    vectors = np.array([vector for _, (vector, _) in found], np.float32).reshape(-1, dim)
    return Rows([name for name, _ in found], vectors, [entry for _, (_, entry) in found])
