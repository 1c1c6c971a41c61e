"""From ids to positions without a dictionary: sorted hashes that can be mapped from a file."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from daneel.memory.indexes.texts import Texts, mapped


class Lookup:
    """Finds ids by a 64-bit hash, then compares the text: a collision costs time, never a row."""

    def __init__(self, hashes: NDArray[np.uint64], order: NDArray[np.int64], ids: Texts) -> None:
        """`hashes` ascending, `order[i]` the position of the i-th."""
        self._hashes, self._order, self._ids = hashes, order, ids

    @classmethod
    def of(cls, ids: Texts) -> Lookup:
        """The lookup of a column of ids."""
        hashes = _hashed(ids.take(np.arange(len(ids))))
        order = np.argsort(hashes, kind="stable").astype(np.int64)
        return cls(hashes[order], order, ids)

    def find(self, ids: Sequence[str]) -> NDArray[np.int64]:
        """Positions `[n]`, -1 for an unknown id."""
        found = np.full(len(ids), -1, np.int64)
        if not len(self._hashes) or not ids:
            return found
        wanted = _hashed(ids)
        first = np.searchsorted(self._hashes, wanted)
        present = np.flatnonzero(self._hashes[np.minimum(first, len(self._hashes) - 1)] == wanted)
        guesses = self._order[first[present]]
        texts = self._ids.take(guesses)
        for at, guess, text in zip(map(int, present), guesses.tolist(), texts, strict=True):
            found[at] = guess if text == ids[at] else self._collided(int(first[at]), ids[at])
        return found

    def _collided(self, at: int, wanted: str) -> int:
        """The position among the further rows of the same hash."""
        same = self._hashes[at]
        while at < len(self._hashes) and self._hashes[at] == same:
            if self._ids.take(self._order[at : at + 1]) == [wanted]:
                return int(self._order[at])
            at += 1
        return -1

    def save(self, folder: Path) -> None:
        """Write `ids.hashes` and `ids.order`."""
        self._hashes.tofile(folder / "ids.hashes")
        self._order.tofile(folder / "ids.order")

    @classmethod
    def load(cls, folder: Path, ids: Texts) -> Lookup:
        """Map what `save` wrote."""
        hashes = mapped(folder / "ids.hashes", np.uint64)
        return cls(hashes, mapped(folder / "ids.order", np.int64), ids)


def _hashed(ids: Sequence[str]) -> NDArray[np.uint64]:
    parts = [blake2b(each.encode("utf-8", "surrogatepass"), digest_size=8).digest() for each in ids]
    return np.frombuffer(b"".join(parts), np.uint64)
