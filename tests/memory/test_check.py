"""What callers pass is refused or understood, never changed in silence."""

from __future__ import annotations

import json
import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from daneel.memory.check import check_ids, check_k, check_metadata, check_metric, check_vectors

JSON: st.SearchStrategy[Any] = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False,
              allow_infinity=False), st.text(max_size=4)),
    lambda inner: st.one_of(st.lists(inner), st.dictionaries(st.text(max_size=4), inner)),
    max_leaves=8,
)  # fmt: skip


@settings(deadline=None)
@given(
    arrays.arrays(
        st.sampled_from([np.float16, np.float32, np.float64, np.int8, np.int64, np.uint64]),
        st.tuples(st.integers(0, 3), st.integers(1, 4)),
    )
)
def test_vectors_are_taken_exactly_or_refused(vectors: Any) -> None:
    """Every number type; what float32 cannot hold is refused, without a warning."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            found = check_vectors("vectors", vectors, vectors.shape[1])
        except ValueError as error:
            with np.errstate(over="ignore"):
                assert not np.isfinite(vectors.astype(np.float32)).all()
            assert "NaN or infinity" in str(error)
            return
    assert found.dtype == np.float32 and found.flags.c_contiguous
    np.testing.assert_array_equal(found, vectors.astype(np.float32))


@pytest.mark.parametrize(
    "vectors",
    [
        np.ones((2, 3), bool), np.ones((2, 3), complex), [["a"] * 3], [[None] * 3], [b"abc"],
        np.ones((1, 1, 3)), np.ones((3, 2)), np.ones(2), 1.0, [[1, 2, 3], [1, 2]], {"a": 1},
        np.array([["2020-01-01"] * 3], dtype="datetime64[D]"),
    ],
    ids=repr,
)  # fmt: skip
def test_vectors_of_another_kind(vectors: Any) -> None:
    """A ValueError each."""
    with pytest.raises(ValueError):
        check_vectors("vectors", vectors, 3)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.text(min_size=1, max_size=4), unique=True, max_size=5))
def test_ids_are_kept(ids: list[str]) -> None:
    """Any text that can be written; anything iterable."""
    assert check_ids(ids) == ids == check_ids(tuple(ids))


@pytest.mark.parametrize(
    "ids", ["ab", ["a", "a"], [""], [1], [None], [b"a"], ["a\ud800"], [np.nan]], ids=repr
)
def test_ids_that_are_none(ids: Any) -> None:
    """Half of a surrogate pair is text for Python, but for no file and no network."""
    with pytest.raises(ValueError, match="Expected"):
        check_ids(ids)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.dictionaries(st.text(max_size=4), JSON, max_size=3), max_size=3))
def test_metadata_is_a_copy_and_the_same(metadata: list[dict[str, Any]]) -> None:
    """At any depth, and as JSON says it."""
    found = check_metadata(metadata, len(metadata))
    assert found == metadata
    assert json.dumps(found) == json.dumps(metadata)  # True is not 1, 1.0 is not 1
    assert all(ours is not theirs for ours, theirs in zip(found, metadata, strict=True))


def _deep() -> Any:
    found: Any = {}
    for _ in range(100_000):
        found = {"a": found}
    return found


@pytest.mark.parametrize(
    "entry",
    [
        {1: 2}, {"a": {1: 2}}, {"a": [{None: 2}]}, {"a": {1: "x", "1": "y"}}, {"a": {1}},
        {"a": float("nan")}, {"a": [float("inf")]}, {"a": np.float32(1)}, {"a": b"x"}, 3, "ab",
    ],
    ids=repr,
)  # fmt: skip
def test_metadata_that_json_cannot_hold(entry: Any) -> None:
    """Keys that JSON would turn into texts included, at any depth."""
    with pytest.raises(ValueError, match=r"metadata\[0\]"):
        check_metadata([entry], 1)


def test_metadata_of_absurd_depth() -> None:
    """Refused like any other, not a crash of the recursion."""
    with pytest.raises(ValueError, match=r"metadata\[0\]"):
        check_metadata([_deep()], 1)


def test_counts_and_metrics() -> None:
    """Whole numbers of at least one; one of three metrics."""
    three: Any = np.int64(3)
    assert check_k(three) == 3 and type(check_k(three)) is int
    for k in (0, -1, 1.0, True, "1", None, np.float32(2)):
        with pytest.raises(ValueError, match="k is"):
            check_k(k)  # type: ignore[arg-type]
    for metric in ("Cosine", "", None):
        with pytest.raises(ValueError, match="metric is"):
            check_metric(metric)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="1 entries for 2 ids"):
        check_metadata([{}], 2)
