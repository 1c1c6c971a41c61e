"""Scores that fade, against every row faded by hand."""

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import ArrayLike

from daneel.memory.compression import TemporalVectorCompressor
from daneel.memory.in_memory import InMemoryStore, score_all
from daneel.memory.protocol import METRICS, Hits, Rows, VectorStore, Where
from tests.memory.compression.data import clustered
from tests.memory.contract import DIM, Factory, StoreContract


class Plain(TemporalVectorCompressor):
    """Whose metadata has no time, to compare with a store that adds none."""

    def search(self, queries: ArrayLike, k: int, where: Where | None = None) -> Hits:
        """Hits without the time."""
        hits = super().search(queries, k, where)
        for entry in (e for row in hits.metadata for e in row if e):
            entry.pop("time")
        return hits

    def get(self, ids: Sequence[str]) -> Rows:
        """Rows without the time."""
        rows = super().get(ids)
        for entry in rows.metadata:
            entry.pop("time")
        return rows


class TestWithoutAge(StoreContract):
    """While no time passes, it is any other store."""

    keeps = False

    @pytest.fixture
    def factory(self) -> Factory:
        """A new one each time, at a clock that stands."""

        def make(name: str = "a", dim: int = DIM, metric: str = "cosine") -> VectorStore:
            return Plain(InMemoryStore(dim, metric), 10.0, clock=lambda: 5.0)

        return make


@pytest.mark.parametrize("half_life", [3.0, 1e6])
@pytest.mark.parametrize("metric", METRICS)
def test_equals_fading_every_row(metric: str, half_life: float) -> None:
    """Exact, however small the half-life, and scores below 0 fade downwards."""
    vectors, queries = clustered(300), np.concatenate([clustered(4, seed=1), -clustered(2)])
    memory = TemporalVectorCompressor(InMemoryStore(16, metric), half_life, clock=lambda: 300.0)
    names = [f"row{n:03}" for n in range(300)]
    memory.add(names, vectors, [{"time": n} for n in range(300)])
    raw = score_all(queries, vectors, metric)
    worth = np.maximum(0.5 ** ((300.0 - np.arange(300)) / half_life), 1e-30)
    faded = np.where(raw >= 0, raw * worth, raw / worth).astype(np.float32)
    hits = memory.search(queries, 7)
    for found, scores, wanted in zip(hits.ids, hits.scores, faded, strict=True):
        order = sorted(range(300), key=lambda at: (-wanted[at], names[at]))[:7]
        np.testing.assert_allclose(scores, wanted[order], rtol=1e-4)
        assert list(found) == [names[at] for at in order]


def test_stored_vectors_do_not_fade() -> None:
    """Only scores do; the row comes back as added, for ever."""
    now = [0.0]
    memory = TemporalVectorCompressor(InMemoryStore(2), 10.0, clock=lambda: now[0])
    memory.add(["x"], [[3.0, 4.0]])
    assert memory.search([3.0, 4.0], 1).scores[0, 0] == pytest.approx(1)
    now[0] = 20.0
    assert memory.search([3.0, 4.0], 1).scores[0, 0] == pytest.approx(0.25)
    assert memory.get(["x"]).vectors.tolist() == [[3.0, 4.0]]
    assert memory.get(["x"]).metadata == [{"time": 0.0}]


def test_the_younger_of_equals_is_first() -> None:
    """And conditions hold."""
    memory = TemporalVectorCompressor(InMemoryStore(2), 10.0, clock=lambda: 100.0)
    memory.add(["a", "b"], np.ones((2, 2)), [{"time": 0, "k": 1}, {"time": 90, "k": 2}])
    assert memory.search([1.0, 1.0], 2).ids.tolist() == [["b", "a"]]
    assert memory.search([1.0, 1.0], 2, {"k": 1}).ids.tolist() == [["a", None]]


def test_bad_times() -> None:
    """A time that is no number, a half-life that is no time: nothing is written."""
    memory = TemporalVectorCompressor(InMemoryStore(2), 10.0)
    with pytest.raises(ValueError, match="'time' of 'x' is 'now'"):
        memory.add(["x"], np.ones((1, 2)), [{"time": "now"}])
    assert len(memory) == 0
    for half_life in (0, -1, float("nan")):
        with pytest.raises(ValueError, match="half_life_s"):
            TemporalVectorCompressor(InMemoryStore(2), half_life)
