"""`StreamedMemory`: a `RemoteMemory` whose searches share one stream that stays open.

A call of its own costs both sides more than a small search does: a thread or a task, headers, the
token. On a stream that is said once and every query after is one message each way. The stream is
only the quick way: what it cannot take, because it is not open, broken or out of credits, goes as
a call, with that call's retries and errors, and so does what was on its way when it broke.
"""

from __future__ import annotations

import asyncio
import itertools
import threading
import time
from collections import deque
from collections.abc import Callable, Coroutine, Iterator, Sequence
from concurrent.futures import Future, InvalidStateError
from contextlib import contextmanager
from functools import partial
from typing import Any

import grpc
import grpc.aio

from daneel.memory.service.client import RemoteMemory
from daneel.memory.service.messages import methods
from daneel.memory.service.requests import Page

STREAM_S = 3600.0
"""How long a stream stays open; then it is opened again and the token is shown again."""

REOPEN_S = 1.0
"""Time between two attempts to open one."""

CODES = {code.value[0]: code for code in grpc.StatusCode}


class StreamLoop:
    """An event loop on a thread, for the streams of many servers."""

    def __init__(self) -> None:
        """Start it."""
        self.loop = asyncio.new_event_loop()
        self._lock, self._ended = threading.Lock(), False
        self._held = threading.local()
        self._thread = threading.Thread(target=self._run, name="memory-streams", daemon=True)
        self._thread.start()

    @contextmanager
    def together(self) -> Iterator[None]:
        """Queries that this thread sends inside leave with the end of the block, by one wake-up."""
        self._held.jobs = jobs = list[Callable[[], None]]()
        try:
            yield
        finally:
            self._held.jobs = None
            if jobs:
                self.loop.call_soon_threadsafe(_do_all, jobs)

    def post(self, job: Callable[[], None]) -> None:
        """Do something there soon."""
        jobs = getattr(self._held, "jobs", None)
        if jobs is None:
            self.loop.call_soon_threadsafe(job)
        else:
            jobs.append(job)

    def run(self, job: Coroutine[Any, Any, Any]) -> None:
        """Do something there, to its end; nothing once the loop has ended."""
        with self._lock:
            if self._ended:
                job.close()
                return
            done = asyncio.run_coroutine_threadsafe(job, self.loop)
        done.result()

    def close(self) -> None:
        """End it; its streams are closed before."""
        with self._lock:
            if self._ended:
                return
            self._ended = True
            self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()

    def _run(self) -> None:
        self.loop.run_forever()
        self.loop.close()


def _do_all(jobs: Sequence[Callable[[], None]]) -> None:
    for job in jobs:
        job()


class StreamError(grpc.RpcError):
    """Why one query of a stream failed, as the error of a call says it."""

    def __init__(self, code: grpc.StatusCode, details: str) -> None:
        """A status and its words."""
        super().__init__(details)
        self._code, self._details = code, details

    def code(self) -> grpc.StatusCode:
        """The status."""
        return self._code

    def details(self) -> str:
        """Its words."""
        return self._details


class Asked(Future[Any]):
    """A query on its way; behaves as the future of a gRPC call."""

    def __init__(self, request: Any, timeout_s: float) -> None:
        """A `QueryRequest` that is due within so many seconds."""
        super().__init__()
        self.request, self.ends = request, time.monotonic() + timeout_s

    @property
    def left_s(self) -> float:
        """Time until its deadline."""
        return self.ends - time.monotonic()

    def settle(self, reply: Any) -> None:
        """The reply came; it may say that the query failed."""
        if reply.code:
            code = CODES.get(reply.code, grpc.StatusCode.UNKNOWN)
            self.fail(StreamError(code, reply.details))
        else:
            self._set(self.set_result, reply)

    def fail(self, error: BaseException) -> None:
        """It came to nothing."""
        self._set(self.set_exception, error)

    def late(self) -> None:
        """Its deadline passed; also when the server says nothing at all."""
        self.fail(StreamError(grpc.StatusCode.DEADLINE_EXCEEDED, "no answer on the stream"))

    def _set(self, how: Callable[[Any], None], what: Any) -> None:
        try:
            how(what)
        except InvalidStateError:
            pass  # it was given up, or the deadline was quicker


