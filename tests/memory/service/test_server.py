"""The server under misuse and load: deadlines, bounds, keys, batches, slow clients."""

from __future__ import annotations

import asyncio
import math
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import numpy as np
import pytest

from daneel.memory.service import wire
from daneel.memory.service.client import RemoteMemory
from daneel.memory.service.client_async import AsyncRemoteMemory
from daneel.memory.service.keys import AppliedKeys
from daneel.memory.service.messages import message
from daneel.memory.service.refusal import PUSHBACK, Refusal
from daneel.memory.service.server import MemoryServer
from daneel.memory.service.shelf import FixedShelf
from daneel.memory.service.threaded import serving
from daneel.memory.service.writes import Delete, Push, apply
from tests.memory.contract import DIM, rows_of
from tests.memory.service.gated import LIMITS, Gated, push, query, refused, rpc, until_waiting


def test_a_deadline_is_required(channel: grpc.Channel) -> None:
    """Of single calls and of streams."""
    error = refused(rpc(channel, "Query"), query())
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT and "deadline" in error.details()
    error = refused(lambda: list(rpc(channel, "PushStream")(iter([push()]))))
    assert "deadline" in error.details()


def test_raw_requests_that_are_wrong(channel: grpc.Channel, store: Gated) -> None:
    """The server checks again what clients check; nothing is written."""
    bad = wire.pack(np.ones((1, DIM), np.float32))
    bad.data = bad.data[:-1]
    nan = wire.pack(np.full((1, DIM), np.nan, np.float32))
    odd = message("PushRequest")()
    odd.CopyFrom(push())
    odd.metadata = b"[1]"
    for request in (
        query(queries=bad), query(queries=nan), query(k=0), query(k=4_000_000_000),
        query(where=b"["), query(where=b"[]"), query(where=b'{"a": {"like": 1}}'),
        query(queries=wire.pack(np.ones((1, DIM + 1), np.float32))),
    ):  # fmt: skip
        error = refused(rpc(channel, "Query"), request, timeout=5)
        assert error.code() is grpc.StatusCode.INVALID_ARGUMENT, (request, error)
    for request in (push(0), push(client=""), push(ids=("x", "x")), push(ids=("",)), odd):
        error = refused(rpc(channel, "Push"), request, timeout=5)
        assert error.code() is grpc.StatusCode.INVALID_ARGUMENT, (request, error)
    error = refused(rpc(channel, "Query"), query(collection="../a"), timeout=5)
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert len(store) == 20


def test_oversized_messages(channel: grpc.Channel, server: MemoryServer) -> None:
    """Refused by the server, and before that by the client, which says what to do."""
    many = tuple(f"{n:040}" for n in range(2000))
    error = refused(rpc(channel, "Push"), push(ids=many), timeout=5)
    assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    with RemoteMemory(f"{server.address}/a") as client:
        with pytest.raises(ValueError, match="push_stream"):
            client.add(many, np.ones((2000, DIM)))


def test_a_full_queue_refuses_with_a_hint(
    channel: grpc.Channel, server: MemoryServer, store: Gated
) -> None:
    """Single calls are told when to come back; what waits is kept in the end."""
    store.gate.clear()
    call = rpc(channel, "Push")
    names = [tuple(f"{n}-{i}" for i in range(50)) for n in range(6)]
    running = [call.future(push(n + 1, ids), timeout=30) for n, ids in enumerate(names[:4])]
    until_waiting(server, "write", 200)
    error = refused(call, push(9, names[5]), timeout=5)
    assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert int(dict(error.trailing_metadata())[PUSHBACK]) >= 10
    store.gate.set()
    for each in running:
        each.result()
    assert len(store) == 220


