"""Conditions against a second reading of their description."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daneel.errors import UnknownNameError
from daneel.memory.where import OPERATORS, check_where, matches

SCALARS = st.sampled_from([None, True, False, 0, 1, 1.0, -0.0, 2, 2.5, 10**30, "", "1", "a", "b"])
VALUES = st.one_of(
    SCALARS, st.lists(SCALARS, max_size=2), st.dictionaries(st.sampled_from("xy"), SCALARS)
)
FIELDS = st.sampled_from(["a", "b"])
ROWS = st.dictionaries(FIELDS, VALUES)
OPERANDS = {
    **dict.fromkeys(("eq", "ne"), VALUES),
    **dict.fromkeys(("lt", "lte", "gt", "gte"), st.sampled_from([0, 1, 1.0, 2.5, "", "1", "a"])),
    "in": st.lists(VALUES, max_size=3),
    "exists": st.booleans(),
}
ASKED = st.lists(st.sampled_from(OPERATORS), min_size=1, max_size=2, unique=True).flatmap(
    lambda keys: st.fixed_dictionaries({key: OPERANDS[key] for key in keys})
)


def same(one: Any, other: Any) -> bool:
    """Equal as JSON, where 1 is 1.0 but not true: told by a text that spells types out."""

    def spelled(value: Any) -> Any:
        if isinstance(value, bool) or value is None or isinstance(value, str):
            return [type(value).__name__, value]
        if isinstance(value, int | float):
            return ["number", int(value) if value == int(value) else value]
        if isinstance(value, dict):
            return {key: spelled(inner) for key, inner in value.items()}
        return ["list", *map(spelled, value)]

    return json.dumps(spelled(one), sort_keys=True) == json.dumps(spelled(other), sort_keys=True)


def holds(key: str, row: dict[str, Any], name: str, operand: Any) -> bool:
    """One operator, by its description in `protocol.Where`."""
    if name not in row:
        return key == "ne" or (key == "exists" and operand is False)
    found = row[name]
    if key in ("eq", "ne"):
        return same(found, operand) == (key == "eq")
    if key == "in":
        return any(same(found, each) for each in operand)
    if key == "exists":
        return operand is True
    kinds = [
        "text" if isinstance(each, str) else "number"
        for each in (found, operand)
        if isinstance(each, str | int | float) and not isinstance(each, bool)
    ]
    if len(kinds) < 2 or kinds[0] != kinds[1]:
        return False
    less, equal = found < operand, found == operand
    return {"lt": less, "lte": less or equal, "gt": not less and not equal, "gte": not less}[key]


@settings(max_examples=200, deadline=None)
@given(ROWS, st.dictionaries(FIELDS, ASKED))
def test_every_operator(row: dict[str, Any], condition: dict[str, dict[str, Any]]) -> None:
    """All of them must hold."""
    expected = all(
        holds(key, row, name, operand)
        for name, keys in condition.items()
        for key, operand in keys.items()
    )
    assert matches(check_where(condition), row) == expected


@settings(deadline=None)
@given(ROWS, FIELDS, SCALARS)
def test_a_plain_value_is_equality(row: dict[str, Any], name: str, value: Any) -> None:
    """The short form and the long one agree."""
    short, long = check_where({name: value}), check_where({name: {"eq": value}})
    assert short == long and matches(short, row) == (name in row and same(row[name], value))


def test_nested_values_keep_their_types() -> None:
    """True is not 1 inside a list either; a tuple is the list that metadata made of it."""
    assert not matches(check_where({"a": [1]}), {"a": [True]})
    assert not matches(check_where({"a": {"eq": {"x": 0}}}), {"a": {"x": False}})
    assert matches(check_where({"a": (1, 2)}), {"a": [1, 2.0]})
    assert matches(check_where({"a": {"in": ((1,), [2])}}), {"a": [2]})


@pytest.mark.parametrize(
    "where",
    [
        [], "a", 3, {"a": {"in": "text"}}, {"a": {"in": {1}}}, {"a": {"exists": 1}},
        {"a": {"exists": None}}, {"a": {"lt": True}}, {"a": {"gte": [1]}}, {"a": {"gt": None}},
    ],
    ids=repr,
)  # fmt: skip
def test_conditions_that_are_none(where: Any) -> None:
    """A ValueError that names the condition."""
    with pytest.raises(ValueError, match="where"):
        check_where(where)


def test_unknown_operators() -> None:
    """The nearest are named."""
    with pytest.raises(UnknownNameError, match=r"Nearest: .*gte"):
        check_where({"a": {"gtee": 1}})
