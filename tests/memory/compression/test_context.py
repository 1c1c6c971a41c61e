"""Summaries in front of originals."""

import numpy as np
import pytest

from daneel.memory.compression import (
    CodecSummariser,
    ContextSummaryMemory,
    StreamingCompressor,
    SummarizingMemory,
)
from daneel.memory.in_memory import InMemoryStore
from daneel.memory.protocol import VectorStore
from tests.memory.compression.data import LastingStore, clustered, rows
from tests.memory.contract import DIM, Factory, StoreContract


def context(originals: VectorStore, kept: VectorStore, expand: int = 20) -> ContextSummaryMemory:
    """Distant rows at 6 bytes each."""
    summariser = CodecSummariser(StreamingCompressor(originals.dim, 2, per_epoch=64))
    summaries = SummarizingMemory(kept, summariser, recent=20, segment=100)
    return ContextSummaryMemory(originals, summaries, expand)


class TestContext(StoreContract):
    """When everything is expanded, it is any other store."""

    keeps = False

    @pytest.fixture
    def factory(self) -> Factory:
        """A new one each time."""

        def make(name: str = "a", dim: int = DIM, metric: str = "cosine") -> VectorStore:
            return context(InMemoryStore(dim, metric), InMemoryStore(dim, metric), 100)

        return make


def test_hits_are_exact_and_nearly_all_are_found() -> None:
    """Scores and vectors are the originals'; a hundred rows expanded of 620 find the ten best."""
    memory = context(InMemoryStore(16), InMemoryStore(16), 100)
    given, oracle = rows(620), InMemoryStore(16)
    for store in (memory, oracle):
        store.add(given.ids, given.vectors, given.metadata)
    queries = clustered(20, seed=3)
    hits, wanted = memory.search(queries, 10), oracle.search(queries, 10)
    shared = [len({*a} & {*b}) for a, b in zip(hits.ids, wanted.ids, strict=True)]
    assert np.mean(shared) >= 9
    same = hits.ids[:, 0] == wanted.ids[:, 0]
    np.testing.assert_allclose(hits.scores[same, 0], wanted.scores[same, 0], rtol=1e-5)
    assert memory.context_bytes <= 600 * 6 + 6 * 16
    np.testing.assert_array_equal(memory.get(["row5"]).vectors[0], given.vectors[5])


def test_repair_makes_the_stores_agree() -> None:
    """A row that only the originals have is found again; one that they lack is gone."""
    originals = LastingStore(16)
    memory = context(originals, InMemoryStore(16))
    given = rows(30)
    memory.add(given.ids, given.vectors)
    lost = clustered(1, seed=50) * -1
    originals.add(["lost"], lost)
    originals.delete(["row0"])
    assert "row0" not in memory.search(given.vectors[0], 30).ids
    assert memory.search(lost, 1).ids[0, 0] != "lost"
    assert memory.repair(["lost", "row0"]) == 1
    assert memory.search(lost, 1).ids[0, 0] == "lost" and len(memory.summaries) == 30


def test_a_condition_asks_the_originals() -> None:
    """Metadata is not in the summaries."""
    memory = context(InMemoryStore(16), InMemoryStore(16))
    given = rows(150)
    memory.add(given.ids, given.vectors, given.metadata)
    assert memory.search(given.vectors[7], 3, {"n": 7}).ids.tolist() == [["row7", None, None]]


def test_stores_that_do_not_go_together() -> None:
    """Other metrics, nothing to expand."""
    summaries = SummarizingMemory(InMemoryStore(4, "l2"))
    with pytest.raises(ValueError, match="metric"):
        ContextSummaryMemory(InMemoryStore(4), summaries)
    with pytest.raises(ValueError, match="expand is 0"):
        ContextSummaryMemory(InMemoryStore(4, "l2"), summaries, 0)