def test_a_retry_is_not_done_twice(
    channel: grpc.Channel, server: MemoryServer, store: Gated
) -> None:
    """The same key again is answered, also while the first is on its way; a later write stays."""
    call = rpc(channel, "Push")
    store.gate.clear()
    running = [call.future(push(1), timeout=20) for _ in range(3)]
    until_waiting(server, "write", 1)
    store.gate.set()
    for each in running:
        each.result()
    assert store.adds == 1
    call(push(2), timeout=5)
    call(push(1), timeout=5)
    assert store.get(["x"]).vectors[0, 0] == 2
    remove = message("DeleteRequest")(collection="a", key=push(3).key, ids=["x", "row1"])
    assert [rpc(channel, "Delete")(remove, timeout=5).removed for _ in range(2)] == [2, 2]


def test_keys_forget_failures_and_refuse_what_is_too_old() -> None:
    """Bounded, and never silently wrong."""

    async def use() -> None:
        keys = AppliedKeys(window=3, clients=2)
        loop = asyncio.get_running_loop()
        for sequence in range(1, 6):
            done: asyncio.Future[int] = loop.create_future()
            keys.put("a", sequence, done)
            done.set_result(0)
        failed: asyncio.Future[int] = loop.create_future()
        keys.put("a", 6, failed)
        failed.set_exception(ValueError("x"))
        await asyncio.sleep(0)
        assert keys.find("a", 6) is None and keys.find("a", 5) is not None
        with pytest.raises(Refusal, match="older"):
            keys.find("a", 1)
        for client in "bc":
            keys.put(client, 1, loop.create_future())
        assert keys.find("a", 1) is None  # this client was forgotten

    asyncio.run(use())


def test_writes_that_wait_are_committed_together(
    channel: grpc.Channel, server: MemoryServer, store: Gated
) -> None:
    """One wrong write among them fails alone; the last of an id wins."""
    store.gate.clear()
    call = rpc(channel, "Push")
    running = [call.future(push(1, ("first",)), timeout=20)]
    until_waiting(server, "write", 1)
    running += [call.future(push(n, (f"x{n}", "both")), timeout=20) for n in range(2, 9)]
    until_waiting(server, "write", 15)
    store.gate.set()
    for each in running:
        each.result()
    assert store.adds == 2 and store.get(["both"]).vectors[0, 0] > 1
    good, bad = push(1, ("g",)), push(2, ("h", "h"))
    writes = [Push(each.ids, each.vectors, each.metadata) for each in (good, bad, push(3, ("i",)))]
    store.adds = 0
    outcomes = apply(store, writes)
    assert outcomes[0] == outcomes[2] == 0 and isinstance(outcomes[1], ValueError)
    assert store.adds == 2  # the two right ones together, the wrong one alone
    assert apply(store, [Delete(["g", "i", "h"])]) == [2]


def test_a_write_whose_deadline_passed_is_not_done(
    channel: grpc.Channel, server: MemoryServer, store: Gated
) -> None:
    """Its client may have written elsewhere meanwhile."""
    store.gate.clear()
    call = rpc(channel, "Push")
    first = call.future(push(1, ("first",)), timeout=20)
    until_waiting(server, "write", 1)
    error = refused(call, push(2, ("late",)), timeout=0.3)
    assert error.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    time.sleep(0.2)
    store.gate.set()
    first.result()
    call(push(3, ("last",)), timeout=5)
    assert store.get(["first", "late", "last"]).ids == ["first", "last"]


def test_single_queries_are_batched(
    channel: grpc.Channel, server: MemoryServer, store: Gated
) -> None:
    """Those that come while the engine is busy go to it together, by what they ask."""
    store.gate.clear()
    call = rpc(channel, "Query")
    running = [call.future(query(k=k), timeout=20) for k in [3] * 30 + [5] * 10]
    until_waiting(server, "read", 40)
    store.gate.set()
    sizes = [len(each.result().ids) for each in running]
    assert sizes == [3] * 30 + [5] * 10
    assert sum(store.batches) == 40 and len(store.batches) <= 6


