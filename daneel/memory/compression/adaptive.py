"""Codes whose length follows how often a row is retrieved; T-44.

Legend: N rows, D dimensions, L levels of the codec.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from daneel.memory.check import check_ids, check_vectors
from daneel.memory.compression.streaming import Codes, StreamingCompressor
from daneel.memory.hierarchy.frequency import AccessFrequency
from daneel.memory.protocol import Rows


class AdaptiveCompressor:
    """Coded rows that share a budget of bytes by how often they are retrieved.

    A code of L levels may be cut after any of them. Every row keeps at least one; the rest of the
    budget goes, level by level, to where retrievals times the error that the level removes is
    largest, which for errors that shrink from level to level is the best use of the bytes.

    A level that was cut is gone, unless `source` still has the vectors.

    Args:
        compressor: Of several levels.
        bytes_per_row: The budget, a mean over all rows.
        source: Gives the exact rows of ids (the `get` of a store), to code them again when they
            become popular; None: a row keeps at most the levels that it has.
        every: Retrievals between rebalancings.
    """

    def __init__(
        self,
        compressor: StreamingCompressor,
        bytes_per_row: float,
        source: Callable[[Sequence[str]], Rows] | None = None,
        every: int = 4096,
    ) -> None:
        """Holds nothing yet.

        Raises:
            ValueError: The compressor has one level, or the budget does not hold one a row.
        """
        step = compressor.bytes_per_row // compressor.levels
        if compressor.levels < 2:
            raise ValueError("The compressor has 1 level. Expected 2 or more. Give it levels=4.")
        if bytes_per_row < step or every < 1:
            raise ValueError(
                f"bytes_per_row is {bytes_per_row}, every {every}. Expected at least {step}, one "
                "level, and at least 1."
            )
        self.compressor, self.bytes_per_row, self.source = compressor, bytes_per_row, source
        self.every, self.step, self.frequency = every, step, AccessFrequency()
        self._codes: dict[str, tuple[int, bytes]] = {}
        self._since, self._lock = 0, threading.RLock()

    def add(self, ids: Sequence[str], vectors: ArrayLike) -> None:
        """Codes rows, replacing those of the same ids; learns from them.

        Raises:
            ValueError: As `VectorStore.add`.
        """
        names, rows = check_ids(ids), check_vectors("vectors", vectors, self.compressor.dim)
        if len(names) != len(rows):
            raise ValueError(f"{len(names)} ids for {len(rows)} vectors. Expected as many.")
        with self._lock:
            self.compressor.observe(rows)
            self._code(names, rows)
            if self.nbytes > self.bytes_per_row * len(self._codes):
                self.rebalance()

    def _code(self, names: Sequence[str], rows: NDArray[np.float32]) -> None:
        if names:
            codes = self.compressor.encode(rows)
            values = ((codes.version, row.tobytes()) for row in codes.values)
            self._codes.update(zip(names, values, strict=True))

    def get(self, ids: Sequence[str]) -> Rows:
        """The rows as decoded (without metadata), in the order asked for; counts as retrieval."""
        with self._lock:
            names = [name for name in check_ids(ids) if name in self._codes]
            self.frequency.touch(names)
            self._since += len(names)
            if self._since >= self.every:
                self.rebalance()
            vectors = np.empty((len(names), self.compressor.dim), np.float32)
            alike: dict[tuple[int, int], list[int]] = {}
            for at, name in enumerate(names):
                version, code = self._codes[name]
                alike.setdefault((version, len(code)), []).append(at)
            for (version, width), places in alike.items():
                joined = b"".join(self._codes[names[at]][1] for at in places)
                values = np.frombuffer(joined, np.uint8).reshape(-1, width)
                vectors[places] = self.compressor.decode(Codes(version, values))
        return Rows(names, vectors, [{} for _ in names])

    def delete(self, ids: Sequence[str]) -> int:
        """Removes rows; returns how many were there."""
        with self._lock:
            self.frequency.forget(ids)
            return sum(self._codes.pop(name, None) is not None for name in check_ids(ids))

    def rebalance(self) -> None:
        """Shares the budget out anew."""
        with self._lock:
            self._since, names = 0, list(self._codes)
            if not names:
                return
            wanted = self._levels(names)
            held = np.array([len(self._codes[name][1]) for name in names]) // self.step
            short = [names[at] for at in np.flatnonzero(wanted > held)]
            if self.source is not None and short:
                rows = self.source(short)
                self._code(rows.ids, rows.vectors)
            for name, levels in zip(names, wanted, strict=True):
                version, code = self._codes[name]
                self._codes[name] = (version, code[: int(levels) * self.step])

    def _levels(self, names: Sequence[str]) -> NDArray[np.int64]:
        """How many levels each row gets, `[N]`."""
        # One more than was counted: what was never retrieved still may be.
        counts = np.array([1 + self.frequency.count(name) for name in names], np.float64)
        worth = counts[:, None] * self._gains()[None, 1:]
        spare = int(self.bytes_per_row * len(names) / self.step) - len(names)
        # By level first, so that of equals all rows get a second level before one gets a third.
        order = np.argsort(-worth.T.ravel(), kind="stable")[:spare]
        return 1 + np.bincount(order % len(names), minlength=len(names))

    def _gains(self) -> NDArray[np.float64]:
        """Squared error that each level removes `[L]`, on the reservoir; never rising."""
        rows, weights = self.compressor.reservoir.sample()
        codes = self.compressor.encode(rows)
        errors = [float(np.average((rows**2).sum(1), weights=weights))]
        for level in range(1, self.compressor.levels + 1):
            cut = Codes(codes.version, codes.values[:, : level * self.step])
            lost = ((rows - self.compressor.decode(cut)) ** 2).sum(1)
            errors.append(float(np.average(lost, weights=weights)))
        return np.minimum.accumulate(np.maximum(-np.diff(errors), 0))

    def ratio(self, name: str) -> float:
        """How many times smaller than its float32 vector a row's code is.

        Raises:
            KeyError: There is no such row.
        """
        return 4 * self.compressor.dim / len(self._codes[name][1])

    @property
    def nbytes(self) -> int:
        """Bytes of all codes."""
        return sum(len(code) for _, code in self._codes.values())

    def __len__(self) -> int:
        """Number of rows."""
        return len(self._codes)
