"""Conditions in the form that engines can index: tokens that a row must or must not have.

A row with `{"room": "kitchen", "step": 3}` has the tokens `["room"]`, `["room", "kitchen"]`,
`["step"]`, `["step", 3.0]` and the number `step = 3.0`. One keyword index over the tokens serves
every equality on every field. What an engine cannot decide (an order of texts, equality of lists)
is left out, so a condition needs `Needed` but may ask for more: the store checks each row again.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

_LONGEST = 128
"""Longer tokens are replaced by their hash; an index of whole texts would hold them twice."""

_EXACT = 2**53
"""Below this, different integers are different float64."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
"""Fields whose numbers are indexed: names that mean the same in every engine's path language."""


@dataclass(frozen=True)
class Terms:
    """What conditions look for in a row."""

    tokens: list[str]
    numbers: dict[str, float]


@dataclass(frozen=True)
class Needed:
    """What a row must have for a condition to hold: necessary, not always sufficient."""

    any_of: tuple[tuple[str, ...], ...] = ()
    """Of each of these the row has a token."""

    none_of: tuple[str, ...] = ()
    """Tokens that it has not."""

    ranges: Mapping[str, tuple[float, float]] | None = None
    """Lowest and highest value of its numbers, both included."""

    @property
    def impossible(self) -> bool:
        """Whether no row can do."""
        return any(not tokens for tokens in self.any_of)


def terms(metadata: Mapping[str, Any]) -> Terms:
    """What conditions look for in a row of this metadata."""
    tokens = [_shortened([name]) for name in metadata]
    tokens += [token for each in metadata.items() if (token := _token(*each)) is not None]
    numbers = {
        name: _float(value)
        for name, value in metadata.items()
        if _is_number(value) and _NAME.fullmatch(name)
    }
    return Terms(tokens, numbers)


def needed(condition: Mapping[str, Mapping[str, Any]]) -> Needed:
    """What a checked condition needs of a row."""
    asked = [(name, key, value) for name, keys in condition.items() for key, value in keys.items()]
    return Needed(
        tuple(tokens for each in asked if (tokens := _any_of(*each)) is not None),
        tuple(token for each in asked if (token := _none_of(*each)) is not None),
        {name: found for name, keys in condition.items() if (found := _range(name, keys))},
    )


def _any_of(name: str, key: str, value: Any) -> tuple[str, ...] | None:
    if key == "exists":
        return (_shortened([name]),) if value else None
    if key not in ("eq", "in"):
        return None if key == "ne" else (_shortened([name]),)
    tokens = [_token(name, each) for each in (value if key == "in" else [value])]
    known = tuple(token for token in tokens if token is not None)
    return known if len(known) == len(tokens) else (_shortened([name]),)


def _none_of(name: str, key: str, value: Any) -> str | None:
    if key == "exists":
        return None if value else _shortened([name])
    if key != "ne" or (_is_number(value) and not abs(value) < _EXACT):
        return None  # above, a row of another number may have the same token
    return _token(name, value)


def _range(name: str, keys: Mapping[str, Any]) -> tuple[float, float] | None:
    """Bounds that hold for rounded numbers too: rounding keeps the order, not the difference."""
    bounds = list(_bounds(keys)) if _NAME.fullmatch(name) else []
    if not bounds:
        return None
    return max(low for low, _ in bounds), min(high for _, high in bounds)


def _bounds(keys: Mapping[str, Any]) -> Iterator[tuple[float, float]]:
    for key, value in keys.items():
        if _is_number(value) and key in ("gt", "gte"):
            yield _float(value), sys.float_info.max
        if _is_number(value) and key in ("lt", "lte"):
            yield -sys.float_info.max, _float(value)


def _token(name: str, value: Any) -> str | None:
    """The token of a field with a value; None for lists, objects and what is no number."""
    if _is_number(value):
        return _shortened([name, _float(value)])
    return _shortened([name, value]) if value is None or isinstance(value, str | bool) else None


def _shortened(parts: list[Any]) -> str:
    token = json.dumps(parts)
    return token if len(token) <= _LONGEST else hashlib.sha256(token.encode()).hexdigest()


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value == value


def _float(value: float) -> float:
    """The nearest finite float64, with one zero."""
    largest = sys.float_info.max
    return float(min(max(value, -largest), largest)) + 0.0
