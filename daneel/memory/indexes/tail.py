"""Rows newer than the index: kept in memory, scanned exactly, only ever appended to."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from daneel.memory.where import matches

FIRST = 1024


class Tail:
    """Rows in the order of arrival; whoever reads them remembers how many there were."""

    def __init__(self, dim: int) -> None:
        """No rows of `dim` dimensions."""
        self.vectors = np.empty((FIRST, dim), np.float32)
        self.ids: list[str] = []
        self.metadata: list[str] = []
        self._masks: dict[str, NDArray[np.bool_]] = {}

    def append(
        self, ids: Sequence[str], vectors: NDArray[np.float32], metadata: Sequence[str]
    ) -> None:
        """Add rows; earlier ones stay where they are for those who are reading them."""
        count = len(self.ids)
        if count + len(ids) > len(self.vectors):
            grown = np.empty((2 * (count + len(ids)), self.vectors.shape[1]), np.float32)
            grown[:count] = self.vectors[:count]
            self.vectors = grown
        self.vectors[count : count + len(ids)] = vectors
        self.metadata.extend(metadata)
        self.ids.extend(ids)

    def mask(
        self, key: str, condition: Mapping[str, Mapping[str, Any]], count: int
    ) -> NDArray[np.bool_]:
        """Which of the first `count` rows fulfil a condition, asked once for each row."""
        known = self._masks.get(key, np.zeros(0, np.bool_))
        if len(known) < count:
            texts = self.metadata[len(known) : count]
            more = [matches(condition, json.loads(text)) for text in texts]
            known = np.concatenate([known, np.array(more, np.bool_)])
            if len(self._masks) > 32:
                self._masks = {}
            self._masks[key] = known
        return known[:count]
