"""Collections that a server has open: a store, its queues and the keys of its writes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor

import grpc

from daneel.memory.protocol import Metric, VectorStore
from daneel.memory.service.keys import AppliedKeys
from daneel.memory.service.limits import Limits
from daneel.memory.service.reads import ReadQueue
from daneel.memory.service.refusal import Refusal
from daneel.memory.service.room import Room
from daneel.memory.service.shelf import NAME, Shelf
from daneel.memory.service.writes import WriteQueue

Observe = Callable[[str, int, float], None]
"""Told the kind, the rows and the seconds of each engine call."""


class Collection:
    """One store with its queues."""

    def __init__(
        self, store: VectorStore, pool: Executor, limits: Limits, observe: Observe
    ) -> None:
        """Serve a store on the threads of `pool`."""
        self.store, self.keys = store, AppliedKeys()
        self.write_room, self.read_room = Room(limits.queue_rows), Room(limits.queue_rows)
        rows, threads = limits.batch_rows, limits.threads
        self.reads = ReadQueue(store, pool, self.read_room, rows, threads, observe)
        self.writes = WriteQueue(store, pool, self.write_room, limits.commit_rows, observe)


class Collections:
    """Opens each collection when it is first asked for."""

    def __init__(
        self,
        shelf: Shelf,
        pool: Executor,
        limits: Limits,
        observe: Observe,
        opened: Callable[[str, Collection], None] = lambda name, collection: None,
    ) -> None:
        """Collections of a shelf; `opened` is told of each that was opened."""
        self._shelf, self._pool, self._limits = shelf, pool, limits
        self._observe, self._opened = observe, opened
        self._open: dict[str, Collection] = {}
        self._lock = asyncio.Lock()

    async def names(self) -> list[str]:
        """Those that exist."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pool, lambda: sorted(self._shelf.names()))

    async def find(self, name: str) -> Collection:
        """The collection of that name.

        Raises:
            Refusal: There is none.
        """
        found = self._open.get(name)
        return found if found is not None else await self._open_now(name, None, None)

    async def make(self, name: str, dim: int, metric: Metric | None) -> Collection:
        """The collection of that name, made when it is absent; a metric of None is the store's.

        Raises:
            Refusal: The name cannot be one.
            ValueError: It has another dimension or metric.
        """
        found = self._open.get(name)
        found = found if found is not None else await self._open_now(name, dim, metric)
        store, wanted = found.store, metric or found.store.metric
        if (store.dim, store.metric) != (dim, wanted):
            raise ValueError(
                f"Collection {name!r} has dim {store.dim} and metric {store.metric!r}. "
                f"Expected {dim} and {wanted!r}. Take those, or another name."
            )
        return found

    async def close(self) -> None:
        """Close every store, also when closing one of them fails.

        Raises:
            Exception: What the first one that failed said.
        """
        loop = asyncio.get_running_loop()
        closing = [
            loop.run_in_executor(self._pool, each.store.close) for each in self._open.values()
        ]
        self._open.clear()
        failures = await asyncio.gather(*closing, return_exceptions=True)
        for failure in failures:
            if failure is not None:
                raise failure

    async def _open_now(self, name: str, dim: int | None, metric: Metric | None) -> Collection:
        if not NAME.fullmatch(name):
            raise Refusal(
                grpc.StatusCode.INVALID_ARGUMENT,
                f"collection is {name!r}. Expected 1 to 64 letters, digits, `_`, `-` and `.`.",
            )
        async with self._lock:
            if name in self._open:  # another call was faster
                return self._open[name]
            if dim is None and name not in await self.names():
                raise _unknown(name)
            loop = asyncio.get_running_loop()
            store = await loop.run_in_executor(self._pool, self._shelf.open, name, dim, metric)
            found = Collection(store, self._pool, self._limits, self._observe)
            self._open[name] = found
            self._opened(name, found)
            return found


def _unknown(name: str) -> Refusal:
    return Refusal(
        grpc.StatusCode.NOT_FOUND,
        f"There is no collection {name!r}. Expected one that exists. "
        "Give a dim to make it: open_store('grpc://.../" + name + "', dim=...).",
    )
