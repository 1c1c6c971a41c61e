"""A collection behind a live gRPC server is a store like all others; the async client too."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import numpy as np
import pytest

from daneel.errors import MemoryStoreError
from daneel.memory.in_memory import InMemoryStore
from daneel.memory.protocol import METRICS
from daneel.memory.service.client import RemoteMemory
from daneel.memory.service.client_async import AsyncRemoteMemory
from daneel.memory.service.server import MemoryServer
from daneel.memory.service.shelf import FixedShelf
from daneel.memory.service.threaded import serving
from tests.memory.contract import DIM, Factory, StoreContract, assert_hits, rows_of


@pytest.fixture(scope="module")
def server() -> Iterator[MemoryServer]:
    """A server of collections in RAM."""
    with serving(MemoryServer(FixedShelf({}, InMemoryStore))) as server:
        yield server


class TestRemoteMemory(StoreContract):
    """The contract, every call over the wire."""

    @pytest.fixture
    def factory(self, server: MemoryServer, request: pytest.FixtureRequest) -> Factory:
        """Each test has collections of its own."""
        own = f"{abs(hash(request.node.name)):x}"

        def opened(name: str = "a", dim: int = DIM, metric: str = "cosine") -> RemoteMemory:
            return RemoteMemory(f"{server.address}/{own}{name}", dim, metric)

        return opened


def test_streamed_rows_are_kept(server: MemoryServer) -> None:
    """Many batches over one stream; metadata and overwritten ids included."""
    with RemoteMemory(f"{server.address}/stream", DIM) as store:
        ids, vectors = rows_of(50)
        batches = [(ids, vectors + n, [{"n": n}] * 50) for n in range(80)]
        assert store.push_stream(batches) == 4000
        rows = store.get(ids)
        assert rows.vectors.tobytes() == (vectors + 79).tobytes()
        assert rows.metadata == [{"n": 79}] * 50


def test_a_wrong_batch_ends_the_stream_and_spoils_nothing(server: MemoryServer) -> None:
    """Batches before it are kept, those behind it are not sent."""
    ids, vectors = rows_of(4)
    with RemoteMemory(f"{server.address}/wrong", DIM) as store:
        batches = [
            (ids, vectors, None),
            (["x"], [[np.nan] * DIM], None),
            (["y"], [[1] * DIM], None),
        ]
        with pytest.raises(ValueError, match="NaN"):
            store.push_stream(batches)
        assert len(store) == 4


def test_large_searches_and_gets_come_in_pages(server: MemoryServer) -> None:
    """More hits than a page holds, in the order of the queries."""
    ids, vectors = rows_of(300)
    with RemoteMemory(f"{server.address}/pages", DIM) as store:
        store.add(ids, vectors)
        oracle = InMemoryStore(DIM)
        oracle.add(ids, vectors)
        assert_hits(store.search(vectors, 300), oracle.search(vectors, 300))
    with RemoteMemory(f"{server.address}/pages", DIM, message_bytes=20_000) as store:
        assert store.get(ids).ids == ids
        with pytest.raises(ValueError, match="bytes"):
            store.add([f"{i:050}" for i in range(400)], np.ones((400, DIM)))


@pytest.mark.parametrize("metric", METRICS)
def test_half_queries(server: MemoryServer, metric: str) -> None:
    """Queries in float16 give scores to about 1e-3 of the vectors' lengths."""
    ids, vectors = rows_of(20)
    with RemoteMemory(f"{server.address}/half{metric}", DIM, metric, half=True) as store:
        store.add(ids, vectors)
        oracle = InMemoryStore(DIM, metric)
        oracle.add(ids, vectors)
        found, expected = store.search(vectors[:3], 1), oracle.search(vectors[:3], 1)
        np.testing.assert_allclose(found.scores, expected.scores, atol=2e-2)


def test_a_metric_that_is_not_named_is_that_of_the_collection(server: MemoryServer) -> None:
    """With a dimension and without one; another metric is refused, one that is made is cosine."""
    address = f"{server.address}/stored"
    RemoteMemory(address, 3, "l2").close()
    for dim in (3, None):
        with RemoteMemory(address, dim) as store:
            assert (store.dim, store.metric) == (3, "l2")
    with pytest.raises(ValueError, match="metric 'l2'"):
        RemoteMemory(address, 3, "cosine")
    with RemoteMemory(f"{server.address}/unnamed", 3) as store:
        assert store.metric == "cosine"


def test_absent_collections_and_servers(server: MemoryServer) -> None:
    """Both say what is missing."""
    with pytest.raises(MemoryStoreError, match="no collection 'nowhere'"):
        RemoteMemory(f"{server.address}/nowhere")
    with pytest.raises(ValueError, match="collection is"):
        RemoteMemory(f"{server.address}/..", 4)
    with pytest.raises(MemoryStoreError, match="cannot be reached"):
        RemoteMemory("grpc://127.0.0.1:1/a", timeout_s=2)
    with pytest.raises(ValueError, match="Expected grpc://"):
        RemoteMemory("http://127.0.0.1/a")


def test_async_client(server: MemoryServer) -> None:
    """Every method once, many searches at a time, a wrong batch in a stream."""

    async def use() -> None:
        ids, vectors = rows_of(40)
        async with AsyncRemoteMemory(f"{server.address}/async", DIM) as store:
            await store.add(ids[:20], vectors[:20], [{"n": n} for n in range(20)])
            assert await store.push_stream([(ids[20:30], vectors[20:30], None)] * 40) == 400
            assert await store.count() == 30
            assert await store.delete(["row0"]) == 1
            assert (await store.get(["row1", "row0"])).ids == ["row1"]
            oracle = InMemoryStore(DIM)
            oracle.add(ids[1:30], vectors[1:30], [{"n": n} for n in range(1, 20)] + [{}] * 10)
            found = await asyncio.gather(*(store.search(each, 5) for each in vectors))
            for each, hits in zip(vectors, found, strict=True):
                assert_hits(hits, oracle.search(each, 5))
            with pytest.raises(ValueError, match="NaN"):
                await store.push_stream([(["x"], [[np.nan] * DIM], None)])
            await store.flush()
        with pytest.raises(MemoryStoreError, match="not connected"):
            await store.count()

    asyncio.run(use())