def test_credits_are_held(channel: grpc.Channel, store: Gated) -> None:
    """A client that sends more than it may is cut off; its acknowledged batches are kept."""
    store.gate.clear()
    requests = [push(n, (f"s{n}",)) for n in range(1, 8)]
    call = rpc(channel, "PushStream")(iter(requests), timeout=20)
    assert next(call).credits == LIMITS.credits
    error = refused(lambda: list(call))
    assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED and "credits" in error.details()


def test_query_stream(channel: grpc.Channel) -> None:
    """Answers carry the tag of their question, in any order."""
    replies = rpc(channel, "QueryStream")((query(tag=n, k=n) for n in (3, 1, 4)), timeout=10)
    found = {each.tag: len(each.ids) for each in replies}
    assert found == {0: 0, 3: 3, 1: 1, 4: 4}


def test_a_slow_client_holds_up_nobody(channel: grpc.Channel, server: MemoryServer) -> None:
    """One that does not read its answers gets few, and others are served."""
    sent, stop = list[int](), threading.Event()

    def questions() -> Iterator[Any]:
        for n in range(4):
            sent.append(n)
            yield query(tag=n, k=1000)
        stop.wait(20)

    slow = rpc(channel, "QueryStream")(questions(), timeout=30)
    with RemoteMemory(f"{server.address}/a") as other:
        for _ in range(20):
            assert other.search(np.ones(DIM), 1).ids[0, 0] is not None
    assert len(sent) <= LIMITS.credits
    stop.set()
    slow.cancel()


def test_many_concurrent_queries(server: MemoryServer, store: Gated) -> None:
    """Hundreds through one connection, all right; those that wait go to the engine together."""
    ids, vectors = rows_of(20)
    store.gate.clear()

    async def use() -> None:
        async with AsyncRemoteMemory(f"{server.address}/a", timeout_s=60) as client:
            free = asyncio.Semaphore(150)

            async def ask(n: int) -> bool:
                async with free:
                    hits = await client.search(vectors[n % 20], 1)
                return hits.ids[0, 0] == ids[n % 20]

            asked = asyncio.gather(*(ask(n) for n in range(400)))
            await asyncio.to_thread(until_waiting, server, "read", 150)
            store.gate.set()
            assert all(await asked)

    asyncio.run(asyncio.wait_for(use(), 60))
    assert sum(store.batches) == 400
    assert len(store.batches) <= 250 + LIMITS.threads + math.ceil(150 / LIMITS.batch_rows) + 1


def test_ten_thousand_queries_at_once() -> None:
    """With a server's own limits: every one is answered, and answered right."""
    store = Gated(DIM)
    ids, vectors = rows_of(20)
    store.add(ids, vectors)

    async def use(address: str) -> None:
        async with AsyncRemoteMemory(f"{address}/a", timeout_s=120) as client:
            asked = (client.search(vectors[n % 20], 1) for n in range(10_000))
            for n, hits in enumerate(await asyncio.gather(*asked)):
                assert hits.ids[0, 0] == ids[n % 20]

    with serving(MemoryServer(FixedShelf({"a": store}))) as server:
        asyncio.run(asyncio.wait_for(use(server.address), 120))
    assert sum(store.batches) == 10_000


def test_two_writers(server: MemoryServer, store: Gated) -> None:
    """Two clients write the same ids at once: each row is one of theirs, whole."""

    def write(which: int) -> None:
        with RemoteMemory(f"{server.address}/a") as client:
            for turn in range(20):
                value = np.full((5, DIM), which * 100 + turn, np.float32)
                client.add([f"w{n}" for n in range(5)], value, [{"of": which * 100 + turn}] * 5)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(write, (1, 2)))
    rows = store.get([f"w{n}" for n in range(5)])
    assert len({entry["of"] for entry in rows.metadata}) == 1
    assert (rows.vectors == rows.metadata[0]["of"]).all()
