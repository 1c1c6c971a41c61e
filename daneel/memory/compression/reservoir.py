"""A sample of a stream in O(log T) rows: one reservoir for each doubling of its length.

Algorithm R (Vitter 1985, "Random sampling with a reservoir") keeps m uniform rows of each epoch;
the epochs are the rows [0, m), [m, 2m), [2m, 4m), ... Rows are weighted by epoch size over rows
kept, which makes weighted means unbiased for the whole stream, while the far past keeps its rows
for good: nothing that comes later can push them out.

Legend: T rows seen, m rows of an epoch, D dimensions.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Fetch = Callable[[NDArray[np.int64]], NDArray[np.float32]]
"""Rows `[n, D]` at positions `[n]` of a stream, 0 the oldest."""


class EpochReservoir:
    """m uniform rows of every doubling of the stream."""

    def __init__(self, dim: int, per_epoch: int, rng: np.random.Generator) -> None:
        """An empty sample of rows of `dim` dimensions.

        Raises:
            ValueError: A size is below 1.
        """
        if dim < 1 or per_epoch < 1:
            raise ValueError(f"dim is {dim} and per_epoch {per_epoch}. Expected at least 1.")
        self.dim, self.per_epoch, self.seen = dim, per_epoch, 0
        self._rng, self._epochs = rng, list[NDArray[np.float32]]()

    def add(self, vectors: NDArray[np.float32]) -> None:
        """Sees the next rows `[N, D]`."""
        while len(vectors):
            epoch = self._epoch(self.seen)
            start, end = self._span(epoch)
            self._add_within(epoch, self.seen - start, vectors[: end - self.seen])
            taken = min(end - self.seen, len(vectors))
            self.seen, vectors = self.seen + taken, vectors[taken:]

    def _add_within(self, epoch: int, offset: int, vectors: NDArray[np.float32]) -> None:
        """Algorithm R over rows that are the `offset`-th and following of their epoch."""
        if epoch == len(self._epochs):
            self._epochs.append(np.empty((self.per_epoch, self.dim), np.float32))
        order = offset + np.arange(len(vectors))
        drawn = np.where(order < self.per_epoch, order, self._rng.integers(0, order + 1))
        for row in np.flatnonzero(drawn < self.per_epoch):
            self._epochs[epoch][drawn[row]] = vectors[row]

    def resume(self, seen: int, fetch: Fetch) -> None:
        """Continues a stream of `seen` rows that lies elsewhere: samples each epoch anew."""
        self.seen, self._epochs = seen, []
        for epoch in range(self._epoch(seen - 1) + 1 if seen else 0):
            start, end = self._span(epoch)
            size = min(end, seen) - start
            kept = self._rng.choice(size, min(size, self.per_epoch), replace=False)
            self._epochs.append(np.empty((self.per_epoch, self.dim), np.float32))
            self._epochs[-1][: len(kept)] = fetch(start + np.sort(kept).astype(np.int64))

    def sample(self) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
        """The rows `[n, D]` and how many rows of the stream each stands for, `[n]`."""
        sizes = [min(self._span(e)[1], self.seen) - self._span(e)[0] for e in range(self.epochs)]
        kept = [min(size, self.per_epoch) for size in sizes]
        rows = [rows[:count] for rows, count in zip(self._epochs, kept, strict=True)]
        shares = [size / count for size, count in zip(sizes, kept, strict=True)]
        return np.concatenate([np.empty((0, self.dim), np.float32), *rows]), np.repeat(shares, kept)

    @property
    def epochs(self) -> int:
        """How many doublings the stream has gone through: 1 + log2(T / m), rounded up."""
        return len(self._epochs)

    @property
    def nbytes(self) -> int:
        """Bytes of the rows kept."""
        return sum(rows.nbytes for rows in self._epochs)

    def _epoch(self, position: int) -> int:
        return (position // self.per_epoch).bit_length()

    def _span(self, epoch: int) -> tuple[int, int]:
        """Positions [start, end) of an epoch."""
        return self.per_epoch * (1 << epoch >> 1), self.per_epoch * (1 << epoch)
