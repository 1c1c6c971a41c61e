"""A memory of summaries against a dictionary, through closing, failing and opening again."""

from __future__ import annotations

import numpy as np
import pytest

from daneel.errors import MemoryStoreError
from daneel.memory.compression import CodecSummariser, StreamingCompressor, SummarizingMemory
from daneel.memory.compression.segments import event_id
from daneel.memory.in_memory import InMemoryStore, score_all
from daneel.memory.protocol import METRICS, VectorStore
from tests.memory.compression.data import LastingStore, clustered, rows
from tests.memory.contract import DIM, Factory, StoreContract

WIDTH = 16


def opened(store: VectorStore, recent: int = 30, segment: int = 20) -> SummarizingMemory:
    """A memory with a codec of 8 bytes a row."""
    summariser = CodecSummariser(StreamingCompressor(store.dim, 8, per_epoch=32))
    return SummarizingMemory(store, summariser, recent=recent, segment=segment)


class TestWhileAllIsRecent(StoreContract):
    """As long as nothing was summarised it is any other store."""

    keeps = False

    @pytest.fixture
    def factory(self) -> Factory:
        """A new one each time."""

        def make(name: str = "a", dim: int = DIM, metric: str = "cosine") -> VectorStore:
            return SummarizingMemory(InMemoryStore(dim, metric))

        return make


@pytest.mark.parametrize("seed", range(2))
def test_any_history_equals_a_dictionary(seed: int) -> None:
    """Adds, upserts, deletes and reopenings: ids and metadata exact, vectors as decoded."""
    rng, base = np.random.default_rng(seed), LastingStore(WIDTH)
    model: dict[str, tuple[np.ndarray, dict]] = {}
    memory = opened(base)
    for turn in range(60):
        names = [f"id{n}" for n in rng.choice(150, int(rng.integers(1, 50)), replace=False)]
        if rng.random() < 0.25:
            assert memory.delete(names) == sum(model.pop(n, None) is not None for n in names)
        else:
            vectors = clustered(len(names), WIDTH, seed=1000 * seed + turn)
            entries = [{"turn": turn, "name": name} for name in names]
            memory.add(names, vectors, entries)
            model |= {n: (v, e) for n, v, e in zip(names, vectors, entries, strict=True)}
        if rng.random() < 0.15:
            memory.close()
            memory = opened(base)
        assert len(memory) == len(model)
    found = memory.get([f"id{n}" for n in range(150)])
    assert set(found.ids) == set(model)
    assert found.metadata == [model[name][1] for name in found.ids]
    exact = np.array([model[name][0] for name in found.ids])
    kept = np.array([memory.is_exact(name) for name in found.ids])
    assert 0 < kept.sum() < len(kept)
    np.testing.assert_array_equal(found.vectors[kept], exact[kept])
    assert ((found.vectors - exact)[~kept] ** 2).sum(1).mean() < 0.25
    again = opened(base).get(found.ids)
    np.testing.assert_array_equal(again.vectors, found.vectors)
    assert again.metadata == found.metadata


@pytest.mark.parametrize("metric", METRICS)
def test_a_score_is_that_of_the_decoded_vector(metric: str) -> None:
    """Hits are those of an exact search over what `get` gives."""
    memory, given = opened(InMemoryStore(WIDTH, metric)), rows(200, WIDTH)
    memory.add(given.ids, given.vectors, given.metadata)
    memory.delete(["row3", "row190"])
    decoded = memory.get(given.ids)
    oracle = InMemoryStore(WIDTH, metric)
    oracle.add(decoded.ids, decoded.vectors, decoded.metadata)
    queries = clustered(6, WIDTH, seed=4) * 2
    for where in (None, {"n": {"gte": 50, "lt": 195}}):
        for k in (1, 10, 300):
            hits, wanted = memory.search(queries, k, where), oracle.search(queries, k, where)
            np.testing.assert_allclose(hits.scores, wanted.scores, rtol=1e-4, atol=1e-5)
    hits = memory.search(queries, 5)
    scores = score_all(queries[:1], memory.get(list(hits.ids[0])).vectors, metric)[0]
    np.testing.assert_allclose(hits.scores[0], scores, rtol=1e-4, atol=1e-5)
    assert [entry["n"] for entry in hits.metadata[0] if entry] == [
        int(name.removeprefix("row")) for name in hits.ids[0]
    ]


