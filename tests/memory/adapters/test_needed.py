"""What an engine is asked for never leaves out a row that fulfils the condition."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from daneel.memory.adapters.needed import Needed, Terms, needed, terms
from daneel.memory.check import check_metadata
from daneel.memory.where import check_where, matches

NAMES = st.sampled_from(["a", "b", "ключ", "", "a.b", 'q"'])
NUMBERS = st.one_of(
    st.integers(-3, 3),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from([2**53, 2**53 + 1, -(2**53) - 1, 10**400, 0.0, -0.0, 1.0]),
)
TEXTS = st.sampled_from(["", "a", "b", "1", "true", "x" * 200, "x" * 201, "\0"])
SCALARS = st.one_of(st.none(), st.booleans(), NUMBERS, TEXTS)
VALUES = st.one_of(SCALARS, st.lists(SCALARS, max_size=2))
ROWS = st.dictionaries(NAMES, VALUES, max_size=4)
OPERATORS = st.one_of(
    st.builds(lambda key, value: {key: value}, st.sampled_from(["eq", "ne"]), VALUES),
    st.builds(lambda value: {"in": value}, st.lists(VALUES, max_size=3)),
    st.builds(lambda value: {"exists": value}, st.booleans()),
    st.builds(
        lambda one, other, a, b: {one: a, other: b},
        st.sampled_from(["lt", "lte"]), st.sampled_from(["gt", "gte"]),
        st.one_of(NUMBERS, TEXTS, st.floats()), st.one_of(NUMBERS, TEXTS, st.floats()),
    ),
)  # fmt: skip
CONDITIONS = st.dictionaries(NAMES, st.one_of(SCALARS, OPERATORS), max_size=3)


def has(found: Terms, asked: Needed) -> bool:
    """What an engine decides."""
    mine = set(found.tokens)
    within = all(
        name in found.numbers and low <= found.numbers[name] <= high
        for name, (low, high) in (asked.ranges or {}).items()
    )
    return (
        all(mine & set(tokens) for tokens in asked.any_of)
        and not mine & set(asked.none_of)
        and within
    )


@settings(max_examples=300, deadline=None)
@given(ROWS, CONDITIONS)
def test_necessary(row: dict[str, Any], condition: dict[str, Any]) -> None:
    """A row that fulfils the condition has what is needed."""
    (row,) = check_metadata([row], 1)
    checked = check_where(condition)
    if matches(checked, row):
        assert has(terms(row), needed(checked)) and not needed(checked).impossible


def test_sufficient_for_what_engines_index() -> None:
    """Equality, presence and ranges of numbers leave out everything else."""
    rows = [{"a": 1}, {"a": 2.5}, {"a": True}, {"a": "1"}, {"a": None}, {}]
    conditions = [
        {"a": 1}, {"a": True}, {"a": None}, {"a": {"ne": "1"}}, {"a": {"in": [2.5, "1"]}},
        {"a": {"gte": 1, "lte": 2}}, {"a": {"exists": False}}, {"a": {"exists": True}},
    ]  # fmt: skip
    for condition in map(check_where, conditions):
        for row in rows:
            assert has(terms(row), needed(condition)) == matches(condition, row), (condition, row)


def test_long_texts_are_hashed() -> None:
    """The index does not hold documents twice."""
    assert max(map(len, terms({"text": "word " * 10_000}).tokens)) <= 128
