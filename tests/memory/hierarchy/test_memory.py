"""The tiers: same answers as the store alone, from nearer places."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest

from daneel.errors import MemoryStoreError
from daneel.memory.compression import SummarizingMemory
from daneel.memory.hierarchy import HierarchicalMemory, SSDCache
from daneel.memory.in_memory import InMemoryStore
from daneel.memory.protocol import Rows, VectorStore
from tests.memory.compression.data import LastingStore, clustered, rows
from tests.memory.contract import DIM, Factory, StoreContract


class TestHierarchical(StoreContract):
    """With tiers so small that rows keep moving."""

    keeps = False

    @pytest.fixture
    def factory(self, tmp_path: Path) -> Factory:
        """A new one each time."""

        def make(name: str = "a", dim: int = DIM, metric: str = "cosine") -> VectorStore:
            cache = SSDCache(tmp_path / name, dim, 5)
            store = InMemoryStore(dim, metric)
            return HierarchicalMemory(store, ram_rows=3, cache=cache, prefetch_every=4)

        return make


@pytest.mark.parametrize("cached", [True, False])
def test_tiers_never_change_an_answer(tmp_path: Path, cached: bool) -> None:
    """Any history of writes, reads, prefetches and reopenings, beside the store alone."""
    rng, base, plain = np.random.default_rng(int(cached)), LastingStore(16), InMemoryStore(16)

    def opened() -> HierarchicalMemory:
        cache = SSDCache(tmp_path / "c", 16, 20) if cached else None
        return HierarchicalMemory(base, ram_rows=8, cache=cache, prefetch_every=0)

    memory = opened()
    for turn in range(150):
        names = [f"id{n}" for n in rng.choice(60, int(rng.integers(1, 12)), replace=False)]
        vectors = clustered(len(names), seed=turn)
        act = rng.integers(6)
        if act == 0:
            for store in (memory, plain):
                store.add(names, vectors, [{"turn": turn}] * len(names))
        elif act == 1:
            assert memory.delete(names[:3]) == plain.delete(names[:3])
        elif act == 2:
            memory.prefetch()
        elif act == 3 and turn % 5 == 0:
            memory.close()
            memory = opened()
        hits, found = memory.retrieve(vectors[:2], 4)
        assert hits.ids.tolist() == plain.search(vectors[:2], 4).ids.tolist()
        for row, many in zip(hits.ids, found, strict=True):
            wanted = plain.get([name for name in row if name is not None]).vectors
            np.testing.assert_array_equal(many[: len(wanted)], wanted)
            assert not many[len(wanted) :].any()
        same(memory.get(names), plain.get(names))
    counts = memory.tier_counts
    assert counts.ram and counts.store and bool(counts.ssd) == cached


def same(found: Rows, wanted: Rows) -> None:
    """Ids, order, vectors and metadata."""
    assert (found.ids, found.metadata) == (wanted.ids, wanted.metadata)
    np.testing.assert_array_equal(found.vectors, wanted.vectors)


def filled(tmp_path: Path, base: InMemoryStore, **options: int) -> HierarchicalMemory:
    """Over a store of 50 rows."""
    given = rows(50)
    if not len(base):
        base.add(given.ids, given.vectors, given.metadata)
    cache = SSDCache(tmp_path / "cache", 16, 30)
    return HierarchicalMemory(base, cache=cache, **{"ram_rows": 2, "prefetch_every": 0, **options})


def test_prefetch_brings_what_is_found_most(tmp_path: Path) -> None:
    """Rows that searches find, before anybody asks for them."""
    base = LastingStore(16)
    memory = filled(tmp_path, base, prefetch_rows=3)
    for _ in range(3):
        memory.search(rows(50).vectors[7], 1)
    memory.search(rows(50).vectors[8], 5)
    assert memory.prefetch() == 3 and memory.prefetch() == 0
    memory.get(["row7"])
    counts = memory.tier_counts
    assert (counts.prefetched, counts.ssd, counts.store) == (3, 1, 0)


def test_prefetch_begins_by_itself(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every so many retrievals, in the background; a store that fails is only noted."""
    base = LastingStore(16)
    memory = filled(tmp_path, base, prefetch_every=10)
    memory.search(rows(50).vectors[:3], 4)
    memory.close()
    assert memory.tier_counts.prefetched > 0
    other = filled(tmp_path, base, prefetch_every=1)

    def fail(ids: list[str]) -> Rows:
        raise MemoryStoreError("The store is far away.")

    monkeypatch.setattr(base, "get", fail)
    with caplog.at_level(logging.WARNING):
        other.search(clustered(1, seed=77), 30)
        other.close()
    assert "far away" in caplog.text


def test_the_cache_outlives_a_clean_closing(tmp_path: Path) -> None:
    """RAM goes down to it; not if the store changed meanwhile."""
    base = LastingStore(16)
    memory = filled(tmp_path, base)
    memory.get(["row1", "row2", "row3"])
    memory.close()
    again = filled(tmp_path, base)
    again.get(["row1", "row2", "row3"])
    assert (again.tier_counts.ssd, again.tier_counts.store) == (3, 0)
    again.close()
    base.delete(["row9"])
    changed = filled(tmp_path, base)
    changed.get(["row1"])
    assert (changed.tier_counts.ssd, changed.tier_counts.store) == (0, 1)


def test_forget_after_another_writer(tmp_path: Path) -> None:
    """The tiers cannot know; `forget` tells them."""
    base = LastingStore(16)
    memory = filled(tmp_path, base)
    before = memory.get(["row1"]).vectors
    base.add(["row1"], -before)
    np.testing.assert_array_equal(memory.get(["row1"]).vectors, before)
    memory.forget()
    np.testing.assert_array_equal(memory.get(["row1"]).vectors, -before)


def test_over_a_compressed_past() -> None:
    """Rows are the decoded ones in every tier."""
    past = SummarizingMemory(InMemoryStore(16), recent=10, segment=50)
    given = rows(160)
    with HierarchicalMemory(past, ram_rows=40) as memory:
        memory.add(given.ids, given.vectors, given.metadata)
        hits, vectors = memory.retrieve(given.vectors[:4], 3)
        again = memory.get([hits.ids[0, 0]]).vectors[0]
        np.testing.assert_array_equal(again, vectors[0, 0])
        np.testing.assert_array_equal(again, past.get([hits.ids[0, 0]]).vectors[0])
        assert memory.tier_counts.ram == 1


def test_settings_that_do_not_fit(tmp_path: Path) -> None:
    """A cache of another dim, negative sizes."""
    with pytest.raises(ValueError, match="dim 3"):
        HierarchicalMemory(InMemoryStore(4), cache=SSDCache(tmp_path / "c", 3))
    with pytest.raises(ValueError, match="-1 rows"):
        HierarchicalMemory(InMemoryStore(4), ram_rows=-1)
    with pytest.raises(ValueError, match="prefetch_rows 0"):
        HierarchicalMemory(InMemoryStore(4), prefetch_rows=0)