def test_equal_codes_come_in_the_order_of_ids() -> None:
    """Many rows with one code: the k first ids, whatever the order of adding."""
    memory = opened(InMemoryStore(WIDTH))
    names = [f"x{n:03}" for n in np.random.default_rng(0).permutation(100)]
    memory.add(names, np.repeat(clustered(1, WIDTH), 100, axis=0))
    decoded = memory.search(clustered(1, WIDTH), 100)
    past = [name for name in decoded.ids[0] if not memory.is_exact(name)]
    assert len(past) >= 60 and past == sorted(past)


def test_one_call_below_for_each_call(monkeypatch: pytest.MonkeyPatch) -> None:
    """When the store below fails, nothing has happened; the next call goes through."""
    base = LastingStore(WIDTH)
    memory, given = opened(base), rows(49, WIDTH)
    memory.add(given.ids, given.vectors)
    before = base.rows()
    with monkeypatch.context() as patch:

        def fail(*_: object) -> None:
            raise MemoryStoreError("The disk is full.")

        patch.setattr(base, "add", fail)
        for count in (1, 200):
            with pytest.raises(MemoryStoreError, match="full"):
                memory.add([f"new{n}" for n in range(count)], clustered(count, WIDTH))
        with pytest.raises(MemoryStoreError, match="full"):
            memory.delete(["row0"])
    assert base.rows() == before and len(memory) == 49 and memory.get(["new0"]).ids == []
    memory.add(["new0"], clustered(1, WIDTH))
    assert len(opened(base)) == 50


def test_a_crash_before_the_old_events_are_deleted(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are known to be in the segment, and are not read twice."""
    base = LastingStore(WIDTH)
    memory, given = opened(base), rows(49, WIDTH)
    memory.add(given.ids, given.vectors)
    monkeypatch.setattr(base, "delete", lambda ids: 0)
    memory.add(["last"], clustered(1, WIDTH))
    assert event_id(0) in base.rows()
    again = opened(base)
    assert len(again) == 50 and not again.is_exact("row0") and again.is_exact("last")


def test_the_default_codec_saves_room() -> None:
    """A quarter of D bytes a row, and 4 for its length."""
    memory = SummarizingMemory(InMemoryStore(32), recent=10, segment=100)
    memory.add(rows(110, 32).ids, rows(110, 32).vectors)
    assert memory.summary_bytes <= 100 * (32 // 4 + 4) + 16
    assert memory.search(rows(110, 32).vectors[:1], 1).ids[0, 0] is not None


def test_refuses_what_it_did_not_write() -> None:
    """A store of something else, a summariser of other sizes, sizes below zero."""
    foreign = LastingStore(WIDTH)
    foreign.add(["x"], np.ones((1, WIDTH)))
    with pytest.raises(MemoryStoreError, match="no SummarizingMemory"):
        SummarizingMemory(foreign)
    with pytest.raises(ValueError, match="dim 4"):
        SummarizingMemory(InMemoryStore(WIDTH), CodecSummariser(StreamingCompressor(4, 2)))
    with pytest.raises(ValueError, match="segment 0"):
        SummarizingMemory(InMemoryStore(WIDTH), segment=0)
    base = LastingStore(WIDTH)
    opened(base).add(rows(80, WIDTH).ids, rows(80, WIDTH).vectors)
    other = CodecSummariser(StreamingCompressor(WIDTH, 4))
    with pytest.raises(MemoryStoreError, match="bytes a level"):
        SummarizingMemory(base, other)
    base.delete([event_id(int(next(r for r in base.rows() if r < "f").split("/")[1]) + 1)])
    with pytest.raises(MemoryStoreError, match="not all rows"):
        opened(base)
