"""Which rows a search may find, in the forms that searches want."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from daneel.memory.indexes.kind import FAISS

SELECTIVE = 2048
"""Up to so many rows are simply looked at, each; their vectors are kept at hand."""


class Keep:
    """A set of positions among N."""

    def __init__(self, mask: NDArray[np.bool_]) -> None:
        """`mask` `[N]`."""
        self.mask = mask
        self.count = int(np.count_nonzero(mask))
        self.plans: dict[int, Any] = {}
        """Settings tuned for these rows, by k."""

    @cached_property
    def selector(self) -> Any:
        """FAISS's form; keeps its own bits alive."""
        self._bits = np.packbits(self.mask, bitorder="little")
        return FAISS.IDSelectorBitmap(self._bits)

    @cached_property
    def positions(self) -> NDArray[np.int64]:
        """`[count]`, ascending."""
        return np.flatnonzero(self.mask)

    def gathered(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """The vectors of a small set, `[count, D]`."""
        if "_vectors" not in vars(self):
            self._vectors = np.asarray(vectors[self.positions])
        return self._vectors
