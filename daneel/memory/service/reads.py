"""Searches of one collection: a bounded queue and dynamic batches.

A search that finds a free engine thread starts at once; those that come while all are busy gather,
and the ones that ask alike (same k, same condition) go to the engine together. Nobody waits for a
timer: at low load batching costs no latency, at high load batches grow by themselves.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from daneel.memory.check import check_k, check_vectors
from daneel.memory.protocol import Hits, VectorStore
from daneel.memory.service import wire
from daneel.memory.service.room import Room


@dataclass
class _Waiting:
    request: Any
    rows: int
    done: asyncio.Future[Any] = field(default_factory=lambda: asyncio.Future())

    @property
    def alike(self) -> tuple[int, bytes]:
        return (self.request.k, self.request.where)


class ReadQueue:
    """Takes queries from many calls and hands them to the engine in batches."""

    def __init__(
        self,
        store: VectorStore,
        pool: Executor,
        room: Room,
        batch_rows: int,
        threads: int,
        observe: Callable[[str, int, float], None],
    ) -> None:
        """A queue in front of a store.

        Args:
            store: What is searched.
            pool: Threads for engine calls.
            room: How many rows may wait.
            batch_rows: Rows of a batch, unless one request alone has more.
            threads: Batches at a time.
            observe: Told the kind, the rows and the seconds of each batch.
        """
        self._store, self._pool, self._room = store, pool, room
        self._batch_rows, self._free, self._observe = batch_rows, threads, observe
        self._waiting: deque[_Waiting] = deque()

    async def ask(self, request: Any, wait: bool) -> Any:
        """The `QueryReply` of a `QueryRequest`.

        Raises:
            Refusal: The queue is full and `wait` is false.
        """
        rows = max(1, len(request.queries.data) // max(1, 4 * request.queries.dim))
        await self._room.enter(rows, wait)
        item = _Waiting(request, rows)
        self._waiting.append(item)
        if self._free:
            self._free -= 1
            self._begin()
        return await item.done

    def _begin(self) -> None:
        """Hand a batch to a free thread; callbacks, as a task each costs more than a small search.

        Raises:
            RuntimeError: The threads have ended.
        """
        loop, items = asyncio.get_running_loop(), self._next()
        live = [item for item in items if not item.done.cancelled()]
        requests, began = [item.request for item in live], loop.time()

        def ended(work: asyncio.Future[list[Any]]) -> None:
            rows, seconds = sum(item.rows for item in items), loop.time() - began
            self._observe("read", rows, seconds)
            self._room.leave(rows, seconds)
            for item, reply in zip(live, work.result(), strict=True):
                _settle(item.done, reply)
            if self._waiting:
                self._begin()
            else:
                self._free += 1

        loop.run_in_executor(self._pool, answer, self._store, requests).add_done_callback(ended)

    def _next(self) -> list[_Waiting]:
        """The first request and those like it, up to the size of a batch; the others stay."""
        first = self._waiting.popleft()
        items, others, rows = [first], deque[_Waiting](), first.rows
        while self._waiting and rows < self._batch_rows:
            item = self._waiting.popleft()
            if item.alike == first.alike and rows + item.rows <= self._batch_rows:
                items.append(item)
                rows += item.rows
            else:
                others.append(item)
        self._waiting.extendleft(reversed(others))
        return items


def _settle(done: asyncio.Future[Any], answer: Any) -> None:
    if done.done():  # its caller went away meanwhile
        return
    if isinstance(answer, Exception):
        done.set_exception(answer)
    else:
        done.set_result(answer)


def answer(store: VectorStore, requests: Sequence[Any]) -> list[Any]:
    """The reply, or the error, of each of requests that ask alike. Never raises."""
    if len(requests) < 2:
        return [_alone(store, request) for request in requests]
    try:
        return _together(store, requests)
    except Exception:  # one of them is wrong: find it by asking each alone
        return [_alone(store, request) for request in requests]


def _alone(store: VectorStore, request: Any) -> Any:
    try:
        where = wire.unpack_where(request.where)
        hits = store.search(wire.unpack(request.queries), check_k(request.k), where)
        return wire.pack_hits(hits, request.bare, request.tag)
    except Exception as error:
        return error


def _together(store: VectorStore, requests: Sequence[Any]) -> list[Any]:
    dim, first = store.dim, requests[0]
    arrays = [check_vectors("queries", wire.unpack(each.queries), dim) for each in requests]
    hits = store.search(np.concatenate(arrays), first.k, wire.unpack_where(first.where))
    replies, at = [], 0
    for request, array in zip(requests, arrays, strict=True):
        span = slice(at, at + len(array))
        part = Hits(hits.ids[span], hits.scores[span], hits.metadata[span])
        replies.append(wire.pack_hits(part, request.bare, request.tag))
        at += len(array)
    return replies
