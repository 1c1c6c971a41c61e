"""What each rpc of the memory service does."""

from __future__ import annotations

import asyncio
from concurrent.futures import Executor
from typing import Any

import grpc

from daneel.memory.check import check_ids, check_metric
from daneel.memory.service import wire
from daneel.memory.service.admission import Call
from daneel.memory.service.collection import Collection, Collections
from daneel.memory.service.limits import Limits
from daneel.memory.service.messages import message
from daneel.memory.service.refusal import Refusal
from daneel.memory.service.writes import Delete, Push


class MemoryServicer:
    """The rpcs, each a coroutine of a request and its call."""

    def __init__(self, collections: Collections, pool: Executor, limits: Limits) -> None:
        """Serve those collections."""
        self._collections, self._pool, self._limits = collections, pool, limits

    async def open(self, request: Any, call: Call) -> Any:
        """`Open`: describe a collection, or make it."""
        name = request.collection
        call.demand("read", name)
        if request.dim and not call.caller.may("create", name):
            found = await self._collections.find(name)  # fails when it is absent
        elif request.dim:
            metric = check_metric(request.metric) if request.metric else None
            found = await self._collections.make(name, request.dim, metric)
        else:
            found = await self._collections.find(name)
        rows = await self._engine(found.store.__len__)
        described = message("Description")(dim=found.store.dim, metric=found.store.metric)
        described.rows, described.max_message_bytes = rows, self._limits.message_bytes
        return described

    async def list(self, request: Any, call: Call) -> Any:
        """`List`: the names that the caller may read."""
        names = await self._collections.names()
        return message("ListReply")(
            collections=[each for each in names if call.caller.may("read", each)]
        )

    async def push(self, request: Any, call: Call) -> Any:
        """`Push`: answered when the rows are kept."""
        await asyncio.shield(await self.start_push(request, call, wait=False))
        return message("PushReply")(sequence=request.key.sequence)

    async def start_push(self, request: Any, call: Call, wait: bool) -> asyncio.Future[int]:
        """Queue rows; the future is done when they are kept. `wait` for room, or refuse."""
        call.demand("write", request.collection)
        found = await self._collections.find(request.collection)
        write = Push(request.ids, request.vectors, request.metadata)
        return self._once(found, request.key, write, call, wait)

    async def query(self, request: Any, call: Call, wait: bool = False) -> Any:
        """`Query`, and each message of `QueryStream`."""
        call.demand("read", request.collection)
        rows = len(request.queries.data) // max(1, 4 * request.queries.dim)
        if rows * request.k > self._limits.hits:
            raise ValueError(
                f"{rows} queries with k {request.k} ask for {rows * request.k} hits. "
                f"Expected at most {self._limits.hits} a call. Ask in parts."
            )
        found = await self._collections.find(request.collection)
        return await found.reads.ask(request, wait)

    async def get(self, request: Any, call: Call) -> Any:
        """`Get`: the rows of ids."""
        call.demand("read", request.collection)
        store = (await self._collections.find(request.collection)).store
        rows = await self._engine(store.get, list(request.ids))
        metadata = wire.pack_metadata(rows.metadata)
        return message("GetReply")(ids=rows.ids, vectors=wire.pack(rows.vectors), metadata=metadata)

    async def delete(self, request: Any, call: Call) -> Any:
        """`Delete`: in order with the pushes before it."""
        call.demand("write", request.collection)
        found = await self._collections.find(request.collection)
        ids = check_ids(request.ids)
        done = self._once(found, request.key, Delete(ids), call, wait=False)
        return message("DeleteReply")(removed=await asyncio.shield(done))

    async def flush(self, request: Any, call: Call) -> Any:
        """`Flush`: everything to disk."""
        call.demand("write", request.collection)
        found = await self._collections.find(request.collection)
        await self._engine(found.store.flush)
        return message("FlushReply")()

    def _once(
        self, found: Collection, key: Any, write: Push | Delete, call: Call, wait: bool
    ) -> asyncio.Future[int]:
        """Queue a write, or find it again when its key was seen before."""
        if not key.client or not key.sequence:
            raise Refusal(
                grpc.StatusCode.INVALID_ARGUMENT,
                "The write has no key. Expected a client id and a sequence number from 1.",
            )
        client = f"{call.caller.name}/{key.client}"
        done = found.keys.find(client, key.sequence)
        if done is None:
            done = asyncio.ensure_future(found.writes.write(write, call.ends, wait))
            found.keys.put(client, key.sequence, done)
        return done

    async def _engine(self, do: Any, *arguments: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._pool, do, *arguments)