class QueryStream:
    """One stream to one server; lives on the loop."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        connect: Callable[[], Any],
        metadata: Sequence[tuple[str, str]],
        call: Callable[[Asked], None],
    ) -> None:
        """A stream that is opened when it is first needed.

        Args:
            loop: Where it runs.
            connect: Makes an asyncio channel.
            metadata: The token.
            call: Asks a query by a call of its own.
        """
        self._loop, self._connect, self._metadata, self._call = loop, connect, metadata, call
        self._stream: Any = None
        self._credits, self._tags = 0, itertools.count(1)
        self._pending: dict[int, tuple[Asked, asyncio.TimerHandle]] = {}
        self._outbox: deque[Any] = deque()
        self._writing: asyncio.Task[None] | None = None
        self._reading: asyncio.Task[None] | None = None
        self._opens_at, self._closed = 0.0, False

    async def close(self) -> None:
        """End it; what is on its way fails as with a channel that is closed."""
        self._closed = True
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)

    @property
    def ready(self) -> bool:
        """Whether it can take a query now."""
        return self._credits > 0

    def send(self, asked: Asked) -> None:
        """Send a query, or have it asked by a call."""
        if self._credits < 1 or asked.left_s <= 0:
            self._open_soon()
            self._call(asked)
            return
        self._credits -= 1
        tag, request = next(self._tags), asked.request
        request.tag, request.timeout_ms = tag, max(1, int(1000 * asked.left_s))
        self._pending[tag] = asked, self._loop.call_later(asked.left_s, asked.late)
        self._outbox.append(request)
        if self._writing is None:
            self._writing = self._loop.create_task(self._write())

    def _open_soon(self) -> None:
        if self._reading is None and not self._closed and self._loop.time() >= self._opens_at:
            self._opens_at = self._loop.time() + REOPEN_S
            self._reading = self._loop.create_task(self._live())

    async def _live(self) -> None:
        """Open, take replies until it ends, ask again what it left."""
        channel = self._connect()
        try:
            stream = methods()["QueryStream"].on(channel)
            self._stream = stream(timeout=STREAM_S, metadata=self._metadata)
            async for reply in self._stream:
                self._take(reply)
        except grpc.RpcError:
            pass  # a call of its own will meet the same trouble, and say so
        finally:
            self._credits, self._reading = 0, None
            self._outbox.clear()
            left, self._pending = list(self._pending.values()), {}
            for asked, timer in left:
                timer.cancel()
                self._call(asked)
            await channel.close()

    def _take(self, reply: Any) -> None:
        self._credits += reply.credits
        asked, timer = self._pending.pop(reply.tag, (None, None))
        if asked is not None and timer is not None:
            timer.cancel()
            asked.settle(reply)

    async def _write(self) -> None:
        stream = self._stream
        try:
            while self._outbox:
                await stream.write(self._outbox.popleft())
        except (grpc.RpcError, asyncio.InvalidStateError):
            stream.cancel()  # the reader sees it too and asks again
        finally:
            self._writing = None


class StreamedMemory(RemoteMemory):
    """A `RemoteMemory` whose `start_search` goes through a stream; everything else is the same."""

    def __init__(self, address: str, streams: StreamLoop, *shape: Any, **options: Any) -> None:
        """Connect; see `RemoteMemory`.

        Args:
            address: Of the collection.
            streams: Where the stream runs; ended by whoever made it, after this is closed.
            shape: Dimensions and metric.
            options: Those of `RemoteMemory`.

        Raises:
            ValueError: As `RemoteMemory`.
            MemoryStoreError: As `RemoteMemory`.
        """
        self._streams = streams
        self._stream: QueryStream | None = None
        super().__init__(address, *shape, **options)
        self._stream = QueryStream(streams.loop, self._aio_channel, self._metadata, self._ask_alone)

    def _aio_channel(self) -> Any:
        if self._credentials is None:
            return grpc.aio.insecure_channel(self.address.target, self._options)
        return grpc.aio.secure_channel(self.address.target, self._credentials, self._options)

    @property
    def streaming(self) -> bool:
        """Whether a search that starts now goes through the stream."""
        return self._stream is not None and self._stream.ready

    def close(self) -> None:
        """Let go of the stream and the connection."""
        stream, self._stream = self._stream, None
        if stream is not None:
            self._streams.run(stream.close())
        super().close()

    def _start(self, pages: Sequence[Page]) -> list[Any]:
        stream, calls = self._stream, [Asked(page.request, self.timeout_s) for page in pages]
        for each in calls:
            if stream is None:
                self._ask_alone(each)
            else:
                self._streams.post(partial(stream.send, each))
        return calls

    def _ask_alone(self, asked: Asked) -> None:
        """By a call of its own, with the time that is left."""

        def answered(call: Any) -> None:
            try:
                asked.settle(call.result())
            except (grpc.RpcError, grpc.FutureCancelledError) as error:
                asked.fail(error)

        if asked.done():
            return
        if asked.left_s <= 0:
            asked.late()
            return
        try:
            kept = {"timeout": asked.left_s, "metadata": self._metadata}
            call = self._calls["Query"].future(asked.request, **kept)
        except ValueError as error:  # the channel is closed
            asked.fail(StreamError(grpc.StatusCode.CANCELLED, str(error)))
            return
        call.add_done_callback(answered)
        asked.add_done_callback(lambda each: call.cancel() if each.cancelled() else None)
