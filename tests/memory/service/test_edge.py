"""The edge client over a link that is cut and mended."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from daneel.errors import MemoryStoreError
from daneel.memory.in_memory import InMemoryStore
from daneel.memory.protocol import Rows
from daneel.memory.service.address import parse_address
from daneel.memory.service.client import RemoteMemory
from daneel.memory.service.edge import EdgeMemoryClient
from daneel.memory.service.edge_cache import RowCache
from daneel.memory.service.outbox import Outbox
from daneel.memory.service.requests import Requests
from daneel.memory.service.server import MemoryServer
from daneel.memory.service.shelf import FixedShelf
from daneel.memory.service.threaded import serving
from tests.memory.contract import DIM, Factory, StoreContract, assert_hits, rows_of
from tests.memory.service.cable import Cable, cable


@pytest.fixture(scope="module")
def server() -> Iterator[MemoryServer]:
    """A server of collections in RAM."""
    with serving(MemoryServer(FixedShelf({}, InMemoryStore))) as server:
        yield server


@pytest.fixture
def link(server: MemoryServer) -> Iterator[Cable]:
    """A link to it."""
    with cable(server.port) as link:
        yield link


def until(true: Callable[[], bool], seconds: float = 20) -> None:
    """Wait for something that another thread brings about."""
    ends = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < ends
        time.sleep(0.01)


class TestEdgeMemoryClient(StoreContract):
    """With a link it is a store like every other one."""

    @pytest.fixture
    def factory(self, server: MemoryServer, tmp_path: Path) -> Factory:
        """Each test has collections of its own."""

        def opened(name: str = "a", dim: int = DIM, metric: str = "cosine") -> EdgeMemoryClient:
            collection = f"{tmp_path.name}{name}"[:64]
            address = f"{server.address}/{collection}"
            RemoteMemory(address, dim, metric).close()
            client = EdgeMemoryClient(address, dim, metric, timeout_s=20)
            until(lambda: client.linked)
            return client

        return opened


def test_works_through_a_broken_link_and_catches_up(server: MemoryServer, link: Cable) -> None:
    """Writes and reads go on while it is cut; afterwards the server has everything, in order."""
    ids, vectors = rows_of(30)
    address = f"grpc://127.0.0.1:{link.port}/link"
    with EdgeMemoryClient(address, DIM, retry_s=0.05, timeout_s=1) as edge:
        edge.add(ids[:10], vectors[:10], [{"n": n} for n in range(10)])
        edge.flush()
        link.cut()
        edge.add(ids[10:20], vectors[10:20])
        edge.add(["row3"], vectors[29:30], [{"new": True}])
        assert edge.delete(["row4"]) == 1
        assert edge.search(vectors[12], 1).ids[0, 0] == "row12"
        assert edge.search(vectors[29], 1).metadata == [[{"new": True}]]
        assert edge.get(["row4", "row5", "row12"]).ids == ["row5", "row12"]
        assert not edge.linked and edge.pending == 12
        with pytest.raises(MemoryStoreError, match="not at grpc"):
            edge.flush(0.2)
        link.mend()
        edge.flush(30)
        assert edge.pending == 0
    with RemoteMemory(f"{server.address}/link") as remote:
        oracle = InMemoryStore(DIM)
        oracle.add(ids[:10], vectors[:10], [{"n": n} for n in range(10)])
        oracle.add(ids[10:20], vectors[10:20])
        oracle.add(["row3"], vectors[29:30], [{"new": True}])
        oracle.delete(["row4"])
        assert len(remote) == 19
        assert_hits(remote.search(vectors[:5], 20), oracle.search(vectors[:5], 20))


class Stuck(InMemoryStore):
    """A store whose writes wait until they may go on."""

    def __init__(self, dim: int) -> None:
        """They may."""
        super().__init__(dim)
        self.go = threading.Event()
        self.go.set()

    def add(self, ids: Any, vectors: Any, metadata: Any = None) -> None:
        """Wait, add."""
        self.go.wait(20)
        super().add(ids, vectors, metadata)


def test_what_waits_is_laid_over_the_answers_of_the_server() -> None:
    """A row that is not sent yet is found, and one that is deleted here is not."""
    ids, vectors = rows_of(10)
    store, oracle = Stuck(DIM), InMemoryStore(DIM)
    changed = np.stack([vectors[1], -vectors[2]])
    for each in (store, oracle):
        each.add(ids, vectors)
    oracle.add(["fresh", "row2"], changed)
    oracle.delete(["row3"])
    with (
        serving(MemoryServer(FixedShelf({"a": store}))) as server,
        EdgeMemoryClient(f"{server.address}/a", DIM, timeout_s=20) as edge,
    ):
        until(lambda: edge.linked)
        store.go.clear()
        edge.add(["fresh", "row2"], changed)
        edge.delete(["row3"])
        assert edge.pending == 3 and len(store) == 10
        assert_hits(edge.search(vectors, 10), oracle.search(vectors, 10))
        assert edge.get(["fresh", "row3", "row1"]).ids == ["fresh", "row1"]
        assert edge.pending == 3 and edge.linked
        store.go.set()
        edge.flush()
        assert_hits(store.search(vectors, 10), oracle.search(vectors, 10))


def test_hits_come_into_the_cache_for_later(server: MemoryServer, link: Cable) -> None:
    """What was found with a link is found without."""
    ids, vectors = rows_of(50)
    with RemoteMemory(f"{server.address}/prefetch", DIM) as remote:
        remote.add(ids, vectors, [{"n": n} for n in range(50)])
    address = f"grpc://127.0.0.1:{link.port}/prefetch"
    with EdgeMemoryClient(address, DIM, cache_rows=8, timeout_s=1) as edge:
        until(lambda: edge.linked)
        found = edge.search(vectors[7], 5)
        until(lambda: len(edge._cache) == 5)
        edge.search(vectors[9], 8)
        until(lambda: len(edge._cache) == 8 and not edge._wanted)
        edge.search(vectors[7], 5)
        until(lambda: set(found.ids[0]) <= set(edge._cache._used))
        link.cut()
        assert_hits(edge.search(vectors[7], 5), found)
        assert len(edge) == 8


def test_a_journal_outlives_the_client(server: MemoryServer, link: Cable, tmp_path: Path) -> None:
    """What was acknowledged without a link is sent by the next client; a torn end is cut off."""
    ids, vectors = rows_of(6)
    address, journal = f"grpc://127.0.0.1:{link.port}/journal", tmp_path / "edge" / "journal"
    link.cut()
    edge = EdgeMemoryClient(address, DIM, journal=journal, retry_s=0.05, timeout_s=1)
    edge.add(ids, vectors)
    edge.delete(["row0"])
    edge.close(0.1)
    with journal.open("ab") as file:
        file.write(journal.read_bytes()[:40])
    link.mend()
    with EdgeMemoryClient(address, DIM, journal=journal, retry_s=0.05) as edge:
        assert edge.pending in (0, 7)
        edge.flush()
    assert journal.read_bytes() == b""
    with RemoteMemory(f"{server.address}/journal") as remote:
        assert len(remote) == 5


def test_bounds_and_losses_are_said(link: Cable, tmp_path: Path) -> None:
    """A full outbox refuses; rows lost at closing raise; a wrong shape is found by the server."""
    link.cut()
    address = f"grpc://127.0.0.1:{link.port}/bounds"
    edge = EdgeMemoryClient(address, DIM, pending_rows=5, retry_s=0.05, timeout_s=1)
    edge.add(*rows_of(4))
    with pytest.raises(MemoryStoreError, match="wait for the link"):
        edge.add(["x", "y"], np.ones((2, DIM)))
    with pytest.raises(MemoryStoreError, match="4 rows never reached"):
        edge.close(0.1)
    link.mend()
    RemoteMemory(address, DIM).close()
    edge = EdgeMemoryClient(address, DIM + 1, journal=tmp_path / "j", retry_s=0.05)
    until(lambda: edge._link.refused is not None)
    with pytest.raises(MemoryStoreError, match="refused"):
        edge.add(["x"], np.ones((1, DIM + 1)))
    edge.close()


def test_outbox_writes_its_file_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sent requests leave the file once enough of them stand there; the others stay."""
    monkeypatch.setattr("daneel.memory.service.outbox.SLACK_BYTES", 500)
    requests = Requests(parse_address("grpc://127.0.0.1/a"), 1 << 20, half=False)
    requests.dim = DIM
    outbox = Outbox(1000, tmp_path / "o")
    for n in range(20):
        outbox.append(requests.push([f"x{n}"], np.ones((1, DIM)), None))
    before = (tmp_path / "o").stat().st_size
    for _ in range(15):
        outbox.drop(1)
    assert (tmp_path / "o").stat().st_size < before / 2
    outbox.append(requests.delete(["x1"]))
    outbox.close()
    again = Outbox(1000, tmp_path / "o")
    assert [list(each.ids) for each in again][-2:] == [["x19"], ["x1"]]
    assert 6 <= len(again) <= 12
    again.close()


def test_cache_keeps_what_is_used_and_what_is_pinned() -> None:
    """The longest unused row goes first."""
    cache = RowCache(2, "cosine", 3)
    for name in "abc":
        cache.put(Rows([name], np.ones((1, 2), np.float32), [{}]))
    cache.get(["a"])
    cache.put(Rows(["d"], np.ones((1, 2), np.float32), [{}]), pinned={"c"})
    assert cache.missing("abcd") == ["b"]
    cache.put(Rows(["e", "f"], np.ones((2, 2), np.float32), [{}, {}]), pinned={"c", "a"})
    assert cache.missing("abcdef") == ["b", "d", "e"] and len(cache) == 3
