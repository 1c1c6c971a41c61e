"""`RemoteMemory`: a collection of a memory server, as a store."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import CancelledError
from typing import Any

import grpc
from numpy.typing import ArrayLike

from daneel.errors import MemoryStoreError
from daneel.memory.check import check_metric
from daneel.memory.closing import Closing
from daneel.memory.protocol import Hits, Metadata, Metric, Rows, Where
from daneel.memory.service.address import check_token, parse_address
from daneel.memory.service.messages import methods
from daneel.memory.service.requests import (
    Page,
    Requests,
    UnreachableError,
    channel_options,
    failure,
    hits_of,
)
from daneel.memory.service.tls import ClientTls

MESSAGE_BYTES = 32 << 20
Batch = tuple[Sequence[str], ArrayLike, Sequence[Metadata] | None]
"""Ids, vectors and metadata of one message of a stream."""


class RemoteMemory(Closing):
    """A store on a memory server. Thread-safe; every call has a deadline.

    Calls that fail because the server is away or busy are tried again up to three times; writes
    carry keys, so that the server does none twice.
    """

    def __init__(
        self,
        address: str,
        dim: int | None = None,
        metric: str | None = None,
        *,
        token: str | None = None,
        tls: ClientTls | None = None,
        timeout_s: float = 30.0,
        half: bool = False,
        message_bytes: int = MESSAGE_BYTES,
    ) -> None:
        """Connect to a collection.

        Args:
            address: `grpc://HOST:PORT/COLLECTION`, or `grpcs://` with TLS.
            dim: Dimensions; makes the collection when it is absent. None: it exists.
            metric: How near two vectors are; None: as stored, cosine for one that is made.
            token: Bearer token.
            tls: Certificates for `grpcs://`; the system's authorities when left out.
            timeout_s: Deadline of a call.
            half: Send queries as float16: half the bytes, scores right to about 1e-3.
            message_bytes: Largest message.

        Raises:
            ValueError: The collection has another dimension or metric, or the address is wrong.
            MemoryStoreError: The server cannot be reached, or refuses.
        """
        self.address = parse_address(address)
        check_token(self.address, token)
        self.timeout_s = timeout_s
        self._requests = Requests(self.address, message_bytes, half)
        self._metadata = () if token is None else (("authorization", f"Bearer {token}"),)
        self._options = channel_options(message_bytes)
        self._credentials = (tls or ClientTls()).credentials() if self.address.secure else None
        if self._credentials is not None:
            where = self.address.target, self._credentials
            self._channel = grpc.secure_channel(*where, self._options)
        else:
            self._channel = grpc.insecure_channel(self.address.target, self._options)
        self._calls = {each.name: each.on(self._channel) for each in methods().values()}
        self._open = True
        try:
            self._requests.opened(self._call("Open", self._requests.open(dim, metric)), dim, metric)
        except BaseException:
            self.close()
            raise
        self.dim = self._requests.dim
        self.metric: Metric = check_metric(self._requests.metric)

    def add(
        self, ids: Sequence[str], vectors: ArrayLike, metadata: Sequence[Metadata] | None = None
    ) -> None:
        """See `VectorStore.add`."""
        self._check_open()
        self._call("Push", self._requests.push(ids, vectors, metadata))

    def push_stream(self, batches: Iterable[Batch], timeout_s: float = 3600.0) -> int:
        """Store many batches over one stream; each is kept whole or not at all.

        Returns:
            Number of rows, all kept.

        Raises:
            ValueError: A batch is wrong; those before it are kept.
            MemoryStoreError: The stream broke; some batches are kept, sending all again is safe.
        """
        self._check_open()
        requests = (self._requests.push(*batch) for batch in batches)
        return self.send(requests, lambda count: None, timeout_s)

    def send(
        self, requests: Iterable[Any], kept: Callable[[int], None], timeout_s: float = 3600.0
    ) -> int:
        """Send `PushRequest`s over one stream; `kept` is told how many more the server keeps.

        Returns:
            Number of rows, all kept.

        Raises:
            ValueError: A request is wrong; those before it are kept.
            MemoryStoreError: The stream broke; those that were not told of may be kept or not.
        """
        feed = _Feed(requests)
        call = self._calls["PushStream"](iter(feed), timeout=timeout_s, metadata=self._metadata)
        try:
            for reply in call:
                feed.give(reply.credits)
                if reply.sequence:
                    kept(reply.credits)
        except grpc.RpcError as error:
            raise feed.error or failure(error, self.address) from None
        finally:
            feed.stop()
            call.cancel()
        if feed.error:
            raise feed.error
        return feed.rows

    def search(
        self, queries: ArrayLike, k: int, where: Where | None = None, *, bare: bool = False
    ) -> Hits:
        """See `VectorStore.search`; `bare` leaves metadata out (empty for every hit)."""
        self._check_open()
        pages = self._requests.pages(queries, k, where, bare)
        if len(pages) == 1:
            return hits_of(pages, [self._call("Query", pages[0].request)])
        return hits_of(pages, [self._result(each) for each in self._start(pages)])

    def start_search(
        self, queries: ArrayLike, k: int, where: Where | None = None, *, bare: bool = False
    ) -> PendingHits:
        """Send a search and return at once; `result()` gives its hits."""
        self._check_open()
        pages = self._requests.pages(queries, k, where, bare)
        return PendingHits(self, pages, self._start(pages))

    def get(self, ids: Sequence[str]) -> Rows:
        """See `VectorStore.get`."""
        self._check_open()
        return self._requests.rows([self._call("Get", each) for each in self._requests.gets(ids)])

    def delete(self, ids: Sequence[str]) -> int:
        """See `VectorStore.delete`."""
        self._check_open()
        return self.send_delete(self._requests.delete(ids))

    def send_delete(self, request: Any) -> int:
        """Send a `DeleteRequest`; how many of its rows were there."""
        return int(self._call("Delete", request).removed)

    def __len__(self) -> int:
        """Number of rows."""
        self._check_open()
        return int(self._call("Open", self._requests.open(None, None)).rows)

    def flush(self) -> None:
        """Have the server bring the collection to disk."""
        self._check_open()
        self._call("Flush", self._requests.flush())

    def close(self) -> None:
        """Let go of the connection; the collection stays as it is."""
        self._open = False
        self._channel.close()

    def _call(self, name: str, request: Any) -> Any:
        try:
            return self._calls[name](request, timeout=self.timeout_s, metadata=self._metadata)
        except grpc.RpcError as error:
            raise failure(error, self.address) from None

    def _start(self, pages: Sequence[Page]) -> list[Any]:
        call = self._calls["Query"]
        kept = {"timeout": self.timeout_s, "metadata": self._metadata}
        return [call.future(page.request, **kept) for page in pages]

    def _result(self, call: Any) -> Any:
        try:
            return call.result()
        except (grpc.FutureCancelledError, CancelledError):
            raise UnreachableError(f"{self.address}: the search was cancelled.") from None
        except grpc.RpcError as error:
            raise failure(error, self.address) from None

    def _check_open(self) -> None:
        if not self._open:
            raise MemoryStoreError("The store is closed. Open it again with open_store(...).")


class PendingHits:
    """A search on its way."""

    def __init__(self, store: RemoteMemory, pages: Sequence[Page], calls: Sequence[Any]) -> None:
        """Made by `RemoteMemory.start_search`."""
        self._store, self._pages, self._calls = store, pages, calls

    def when_done(self, tell: Any) -> None:
        """Have `tell()` called, on another thread, whenever a part of the answer is there."""
        for call in self._calls:
            call.add_done_callback(lambda _: tell())

    @property
    def done(self) -> bool:
        """Whether `result` returns at once."""
        return all(call.done() for call in self._calls)

    def result(self) -> Hits:
        """The hits.

        Raises:
            ValueError: The server found an argument wrong.
            MemoryStoreError: The call failed.
        """
        return hits_of(self._pages, [self._store._result(call) for call in self._calls])

    def cancel(self) -> None:
        """Give up on it."""
        for call in self._calls:
            call.cancel()


class _Feed:
    """Requests of a stream, each sent when there is credit for it."""

    def __init__(self, requests: Iterable[Any]) -> None:
        self._requests = requests
        self._credits, self._stopped = threading.Semaphore(0), False
        self.rows, self.error = 0, None

    def __iter__(self) -> Iterator[Any]:
        try:
            for request in self._requests:
                self._credits.acquire()
                if self._stopped:
                    return
                self.rows += len(request.ids)
                yield request
        except Exception as error:  # on gRPC's thread: hand it to the caller's
            self.error = error

    def give(self, count: int) -> None:
        self._credits.release(count)

    def stop(self) -> None:
        self._stopped = True
        self._credits.release()


def open_remote(address: str, dim: int | None, metric: str | None, **options: Any) -> RemoteMemory:
    """Open a collection of a server, for `open_store`; options as `RemoteMemory` takes them."""
    return RemoteMemory(address, dim, metric, **options)
