"""Writes of one collection: a bounded queue and group commits.

While the engine commits, further writes gather; all that wait go into the next commit, and each is
acknowledged when its commit is kept. Order of arrival is order of effect.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from daneel.memory.check import check_ids, check_metadata, check_vectors
from daneel.memory.protocol import VectorStore
from daneel.memory.service import wire
from daneel.memory.service.room import Room

Outcome = int | Exception
"""Rows removed by a delete, 0 for a push; or why it was not done."""


@dataclass(frozen=True)
class Push:
    """Rows to store, still as they came."""

    ids: Sequence[str]
    vectors: Any
    metadata: bytes


@dataclass(frozen=True)
class Delete:
    """Ids to remove."""

    ids: Sequence[str]


Write = Push | Delete


@dataclass
class _Waiting:
    write: Write
    ends: float
    done: asyncio.Future[int] = field(default_factory=lambda: asyncio.Future())


class WriteQueue:
    """Takes writes from many calls and hands them to the engine, one commit at a time."""

    def __init__(
        self,
        store: VectorStore,
        pool: Executor,
        room: Room,
        commit_rows: int,
        observe: Callable[[str, int, float], None],
    ) -> None:
        """A queue in front of a store.

        Args:
            store: Where rows go.
            pool: Threads for engine calls.
            room: How many rows may wait.
            commit_rows: Rows of a commit, unless one write alone has more.
            observe: Told the kind, the rows and the seconds of each commit.
        """
        self._store, self._pool, self._room = store, pool, room
        self._commit_rows, self._observe = commit_rows, observe
        self._waiting: deque[_Waiting] = deque()
        self._worker: asyncio.Task[None] | None = None

    async def write(self, write: Write, ends: float, wait: bool) -> int:
        """Do a write; it is kept when this returns, the rows that a delete removed.

        Args:
            write: What to do.
            ends: Deadline on the loop's clock. A write that has not begun by then is not done:
                its client may have gone to another server, and what it wrote there is newer.
            wait: When the queue is full, wait (streams) or refuse (single calls).

        Raises:
            Refusal: The queue is full; says when to come back.
            TimeoutError: The deadline passed before its turn came.
        """
        await self._room.enter(len(write.ids), wait)
        item = _Waiting(write, ends)
        self._waiting.append(item)
        if self._worker is None:
            self._worker = asyncio.create_task(self._work())
        return await item.done

    async def _work(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting:
            items, began = self._next(loop.time()), loop.time()
            writes = [item.write for item in items]
            outcomes = await loop.run_in_executor(self._pool, apply, self._store, writes)
            rows, seconds = sum(len(write.ids) for write in writes), loop.time() - began
            self._observe("write", rows, seconds)
            self._room.leave(rows, seconds)
            for item, outcome in zip(items, outcomes, strict=True):
                _settle(item.done, outcome)
        self._worker = None

    def _next(self, now: float) -> list[_Waiting]:
        """The first write and those of its kind right behind it, up to the size of a commit."""
        items, rows = list[_Waiting](), 0
        while self._waiting:
            item = self._waiting[0]
            if items and type(item.write) is not type(items[0].write):
                break
            if items and rows + len(item.write.ids) > self._commit_rows:
                break
            self._waiting.popleft()
            if item.ends <= now:
                self._room.leave(len(item.write.ids), 0.0)
                _settle(item.done, TimeoutError())
                continue
            items.append(item)
            rows += len(item.write.ids)
        return items


def _settle(done: asyncio.Future[int], outcome: Outcome) -> None:
    if done.done():
        return
    if isinstance(outcome, Exception):
        done.set_exception(outcome)
    else:
        done.set_result(outcome)


def apply(store: VectorStore, writes: Sequence[Write]) -> list[Outcome]:
    """Do writes of one kind in their order; an outcome for each. Never raises."""
    if len(writes) > 1 and isinstance(writes[0], Push):
        try:
            _push_together(store, [each for each in writes if isinstance(each, Push)])
            return [0] * len(writes)
        except (ValueError, LookupError):  # Nothing was written. One of them is wrong.
            return _apart(store, writes)
        except Exception as error:
            return [error] * len(writes)
    return [_apply_one(store, write) for write in writes]


def _apart(store: VectorStore, writes: Sequence[Write]) -> list[Outcome]:
    """The wrong ones alone, for their errors; the others together still."""
    right = [isinstance(each, Push) and _fits(store, each) for each in writes]
    if all(right):
        return [_apply_one(store, write) for write in writes]
    together = apply(store, [write for write, good in zip(writes, right, strict=True) if good])
    rest = iter(together)
    return [
        next(rest) if good else _apply_one(store, write)
        for write, good in zip(writes, right, strict=True)
    ]


def _fits(store: VectorStore, push: Push) -> bool:
    """Whether a store would take it."""
    try:
        found = check_vectors("vectors", wire.unpack(push.vectors), store.dim)
        entries = wire.unpack_metadata(push.metadata, len(push.ids))
        if entries is not None:
            check_metadata(entries, len(push.ids))
        return len(check_ids(push.ids)) == len(found)
    except (ValueError, LookupError):
        return False


def _apply_one(store: VectorStore, write: Write) -> Outcome:
    try:
        if isinstance(write, Delete):
            return store.delete(list(write.ids))
        rows = len(write.ids)
        metadata = wire.unpack_metadata(write.metadata, rows)
        store.add(list(write.ids), wire.unpack(write.vectors), metadata)
        return 0
    except Exception as error:
        return error


def _push_together(store: VectorStore, pushes: Sequence[Push]) -> None:
    """One `add` of several pushes; of an id that comes again the later row is kept."""
    ids = [name for push in pushes for name in push.ids]
    vectors = _stack(pushes)
    metadata = _metadata(pushes) if any(push.metadata for push in pushes) else None
    if len(set(ids)) == len(ids):
        store.add(ids, vectors, metadata)
        return
    for push in pushes:
        check_ids(push.ids)  # twice in one push is an error, in two is not
    last = sorted({name: at for at, name in enumerate(ids)}.values())
    chosen = None if metadata is None else [metadata[at] for at in last]
    store.add([ids[at] for at in last], vectors[last], chosen)


def _stack(pushes: Sequence[Push]) -> NDArray[np.float32]:
    arrays = [wire.unpack(push.vectors) for push in pushes]
    for push, array in zip(pushes, arrays, strict=True):
        if len(push.ids) != len(array):
            raise ValueError(f"{len(push.ids)} ids for {len(array)} vectors. Expected as many.")
    return np.concatenate(arrays)


def _metadata(pushes: Sequence[Push]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for push in pushes:
        rows = len(push.ids)
        found += wire.unpack_metadata(push.metadata, rows) or [{} for _ in range(rows)]
    return found
