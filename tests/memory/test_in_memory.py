"""The oracle of all other stores: exact, deterministic, alone with its data."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from daneel.errors import MemoryStoreError
from daneel.memory.in_memory import InMemoryStore, score_all
from daneel.memory.protocol import METRICS

FLOATS = st.floats(width=32, allow_nan=False, allow_infinity=False)
EXACT = st.integers(-50, 50).map(lambda value: value / 4)


def vectors_of(values: st.SearchStrategy[float], least: int = 1) -> st.SearchStrategy[Any]:
    """Arrays `[1..6, 1..5]` of such values."""
    shapes = st.tuples(st.integers(least, 6), st.integers(1, 5))
    return arrays.arrays(np.float32, shapes, elements=values)


@settings(deadline=None)
@given(vectors_of(EXACT), st.sampled_from(["dot", "l2"]))
def test_scores_of_exact_values_are_exact(vectors: Any, metric: str) -> None:
    """Against rational arithmetic."""
    scores = score_all(vectors, vectors, metric)
    rows = [[Fraction(float(value)) for value in row] for row in vectors]
    for at, one in enumerate(rows):
        for to, other in enumerate(rows):
            pairs = list(zip(one, other, strict=True))
            exact = sum(a * b for a, b in pairs)
            if metric == "l2":
                exact = -sum((a - b) ** 2 for a, b in pairs)
            assert scores[at, to] == np.float32(float(exact))


@settings(deadline=None)
@given(vectors_of(FLOATS), st.sampled_from(METRICS), st.integers(1, 40))
def test_equal_vectors_have_equal_scores(vectors: Any, metric: str, copies: int) -> None:
    """Wherever they stand among others; no score is NaN; a vector is nearest to itself in l2."""
    repeated = np.tile(vectors, (copies, 1))
    scores = score_all(vectors, repeated, metric).reshape(len(vectors), copies, -1)
    assert not np.isnan(scores).any()
    assert (scores == scores[:, :1]).all()
    if metric == "l2":
        own = scores[np.arange(len(vectors)), 0, np.arange(len(vectors))]
        assert (own == 0).all() and (scores <= 0).all()
    if metric == "cosine":
        assert (np.abs(scores) <= 1).all()


def test_near_neighbours_far_from_the_origin() -> None:
    """Where the squares are 10^14 and the difference is one sixteenth."""
    base = np.full((1, 128), 2.0**20, np.float32)
    near = base.copy()
    near[0, 0] += 0.125
    assert score_all(base, np.concatenate([near, base]), "l2").tolist() == [[-(0.125**2), 0]]


@settings(deadline=None)
@given(
    vectors_of(st.sampled_from([0.0, 1.0, -1.0, 0.1]), least=2),
    st.sampled_from(METRICS),
    st.integers(1, 8),
    st.randoms(use_true_random=False),
)
def test_order(vectors: Any, metric: str, k: int, random: Any) -> None:
    """By score, then by id, whatever the order in which rows were added."""
    ids = [f"r{at}" for at in range(len(vectors))]
    random.shuffle(ids)
    with InMemoryStore(vectors.shape[1], metric) as store:
        for at in random.sample(range(len(ids)), len(ids)):
            store.add([ids[at]], vectors[at])
        hits = store.search(vectors[0], k)
    scores = score_all(vectors[:1], vectors, metric)[0]
    expected = sorted(zip((-scores).tolist(), ids, strict=True))[:k]
    missing = [None] * max(0, k - len(ids))
    assert hits.ids[0].tolist() == [name for _, name in expected] + missing
    assert hits.scores[0].tolist() == [-s for s, _ in expected] + [-np.inf] * len(missing)


def test_a_caller_cannot_reach_into_the_store() -> None:
    """Neither by what was given nor by what was found, at any depth."""
    given_vectors, entry = np.ones((1, 2), np.float32), {"tags": ["a"], "deep": {"x": [1]}}
    expected = {"tags": ["a"], "deep": {"x": [1]}}
    with InMemoryStore(2) as store:
        store.add(["a"], given_vectors, [entry])
        given_vectors[:] = 7
        entry["tags"].append("b")  # type: ignore[union-attr]
        entry["new"] = {}
        rows = store.get(["a"])
        rows.vectors[:] = 8
        rows.metadata[0]["deep"]["x"].append(2)
        hits = store.search([1, 0], 1)
        hits.metadata[0][0]["tags"].clear()  # type: ignore[index]
        found = store.get(["a"])
        assert found.vectors.tolist() == [[1, 1]] and found.metadata == [expected]


def test_nothing_is_written_by_a_call_that_fails() -> None:
    """The first row of a bad call is not there either."""
    with InMemoryStore(2) as store:
        for vectors, metadata in (
            ([[1, 1], [1, np.nan]], None),
            (np.ones((2, 2)), [{}, {"a": {}}, {}]),
        ):
            with pytest.raises(ValueError):
                store.add(["a", "b"], vectors, metadata)
        assert len(store) == 0


def test_closed() -> None:
    """Every call but closing."""
    store = InMemoryStore(2)
    store.close()
    store.close()
    with pytest.raises(MemoryStoreError, match="closed"):
        len(store)
    with pytest.raises(MemoryStoreError, match="closed"), store:
        store.search([1, 1], 1)
