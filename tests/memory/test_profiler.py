"""What is measured, and that measuring changes nothing."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from daneel.errors import MemoryStoreError, MissingExtraError
from daneel.memory.hierarchy import HierarchicalMemory
from daneel.memory.in_memory import InMemoryStore
from daneel.memory.profiler import MemoryProfiler
from daneel.memory.protocol import VectorStore
from tests.memory.contract import DIM, Factory, StoreContract

pytest.importorskip("prometheus_client")


class TestProfiled(StoreContract):
    """A profiled store is a store."""

    keeps = False

    @pytest.fixture
    def factory(self) -> Factory:
        """A new one each time."""

        def make(name: str = "a", dim: int = DIM, metric: str = "cosine") -> VectorStore:
            return MemoryProfiler(InMemoryStore(dim, metric))

        return make


def test_calls_hits_and_errors_are_counted() -> None:
    """By operation, with the time; places without a hit and unknown ids are misses."""
    store = MemoryProfiler(InMemoryStore(2), "episodes")
    assert store.profile().hit_rate is None
    store.add(["a", "b"], np.eye(2))
    store.search(np.eye(2), 3)
    store.get(["a", "none"])
    store.delete(["a"])
    with pytest.raises(ValueError, match="k is 0"):
        store.search(np.eye(2), 0)
    profile = store.profile()
    assert profile.calls == {"add": 1, "search": 2, "get": 1, "delete": 1, "flush": 0}
    assert profile.errors["search"] == 1 and sum(profile.errors.values()) == 1
    assert (profile.hits, profile.misses, profile.hit_rate) == (5, 3, 5 / 8)
    assert profile.tiers == {} and profile.seconds["search"] > 0 == profile.seconds["flush"]
    store.close()
    with pytest.raises(MemoryStoreError):
        store.get(["a"])
    assert store.profile().errors["get"] == 1


def test_the_text_for_prometheus() -> None:
    """Histogram buckets, counters and tiers, with the store's name."""
    memory = HierarchicalMemory(InMemoryStore(2), ram_rows=5)
    store = MemoryProfiler(memory, "episodes")
    store.add(["a"], np.ones((1, 2)))
    store.get(["a"])
    store.get(["a", "b"])
    text = store.report()
    for line in (
        'daneel_memory_seconds_bucket{le="+Inf",operation="get",store="episodes"} 2.0',
        'daneel_memory_hits_total{store="episodes"} 2.0',
        'daneel_memory_tier_rows{store="episodes",tier="ram"} 1.0',
        'daneel_memory_tier_rows{store="episodes",tier="missing"} 1.0',
    ):
        assert line in text
    assert store.profile().tiers == {"ram": 1, "ssd": 0, "store": 1, "missing": 1, "prefetched": 0}


def test_several_stores_share_a_registry() -> None:
    """Told apart by their names."""
    first = MemoryProfiler(InMemoryStore(2), "first")
    second = MemoryProfiler(InMemoryStore(2), "second", beside=first)
    second.add(["a"], np.ones((1, 2)))
    assert first.registry is second.registry
    assert (first.profile().calls["add"], second.profile().calls["add"]) == (0, 1)


def test_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """When prometheus-client is not installed."""
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    with pytest.raises(MissingExtraError, match=r"daneel\[memory\]"):
        MemoryProfiler(InMemoryStore(2))
