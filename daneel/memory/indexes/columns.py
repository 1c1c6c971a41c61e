"""Conditions on many rows at once: each field's distinct values are asked once, not each row."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from daneel.memory.indexes.texts import Texts
from daneel.memory.where import matches

BLOCK = 65_536


class Columns:
    """The metadata of N rows by field, read when a condition first names the field."""

    def __init__(self, metadata: Texts) -> None:
        """Over a column of JSON objects."""
        self._metadata = metadata
        self._fields: dict[str, tuple[NDArray[np.int32], list[Any]]] = {}

    def mask(self, condition: Mapping[str, Mapping[str, Any]]) -> NDArray[np.bool_]:
        """Which rows `[N]` fulfil a checked condition."""
        self._read([name for name in condition if name not in self._fields])
        found = np.ones(len(self._metadata), np.bool_)
        for name, asked in condition.items():
            codes, values = self._fields[name]
            good = [matches({name: asked}, entry) for entry in values]
            found &= np.array(good, np.bool_)[codes] if good else False
        return found

    def _read(self, names: list[str]) -> None:
        """Code the values of those fields: equal values have equal codes."""
        if not names:
            return
        seen: dict[str, dict[Any, int]] = {name: {} for name in names}
        entries: dict[str, list[Any]] = {name: [] for name in names}
        codes = {name: np.empty(len(self._metadata), np.int32) for name in names}
        for start in range(0, len(self._metadata), BLOCK):
            at = np.arange(start, min(start + BLOCK, len(self._metadata)))
            for row, text in zip(at.tolist(), self._metadata.take(at), strict=True):
                entry = json.loads(text)
                for name in names:
                    key = _key(entry, name)
                    code = seen[name].setdefault(key, len(seen[name]))
                    if code == len(entries[name]):
                        entries[name].append({name: entry[name]} if name in entry else {})
                    codes[name][row] = code
        self._fields |= {name: (codes[name], entries[name]) for name in names}


def _key(entry: Mapping[str, Any], name: str) -> Any:
    """Something hashable that differs where the values do; True is not 1 and 1 is not 1.0."""
    if name not in entry:
        return None
    value = entry[name]
    return (type(value), json.dumps(value) if isinstance(value, dict | list) else value)
