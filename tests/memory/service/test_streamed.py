"""Searches through a stream: as calls of their own would be, whatever happens to the stream."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import numpy as np
import pytest

from daneel.errors import MemoryStoreError
from daneel.memory.in_memory import InMemoryStore
from daneel.memory.service import wire
from daneel.memory.service.access import Access, make_access
from daneel.memory.service.client import RemoteMemory
from daneel.memory.service.distributed import DistributedMemory
from daneel.memory.service.messages import SERVICE, message, methods
from daneel.memory.service.requests import UnreachableError
from daneel.memory.service.server import MemoryServer
from daneel.memory.service.shelf import FixedShelf
from daneel.memory.service.streamed import StreamedMemory, StreamLoop
from daneel.memory.service.threaded import serving
from tests.memory.contract import DIM, assert_hits, rows_of
from tests.memory.service.cable import cable
from tests.memory.service.gated import LIMITS, Gated, query, refused, rpc, until_waiting

TOKEN = "the-token-of-a-robot"
IDS, VECTORS = rows_of(20)


@pytest.fixture
def streams() -> Iterator[StreamLoop]:
    """Where streams run."""
    loop = StreamLoop()
    yield loop
    loop.close()


def until(holds: Callable[[], bool]) -> None:
    """Wait for something."""
    ends = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < ends
        time.sleep(0.01)


def ask(store: StreamedMemory, at: int, k: int = 1) -> str:
    """The id of the row nearest to a row."""
    return store.start_search(VECTORS[at], k).result().ids[0, 0]


def streaming(store: StreamedMemory) -> StreamedMemory:
    """A store whose stream is open."""
    assert ask(store, 0) == "row0"
    until(lambda: store.streaming)
    return store


def access(token: str) -> Access:
    """One robot with that token."""
    return make_access([{"name": "robot", "token": token, "rules": {"*": "read"}}])


def test_answers_are_those_of_calls(
    server: MemoryServer, streams: StreamLoop, caplog: pytest.LogCaptureFixture
) -> None:
    """Ids, scores and metadata of pages, conditions and many threads; nothing is complained of."""
    queries = np.random.default_rng(0).normal(size=(120, DIM))
    with (
        caplog.at_level(logging.WARNING, "asyncio"),
        RemoteMemory(f"{server.address}/a") as calls,
        StreamedMemory(f"{server.address}/a", streams) as store,
        ThreadPoolExecutor(8) as pool,
    ):
        streaming(store)
        kinds: list[dict[str, Any]] = [{}, {"where": {"n": {"lt": 7}}}, {"bare": True}]
        for options in kinds:
            found = store.start_search(queries, 3, **options).result()
            assert_hits(found, calls.search(queries, 3, **options))
        parts = list(pool.map(lambda at: ask(store, at % 20), range(100)))
        assert parts == [IDS[at % 20] for at in range(100)]
        assert store.streaming
    assert not caplog.records


def test_more_than_the_credits_goes_by_calls(
    server: MemoryServer, store: Gated, streams: StreamLoop
) -> None:
    """Twelve at once where four may be on a stream: none is lost, and the stream lives."""
    with StreamedMemory(f"{server.address}/a", streams) as client:
        streaming(client)
        store.gate.clear()
        waiting = [client.start_search(VECTORS[at], 1) for at in range(12)]
        until_waiting(server, "read", 12)
        assert not client.streaming and not any(each.done for each in waiting)
        store.gate.set()
        assert [each.result().ids[0, 0] for each in waiting] == IDS[:12]
        until(lambda: client.streaming)


def test_a_stream_that_breaks_leaves_no_query_unanswered(
    server: MemoryServer, store: Gated, streams: StreamLoop
) -> None:
    """Cut while a query is on its way: a call asks again; later ones have a new stream."""
    with (
        cable(server.port) as link,
        StreamedMemory(f"grpc://127.0.0.1:{link.port}/a", streams) as client,
    ):
        streaming(client)
        store.gate.clear()
        waiting = client.start_search(VECTORS[5], 1)
        until_waiting(server, "read", 1)
        link.cut()
        link.mend()
        store.gate.set()
        assert waiting.result().ids[0, 0] == "row5"
        until(lambda: ask(client, 6) == "row6" and client.streaming)


def test_a_node_that_is_gone_is_an_error_until_it_is_back(streams: StreamLoop) -> None:
    """The error is that of a call, and so is the time it takes."""
    kept = InMemoryStore(DIM)
    kept.add(IDS, VECTORS)
    with serving(MemoryServer(FixedShelf({"a": kept}))) as first, cable(first.port) as link:
        address = f"grpc://127.0.0.1:{link.port}/a"
        with StreamedMemory(address, streams, timeout_s=5) as client:
            streaming(client)
            link.cut()
            with pytest.raises(UnreachableError, match="cannot be reached"):
                client.start_search(VECTORS[1], 1).result()
            link.mend()
            until(lambda: _answers(client) and client.streaming)


def _answers(store: StreamedMemory) -> bool:
    try:
        return ask(store, 3) == "row3"
    except UnreachableError:
        return False


@pytest.mark.parametrize("warm", [True, False])
def test_deadlines(server: MemoryServer, store: Gated, streams: StreamLoop, warm: bool) -> None:
    """An engine that hangs costs a caller no more than his deadline; others go on."""
    with StreamedMemory(f"{server.address}/a", streams, timeout_s=1.0) as client:
        if warm:
            streaming(client)
        store.gate.clear()
        began = time.monotonic()
        with pytest.raises(UnreachableError, match="deadline"):
            client.start_search(VECTORS[1], 1).result()
        assert 0.9 < time.monotonic() - began < 4.0
        store.gate.set()
        assert ask(client, 2) == "row2"


def test_a_server_that_says_nothing_is_late_too(streams: StreamLoop) -> None:
    """The deadline is held here too: a server that hangs cannot tell of it."""
    calls = list[str]()

    def open_(request: Any, context: Any) -> Any:
        return message("Description")(dim=DIM, metric="cosine", max_message_bytes=1 << 20)

    def silent(requests: Iterator[Any], context: Any) -> Iterator[Any]:
        yield message("QueryReply")(credits=8)
        for _ in requests:
            calls.append("stream")

    def alone(request: Any, context: Any) -> Any:
        calls.append("call")
        return message("QueryReply")(ids=["x"], scores=np.ones(1, "<f4").tobytes())

    with ThreadPoolExecutor(4) as pool:
        server = grpc.server(pool)
        kinds = {"Open": open_, "Query": alone, "QueryStream": silent}
        server.add_generic_rpc_handlers((_handlers(kinds),))
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        with StreamedMemory(f"grpc://127.0.0.1:{port}/a", streams, timeout_s=0.5) as client:
            assert ask(client, 0) == "x"
            until(lambda: client.streaming)
            with pytest.raises(UnreachableError, match="deadline"):
                ask(client, 1)
        server.stop(0).wait()
    assert calls == ["call", "stream"]


def _handlers(kinds: dict[str, Callable[..., Any]]) -> grpc.GenericRpcHandler:
    made = {}
    for name, does in kinds.items():
        of = methods()[name]
        make = (
            grpc.stream_stream_rpc_method_handler
            if of.streams
            else grpc.unary_unary_rpc_method_handler
        )
        made[name] = make(does, of.request.FromString, of.reply.SerializeToString)
    return grpc.method_handlers_generic_handler(SERVICE, made)


def test_one_wrong_query_fails_alone(channel: grpc.Channel, store: Gated) -> None:
    """Its answer says why; those before and after it are answered, and the stream goes on."""
    wrong = query(tag=2, k=10**6, timeout_ms=5000)
    other = query(tag=4, queries=wire.pack(np.ones((1, DIM + 1), np.float32)), timeout_ms=5000)
    asked = [query(tag=1, timeout_ms=5000), wrong, query(tag=3, timeout_ms=5000), other]
    replies = {each.tag: each for each in rpc(channel, "QueryStream")(iter(asked), timeout=10)}
    assert {tag: len(each.ids) for tag, each in replies.items()} == {0: 0, 1: 2, 2: 0, 3: 2, 4: 0}
    invalid = grpc.StatusCode.INVALID_ARGUMENT.value[0]
    assert replies[2].code == replies[4].code == invalid and replies[1].code == 0
    assert "Expected at most 5000" in replies[2].details and str(DIM) in replies[4].details
    error = refused(lambda: list(rpc(channel, "QueryStream")(iter([query(k=10**6)]), timeout=10)))
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT


def test_a_late_query_of_a_raw_stream(channel: grpc.Channel, store: Gated) -> None:
    """The server answers it at its deadline."""
    store.gate.clear()
    replies = rpc(channel, "QueryStream")(iter([query(tag=1, timeout_ms=200)]), timeout=10)
    codes = [each.code for each in replies]
    assert codes == [0, grpc.StatusCode.DEADLINE_EXCEEDED.value[0]]


def test_wrong_tokens_and_rights() -> None:
    """A stream asks who is there when it opens, and for the right at every query."""
    shelf = FixedShelf({"a": InMemoryStore(DIM), "b": InMemoryStore(DIM)})
    rules = [{"name": "robot", "token": TOKEN, "rules": {"a": "read"}}]
    with (
        serving(MemoryServer(shelf, access=make_access(rules))) as server,
        grpc.insecure_channel(server.address.removeprefix("grpc://")) as channel,
    ):
        asked = [query(tag=1, timeout_ms=5000), query(tag=2, collection="b", timeout_ms=5000)]
        call = rpc(channel, "QueryStream")
        for wrong in ((), (("authorization", "Bearer wrong"),)):
            error = refused(lambda shown=wrong: list(call(iter(asked), timeout=5, metadata=shown)))
            assert error.code() is grpc.StatusCode.UNAUTHENTICATED
        shown = (("authorization", f"Bearer {TOKEN}"),)
        replies = {each.tag: each.code for each in call(iter(asked), timeout=5, metadata=shown)}
        assert replies == {0: 0, 1: 0, 2: grpc.StatusCode.PERMISSION_DENIED.value[0]}


def test_a_token_that_is_known_no_longer_is_refused(streams: StreamLoop) -> None:
    """The server comes back with other tokens: neither a stream nor a call gets in."""
    kept = InMemoryStore(DIM)
    kept.add(IDS, VECTORS)
    with serving(MemoryServer(FixedShelf({"a": kept}), access=access(TOKEN))) as server:
        port = server.port
        address = f"{server.address}/a"
        client = StreamedMemory(address, streams, token=TOKEN, timeout_s=10)
        streaming(client)
    again = InMemoryStore(DIM)
    again.add(IDS, VECTORS)
    rules = access("another-token-of-it")
    with serving(MemoryServer(FixedShelf({"a": again}), port=port, access=rules)):
        with pytest.raises(MemoryStoreError, match="Nobody is known"):
            ask(client, 0)
        assert not client.streaming
        client.close()


def test_a_drain_does_not_wait_for_open_streams(store: Gated, streams: StreamLoop) -> None:
    """What is on its way is answered; a stream that only stays open holds up nobody."""
    server = MemoryServer(FixedShelf({"a": store}), limits=LIMITS)
    with serving(server, grace_s=30):
        client = StreamedMemory(f"{server.address}/a", streams, timeout_s=10)
        streaming(client)
        store.gate.clear()
        waiting = client.start_search(VECTORS[4], 1)
        until_waiting(server, "read", 1)
        threading.Timer(0.3, store.gate.set).start()
        began = time.monotonic()
    assert time.monotonic() - began < 10
    assert waiting.result().ids[0, 0] == "row4"
    client.close()


def test_closing_gives_up_what_is_on_its_way(
    server: MemoryServer, store: Gated, streams: StreamLoop
) -> None:
    """As with calls: the caller that waits is told, nobody hangs, and closing twice is fine."""
    client = streaming(StreamedMemory(f"{server.address}/a", streams))
    store.gate.clear()
    waiting = client.start_search(VECTORS[1], 1)
    until_waiting(server, "read", 1)
    client.close()
    client.close()
    with pytest.raises(MemoryStoreError):
        waiting.result()
    store.gate.set()
    streams.close()
    streams.close()


def test_cancelled_queries_give_their_credit_back(
    server: MemoryServer, store: Gated, streams: StreamLoop
) -> None:
    """A hundred that nobody wants any more do not use the stream up."""
    with StreamedMemory(f"{server.address}/a", streams) as client:
        streaming(client)
        for at in range(100):
            client.start_search(VECTORS[at % 20], 1).cancel()
        until(lambda: client.streaming)
        assert ask(client, 7) == "row7"


def test_shards_share_one_loop(server: MemoryServer, store: Gated) -> None:
    """A distributed store searches through streams and ends their thread."""

    def ours() -> set[str]:
        """Threads, without those that the server's pool starts when it is busy."""
        names = {each.name for each in threading.enumerate()}
        return {name for name in names if not name.startswith("memory-engine")}

    before = ours()
    with DistributedMemory([f"{server.address}/a"], DIM) as found:
        for _ in range(5):
            assert found.search(VECTORS[8], 1).ids[0, 0] == "row8"
        assert "memory-streams" in ours()
    assert ours() <= before
