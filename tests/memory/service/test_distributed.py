"""One store over many servers: the contract by hash and by centroids, failing servers, hedging."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daneel.errors import MemoryStoreError
from daneel.memory.in_memory import InMemoryStore
from daneel.memory.protocol import Hits
from daneel.memory.service.distributed import DistributedMemory
from daneel.memory.service.merging import merge_hits, merge_hits_naive
from daneel.memory.service.placement import CentroidPlacement, HashPlacement
from daneel.memory.service.server import MemoryServer
from daneel.memory.service.shelf import FixedShelf
from daneel.memory.service.threaded import serving
from tests.memory.contract import DIM, Factory, StoreContract, assert_hits, rows_of
from tests.memory.service.cable import cable


@pytest.fixture(scope="module")
def servers() -> Iterator[list[MemoryServer]]:
    """Three servers of collections in RAM."""
    with ExitStack() as stack:
        made = (MemoryServer(FixedShelf({}, InMemoryStore)) for _ in range(3))
        yield [stack.enter_context(serving(each)) for each in made]


class TestByHash(StoreContract):
    """Rows spread by a hash of their id."""

    @pytest.fixture
    def factory(self, servers: list[MemoryServer], request: pytest.FixtureRequest) -> Factory:
        """Each test has collections of its own."""
        own = f"{abs(hash(request.node.nodeid)):x}"

        def opened(name: str = "a", dim: int = DIM, metric: str = "cosine") -> DistributedMemory:
            shards = [f"{each.address}/{own}{name}" for each in servers]
            return DistributedMemory(shards, dim, metric, placement=self.placement(dim, metric))

        return opened

    def placement(self, dim: int, metric: str) -> Any:
        """The placement under test."""
        return None


class TestByCentroid(TestByHash):
    """Rows spread by the nearest centroid; here every query asks all shards: exact."""

    def placement(self, dim: int, metric: str) -> Any:
        """Six random centroids, two a shard."""
        if metric == "hamming":
            return None
        centroids = np.random.default_rng(0).normal(size=(6, dim)).astype(np.float32)
        return CentroidPlacement(centroids, np.array([0, 0, 1, 1, 2, 2]), metric, 6)


def test_centroids_route_queries_to_few_shards(servers: list[MemoryServer], tmp_path: Path) -> None:
    """Clustered rows: recall as asked for, a fraction of the shards asked, the same from a file."""
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(60, 16)) * 4
    vectors = (centres[rng.integers(60, size=3000)] + rng.normal(size=(3000, 16))).astype(
        np.float32
    )
    placement = CentroidPlacement.fit(vectors, 3, cells=48, seed=1)
    placement.save(tmp_path / "p.npz")
    placement = CentroidPlacement.load(tmp_path / "p.npz")
    shards = [f"{each.address}/centroids" for each in servers]
    queries = vectors[:100] + rng.normal(size=(100, 16), scale=0.1).astype(np.float32)
    asked = placement.of_queries(queries).sum(1).mean()
    assert asked < 2
    ids, oracle = [f"r{n}" for n in range(3000)], InMemoryStore(16)
    oracle.add(ids, vectors)
    with DistributedMemory(shards, 16, placement=placement) as store:
        store.add(ids, vectors)
        homes = np.bincount(placement.of_rows(ids, vectors), minlength=3)
        assert len(store) == 3000 and homes.min() > 400
        found, expected = store.search(queries, 10), oracle.search(queries, 10)
    same = [len(set(a) & set(b)) for a, b in zip(found.ids, expected.ids, strict=True)]
    assert np.mean(same) / 10 >= 0.95


def test_a_sample_of_many_rows_does_not_widen_the_search() -> None:
    """Told how many rows there will be, near rows in a thin sample are found on fewer shards."""
    rng = np.random.default_rng(2)
    centres = rng.normal(size=(300, 16)) * 4
    rows = (centres[rng.integers(300, size=30_000)] + rng.normal(size=(30_000, 16)) / 2).astype(
        np.float32
    )
    sample, queries = rows[:1500], rows[-200:]
    told = CentroidPlacement.fit(sample, 4, rows=len(rows), recall=0.97)
    untold = CentroidPlacement.fit(sample, 4, recall=0.97)
    near = InMemoryStore(16)
    near.add([str(n) for n in range(len(rows))], rows)
    homes = told.of_rows((), rows)[near.search(queries, 10).ids.astype(int)]
    asked = told.of_queries(queries)
    assert np.take_along_axis(asked, homes, axis=1).mean() >= 0.95
    assert asked.sum(1).mean() < 1.3 < untold.of_queries(queries).sum(1).mean()


def test_placements_refuse_what_does_not_fit(servers: list[MemoryServer], tmp_path: Path) -> None:
    """Another number of shards or metric, a small sample, a foreign file."""
    shards = [f"{each.address}/refuse" for each in servers]
    with pytest.raises(ValueError, match="2"):
        DistributedMemory(shards, DIM, placement=HashPlacement(2))
    placement = CentroidPlacement.fit(rows_of(300)[1], 3, cells=12)
    with pytest.raises(ValueError, match="metric"):
        DistributedMemory(shards, DIM, "l2", placement=placement)
    with pytest.raises(ValueError, match="sample has 20 rows"):
        CentroidPlacement.fit(rows_of(20)[1], 3)
    (tmp_path / "x.npz").write_bytes(b"x")
    with pytest.raises(MemoryStoreError, match="no centroids"):
        CentroidPlacement.load(tmp_path / "x.npz")


class Slow(InMemoryStore):
    """A store whose next search takes long."""

    nap_s = 0.0

    def search(self, queries: Any, k: int, where: Any = None) -> Hits:
        """Sleep first."""
        nap, self.nap_s = self.nap_s, 0.0
        time.sleep(nap)
        return super().search(queries, k, where)


def test_a_slow_server_is_hedged() -> None:
    """The other server of the shard answers long before the slow one."""
    slow, quick = Slow(DIM), InMemoryStore(DIM)
    ids, vectors = rows_of(10)
    for each in (slow, quick):
        each.add(ids, vectors)
    with (
        serving(MemoryServer(FixedShelf({"a": slow}))) as first,
        serving(MemoryServer(FixedShelf({"a": quick}))) as second,
        DistributedMemory([[f"{first.address}/a", f"{second.address}/a"]], DIM) as store,
    ):
        store.search(vectors[0], 1)
        slow.nap_s = 3.0
        began = time.perf_counter()
        assert store.search(vectors[3], 1).ids[0, 0] == "row3"
        assert time.perf_counter() - began < 1.5
        assert len(store.live[0]) == 2


def test_a_server_that_goes_is_left_out_and_taken_back() -> None:
    """Reads and writes go to the other one at once; the first is used again when it is back."""
    shared, (ids, vectors) = InMemoryStore(DIM), rows_of(10)
    with (
        serving(MemoryServer(FixedShelf({"a": shared}))) as first,
        serving(MemoryServer(FixedShelf({"a": shared}))) as second,
        cable(first.port) as link,
    ):
        addresses = [f"grpc://127.0.0.1:{link.port}/a", f"{second.address}/a"]
        with DistributedMemory([addresses], DIM, timeout_s=5) as store:
            store.add(ids[:5], vectors[:5])
            link.cut()
            store.add(ids[5:], vectors[5:])
            assert store.search(vectors[7], 1).ids[0, 0] == "row7" and len(store) == 10
            assert store.live == [addresses[1:]]
            link.mend()
            ends = time.monotonic() + 20
            while store.live != [addresses]:
                assert time.monotonic() < ends
                time.sleep(0.05)
            assert store.delete(ids[:3]) == 3
    with pytest.raises(MemoryStoreError, match="None of"):
        DistributedMemory([addresses], DIM, timeout_s=1)


def test_many_threads_share_a_store(servers: list[MemoryServer]) -> None:
    """Searches of many threads do not mix up."""
    ids, vectors = rows_of(60)
    shards = [f"{each.address}/threads" for each in servers]
    wrong = list[str]()
    with DistributedMemory(shards, DIM) as store:
        store.add(ids, vectors)

        def work(at: int) -> None:
            for n in range(at, 60, 6):
                if store.search(vectors[n], 1).ids[0, 0] != ids[n]:
                    wrong.append(ids[n])

        threads = [threading.Thread(target=work, args=(at,)) for at in range(6)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
    assert not wrong


@st.composite
def parts(draw: st.DrawFn) -> list[Hits]:
    """Hits of some shards, with ties, double ids and gaps."""
    queries = draw(st.integers(1, 3))
    found = []
    for _ in range(draw(st.integers(1, 4))):
        k = draw(st.integers(1, 4))
        rows = []
        for _ in range(queries):
            names = draw(st.lists(st.sampled_from("abcdefgh"), max_size=k, unique=True))
            scores = draw(st.lists(st.integers(-2, 2), min_size=len(names), max_size=len(names)))
            rows.append(sorted(zip([-s for s in scores], names, strict=True)))
        hits = Hits(
            np.array([[n for _, n in row] + [None] * (k - len(row)) for row in rows], object),
            np.array(
                [[-s for s, _ in row] + [-np.inf] * (k - len(row)) for row in rows], np.float32
            ),
            [[{"of": n} for _, n in row] + [None] * (k - len(row)) for row in rows],
        )
        found.append(hits)
    return found


@settings(max_examples=60, deadline=None)
@given(parts(), st.integers(1, 6))
def test_merging_equals_the_naive_form(found: list[Hits], k: int) -> None:
    """Sorting with numpy gives what the loop gives."""
    assert_hits(merge_hits(found, k), merge_hits_naive(found, k))
