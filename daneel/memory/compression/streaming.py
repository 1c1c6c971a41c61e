"""Compression of an endless stream of vectors with a working set of O(log T) bytes.

A reservoir with a fixed number of rows of every doubling (`EpochReservoir`) is all that is kept of
the stream. Each time the stream has doubled, a codec (`ProductCodec`) is learned from the reservoir
and, if it codes rows held back from it better than the codec in use, becomes the next version.
Codes keep the version that made them, which stays: there are never more than log2(T / m) versions,
no row is coded twice, and no code goes bad when the stream drifts.

Legend: T rows seen, m rows of an epoch, N rows, D dimensions, S bytes of a code.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from daneel.errors import MemoryStoreError
from daneel.memory.check import check_vectors
from daneel.memory.compression.product_codec import CENTRES, ProductCodec, learn
from daneel.memory.compression.reservoir import EpochReservoir, Fetch

HELD_BACK = 8
"""Every so many-th row of the reservoir judges a new codec instead of training it."""

WORTH = 0.99
"""A new codec is taken if its error is at most this times that of the codec in use."""


@dataclass(frozen=True)
class Codes:
    """Rows as coded by one version."""

    version: int
    """Which of the compressor's codecs."""

    values: NDArray[np.uint8]
    """`[N, S]`."""


class StreamingCompressor:
    """Codes of a few bytes for vectors of a stream, learned while it passes.

    Args:
        dim: D.
        bytes_per_row: S, of all levels together; the raw vector has 4 D.
        levels: L; a code may be cut to `S l / L` bytes after any level l (see
            `AdaptiveCompressor`).
        per_epoch: m, rows kept of every doubling; the first codec is learned after as many.
        seed: Of the sampling and of the codebooks' first centres.
    """

    def __init__(
        self,
        dim: int,
        bytes_per_row: int = 32,
        levels: int = 1,
        per_epoch: int = 512,
        seed: int = 0,
    ) -> None:
        """Sees nothing yet.

        Raises:
            ValueError: The sizes do not go together.
        """
        if levels < 1 or bytes_per_row < levels or bytes_per_row % levels:
            raise ValueError(
                f"bytes_per_row is {bytes_per_row} for {levels} levels. Expected a multiple of "
                "the number of levels, both at least 1."
            )
        if bytes_per_row // levels > dim:
            raise ValueError(
                f"bytes_per_row is {bytes_per_row} for {levels} levels of dim {dim}. Expected at "
                f"most {dim} bytes a level. Use bytes_per_row={dim * levels} or more levels."
            )
        self.dim, self.levels, self.bytes_per_row = dim, levels, bytes_per_row
        self.per_epoch = per_epoch
        self.codecs: list[ProductCodec] = []
        self._rng = np.random.default_rng(seed)
        self.reservoir = EpochReservoir(dim, per_epoch, self._rng)
        self._lock = threading.RLock()

    @property
    def seen(self) -> int:
        """T, how many rows have passed."""
        return self.reservoir.seen

    @property
    def working_set_bytes(self) -> int:
        """Bytes held: the reservoir and every version of the codec, O(log T)."""
        return self.reservoir.nbytes + sum(codec.nbytes for codec in self.codecs)

    @property
    def ratio(self) -> float:
        """Bytes of a float32 vector over bytes of its code."""
        return 4 * self.dim / self.bytes_per_row

    def observe(self, vectors: ArrayLike) -> None:
        """Learns from the next rows `[N, D]` of the stream.

        Raises:
            ValueError: The shape, the type or a value is wrong.
        """
        rows = check_vectors("vectors", vectors, self.dim)
        with self._lock:
            while len(rows):
                # Not past the end of an epoch: a long batch must learn where short ones would.
                room = self._next_end() - self.seen
                self.reservoir.add(rows[:room])
                rows = rows[room:]
                if self.seen == self._next_end(self.seen - 1):
                    self._learn()

    def _next_end(self, seen: int | None = None) -> int:
        """The end of the epoch that row number `seen` belongs to: m times a power of two."""
        seen = self.seen if seen is None else seen
        return self.per_epoch << (seen // self.per_epoch).bit_length()

    def _learn(self) -> None:
        samples, weights = self.reservoir.sample()
        judges = np.arange(len(samples)) % HELD_BACK == HELD_BACK - 1
        if not judges.any():
            judges[:] = True
        trains = ~judges if not judges.all() else judges
        parts = self.bytes_per_row // self.levels
        fresh = learn(samples[trains], weights[trains], parts, self.levels, self._rng)
        used = self.codecs[-1] if self.codecs else None
        rows, stands_for = samples[judges], weights[judges]
        if used is None or (
            stands_for @ fresh.errors(rows) <= WORTH * (stands_for @ used.errors(rows))
        ):
            self.codecs.append(fresh)

    def encode(self, vectors: ArrayLike) -> Codes:
        """Codes of rows `[N, D]` by the newest codec.

        Raises:
            ValueError: The shape, the type or a value is wrong, or nothing was observed yet.
        """
        rows = check_vectors("vectors", vectors, self.dim)
        with self._lock:
            if not self.codecs and not self.seen:
                raise ValueError(
                    "The compressor has observed no rows. Expected some to learn a codec from. "
                    "Call observe(vectors) first."
                )
            if not self.codecs:
                self._learn()
            version = len(self.codecs) - 1
        return Codes(version, self.codecs[version].encode(rows))

    def decode(self, codes: Codes) -> NDArray[np.float32]:
        """Vectors `[N, D]` of codes, which may be cut after any level.

        Raises:
            ValueError: The version or the width of the codes is not this compressor's.
        """
        codec, width = self.codec(codes.version), codes.values.shape[-1]
        if codes.values.ndim != 2 or width % codec.parts or width > self.bytes_per_row:
            raise ValueError(
                f"The codes have shape {codes.values.shape}. Expected [N, {self.bytes_per_row}], "
                f"or cut to a multiple of {codec.parts} bytes."
            )
        return codec.decode(codes.values)

    def codec(self, version: int) -> ProductCodec:
        """One version of the codec.

        Raises:
            ValueError: There is none of this number.
        """
        if not 0 <= version < len(self.codecs):
            raise ValueError(
                f"Codes of version {version}, but the compressor has {len(self.codecs)} versions. "
                "Expected codes that it made. Restore the compressor's state first."
            )
        return self.codecs[version]

    def state(self) -> list[NDArray[np.float32]]:
        """What codes need to be decoded: an array `[*, D]` a version; none changes later."""
        return [codec.pack() for codec in self.codecs]

    def restore(
        self, state: Sequence[NDArray[np.float32]], seen: int = 0, fetch: Fetch | None = None
    ) -> None:
        """Continues from `state()`; the reservoir is filled again through `fetch` (decoded rows).

        Raises:
            MemoryStoreError: The state is of a compressor of other sizes.
        """
        wanted = (2 + self.dim + CENTRES * self.levels, self.dim)
        for rows in state:
            parts = rows.flat[0] if rows.size else 0
            if rows.shape != wanted or parts * self.levels != self.bytes_per_row:
                raise MemoryStoreError(
                    f"The kept codec has shape {rows.shape} and {parts:g} bytes a level. Expected "
                    f"{wanted} and {self.bytes_per_row // self.levels}. Open it with the dim, "
                    "bytes_per_row and levels that it was made with."
                )
        with self._lock:
            self.codecs = [ProductCodec.unpack(rows) for rows in state]
            if fetch is not None:
                self.reservoir.resume(seen, fetch)
