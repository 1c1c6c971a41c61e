"""Conditions on metadata, as a function of one row."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any

from daneel.errors import unknown_name
from daneel.memory.protocol import Where

OPERATORS = ("eq", "ne", "lt", "lte", "gt", "gte", "in", "exists")

_ORDER: Mapping[str, Callable[[Any, Any], bool]] = {
    "lt": operator.lt,
    "lte": operator.le,
    "gt": operator.gt,
    "gte": operator.ge,
}
_ABSENT = object()


def check_where(where: Where | None) -> dict[str, dict[str, Any]]:
    """The condition with every operator written out, by field.

    Raises:
        ValueError: It is no mapping, or an operator's operand has the wrong type.
        UnknownNameError: An operator does not exist.
    """
    if where is None:
        return {}
    if not isinstance(where, Mapping):
        raise ValueError(f"where is {where!r}. Expected a mapping of fields to values.")
    return {str(name): _written_out(name, wanted) for name, wanted in where.items()}


def _written_out(name: str, wanted: Any) -> dict[str, Any]:
    if not isinstance(wanted, Mapping):
        return {"eq": wanted}
    for key, value in wanted.items():
        if key not in OPERATORS:
            raise unknown_name("operator", str(key), OPERATORS)
        if key == "in" and not isinstance(value, list | tuple):
            raise ValueError(f"where {name!r}: `in` has {value!r}. Expected a list.")
        if key == "exists" and not isinstance(value, bool):
            raise ValueError(f"where {name!r}: `exists` has {value!r}. Expected true or false.")
        if key in _ORDER and (isinstance(value, bool) or not isinstance(value, int | float | str)):
            raise ValueError(f"where {name!r}: `{key}` has {value!r}. Expected a number or text.")
    return dict(wanted)


def matches(condition: Mapping[str, Mapping[str, Any]], metadata: Mapping[str, Any]) -> bool:
    """Whether a row's metadata fulfils a checked condition."""
    return all(
        _holds(key, metadata.get(name, _ABSENT), value)
        for name, asked in condition.items()
        for key, value in asked.items()
    )


def _holds(key: str, found: Any, value: Any) -> bool:
    if key == "exists":
        return (found is not _ABSENT) == value
    if key == "ne":
        return found is _ABSENT or not _same(found, value)
    if found is _ABSENT:
        return False
    if key == "eq":
        return _same(found, value)
    if key == "in":
        return any(_same(found, each) for each in value)
    return _comparable(found, value) and _ORDER[key](found, value)


def _same(found: Any, value: Any) -> bool:
    """Equality that does not take True for 1, at any depth; a tuple stands for a list."""
    if isinstance(found, list | tuple) and isinstance(value, list | tuple):
        return len(found) == len(value) and all(map(_same, found, value))
    if isinstance(found, Mapping) and isinstance(value, Mapping):
        return found.keys() == value.keys() and all(_same(found[key], value[key]) for key in found)
    return isinstance(found, bool) == isinstance(value, bool) and found == value


def _comparable(found: Any, value: Any) -> bool:
    if isinstance(found, bool) or isinstance(value, bool):
        return False
    numbers = isinstance(found, int | float) and isinstance(value, int | float)
    return numbers or (isinstance(found, str) and isinstance(value, str))
