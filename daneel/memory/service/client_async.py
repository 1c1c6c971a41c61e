"""`AsyncRemoteMemory`: the same client as `RemoteMemory`, for code on an event loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Any, Self

import grpc
import grpc.aio
from numpy.typing import ArrayLike

from daneel.errors import MemoryStoreError
from daneel.memory.check import check_metric
from daneel.memory.protocol import Hits, Metadata, Metric, Rows, Where
from daneel.memory.service.address import check_token, parse_address
from daneel.memory.service.client import MESSAGE_BYTES, Batch
from daneel.memory.service.messages import methods
from daneel.memory.service.requests import Requests, channel_options, failure, hits_of
from daneel.memory.service.tls import ClientTls


class AsyncRemoteMemory:
    """A store on a memory server; every method of `RemoteMemory` as a coroutine.

    `async with AsyncRemoteMemory(address) as store:` connects and lets go.
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
        """A client that is not connected yet; arguments as `RemoteMemory` takes them.

        Raises:
            ValueError: The address is wrong.
        """
        self.address = parse_address(address)
        check_token(self.address, token)
        self.timeout_s, self._wanted = timeout_s, (dim, metric)
        self._tls, self._message_bytes = tls or ClientTls(), message_bytes
        self._requests = Requests(self.address, message_bytes, half)
        self._metadata = () if token is None else (("authorization", f"Bearer {token}"),)
        self._channel: Any = None
        self._calls: dict[str, Any] = {}

    async def connect(self) -> Self:
        """Connect to the collection, which is made when it is absent and `dim` was given.

        Raises:
            ValueError: The collection has another dimension or metric.
            MemoryStoreError: The server cannot be reached, or refuses.
        """
        options = channel_options(self._message_bytes)
        if self.address.secure:
            credentials = self._tls.credentials()
            self._channel = grpc.aio.secure_channel(self.address.target, credentials, options)
        else:
            self._channel = grpc.aio.insecure_channel(self.address.target, options)
        self._calls = {each.name: each.on(self._channel) for each in methods().values()}
        try:
            described = await self._call("Open", self._requests.open(*self._wanted))
            self._requests.opened(described, *self._wanted)
        except BaseException:
            await self.close()
            raise
        self.dim = self._requests.dim
        self.metric: Metric = check_metric(self._requests.metric)
        return self

    async def add(
        self, ids: Sequence[str], vectors: ArrayLike, metadata: Sequence[Metadata] | None = None
    ) -> None:
        """See `VectorStore.add`."""
        self._check_open()
        await self._call("Push", self._requests.push(ids, vectors, metadata))

    async def push_stream(self, batches: Iterable[Batch], timeout_s: float = 3600.0) -> int:
        """Store many batches over one stream; see `RemoteMemory.push_stream`."""
        self._check_open()
        credits, rows = asyncio.Semaphore(0), 0

        async def feed() -> AsyncIterator[Any]:
            nonlocal rows
            for ids, vectors, metadata in batches:
                request = self._requests.push(ids, vectors, metadata)
                await credits.acquire()
                rows += len(request.ids)
                yield request

        call = self._calls["PushStream"](timeout=timeout_s, metadata=self._metadata)
        sending = asyncio.create_task(_send(call, feed()))
        try:
            async for reply in call:
                for _ in range(reply.credits):
                    credits.release()
            await sending
        except grpc.RpcError as error:
            raise _cause(sending) or failure(error, self.address) from None
        except asyncio.CancelledError:
            if cause := _cause(sending):  # a batch was wrong: the call was given up by us
                raise cause from None
            raise
        finally:
            sending.cancel()
            call.cancel()
        return rows

    async def search(
        self, queries: ArrayLike, k: int, where: Where | None = None, *, bare: bool = False
    ) -> Hits:
        """See `VectorStore.search`; `bare` leaves metadata out."""
        self._check_open()
        pages = self._requests.pages(queries, k, where, bare)
        calls = (self._call("Query", page.request) for page in pages)
        return hits_of(pages, await asyncio.gather(*calls))

    async def get(self, ids: Sequence[str]) -> Rows:
        """See `VectorStore.get`."""
        self._check_open()
        calls = (self._call("Get", each) for each in self._requests.gets(ids))
        return self._requests.rows(await asyncio.gather(*calls))

    async def delete(self, ids: Sequence[str]) -> int:
        """See `VectorStore.delete`."""
        self._check_open()
        return int((await self._call("Delete", self._requests.delete(ids))).removed)

    async def count(self) -> int:
        """Number of rows."""
        self._check_open()
        return int((await self._call("Open", self._requests.open(None, None))).rows)

    async def flush(self) -> None:
        """Have the server bring the collection to disk."""
        self._check_open()
        await self._call("Flush", self._requests.flush())

    async def close(self) -> None:
        """Let go of the connection."""
        channel, self._channel = self._channel, None
        if channel is not None:
            await channel.close()

    async def __aenter__(self) -> Self:
        """Connect."""
        return await self.connect()

    async def __aexit__(self, kind: object, error: object, trace: object) -> None:
        """Close."""
        await self.close()

    async def _call(self, name: str, request: Any) -> Any:
        try:
            return await self._calls[name](request, timeout=self.timeout_s, metadata=self._metadata)
        except grpc.RpcError as error:
            raise failure(error, self.address) from None

    def _check_open(self) -> None:
        if self._channel is None:
            raise MemoryStoreError("The store is not connected. Call `await store.connect()`.")


async def _send(call: Any, requests: AsyncIterator[Any]) -> None:
    """Write every request; when one cannot be made, give up the call."""
    try:
        async for request in requests:
            await call.write(request)
        await call.done_writing()
    except BaseException:
        call.cancel()
        raise


def _cause(sending: asyncio.Task[None]) -> BaseException | None:
    """The error of a batch, when that is why the call ended."""
    if not sending.done() or sending.cancelled():
        return None
    error = sending.exception()
    return error if isinstance(error, ValueError | MemoryStoreError | LookupError) else None
