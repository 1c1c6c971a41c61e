"""Rows in RAM, the least recently used of which leaves first."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from daneel.memory.protocol import Rows

Kept = tuple[str, NDArray[np.float32], str]
"""Id, vector `[D]` and metadata as JSON."""


class WorkingSet:
    """At most `rows` rows."""

    def __init__(self, rows: int) -> None:
        """Holds nothing yet.

        Raises:
            ValueError: `rows` is below 0.
        """
        if rows < 0:
            raise ValueError(f"The working set is to hold {rows} rows. Expected 0 or more.")
        self.rows = rows
        self._kept: OrderedDict[str, Kept] = OrderedDict()

    def put(self, rows: Rows) -> list[Kept]:
        """Takes rows in and returns those that had to leave for them."""
        for name, vector, entry in zip(rows.ids, rows.vectors, rows.metadata, strict=True):
            self._kept.pop(name, None)
            self._kept[name] = (name, vector.copy(), json.dumps(entry))
        return [
            self._kept.popitem(last=False)[1] for _ in range(max(len(self._kept) - self.rows, 0))
        ]

    def get(self, ids: Sequence[str]) -> list[Kept]:
        """Those of the rows that are here; they count as used."""
        found = [name for name in ids if name in self._kept]
        for name in found:
            self._kept.move_to_end(name)
        return [self._kept[name] for name in found]

    def drop(self, ids: Iterable[str]) -> None:
        """Lets go of rows."""
        for name in ids:
            self._kept.pop(name, None)

    def all(self) -> list[Kept]:
        """Every row, the least recently used first."""
        return list(self._kept.values())

    def __contains__(self, name: object) -> bool:
        """Whether the row of this id is here."""
        return name in self._kept

    def __len__(self) -> int:
        """Number of rows."""
        return len(self._kept)


def as_rows(kept: Sequence[Kept], dim: int) -> Rows:
    """Kept rows as callers know them, copied."""
    vectors = np.array([vector for _, vector, _ in kept], np.float32).reshape(-1, dim)
    entries: list[dict[str, Any]] = [json.loads(text) for _, _, text in kept]
    return Rows([name for name, _, _ in kept], vectors, entries)
