"""What makes summaries: many rows in, few bytes out, and an approximate vector for each again.

Legend: N rows of a segment, D dimensions, Q queries, S bytes of a code.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from daneel.errors import MemoryStoreError
from daneel.memory.compression.product_codec import CENTRES
from daneel.memory.compression.reservoir import Fetch
from daneel.memory.compression.streaming import Codes, StreamingCompressor
from daneel.memory.protocol import Rows


class Summariser(Protocol):
    """Summaries of segments of rows. A summary is bytes that only the summariser understands."""

    dim: int

    def learn(self, vectors: NDArray[np.float32]) -> None:
        """Sees the next rows `[N, D]` of the stream before they are summarised."""
        ...

    def summarise(self, rows: Rows) -> bytes:
        """The summary of N rows.

        Raises:
            MemoryStoreError: It cannot be made now (a service does not answer).
        """
        ...

    def expand(self, summary: bytes, rows: NDArray[np.int64] | None = None) -> NDArray[np.float32]:
        """The vectors `[N, D]` of the summary's rows, or of those asked for."""
        ...

    def scores(
        self, summaries: Sequence[bytes], queries: NDArray[np.float32], metric: str
    ) -> Iterator[NDArray[np.float32]]:
        """Of each summary, scores `[Q, N]` of queries `[Q, D]` and what `expand` gives."""
        ...

    def state(self) -> list[NDArray[np.float32]]:
        """Arrays `[*, D]` that summaries need to be read; more may come, none changes."""
        ...

    def restore(
        self, state: Sequence[NDArray[np.float32]], seen: int = 0, fetch: Fetch | None = None
    ) -> None:
        """Takes `state()` up again; with `fetch`, learning goes on after `seen` rows."""
        ...


HEADER = struct.Struct("<4sIII")
MAGIC = b"DSC1"


class CodecSummariser:
    """Summaries by a small codec trained on the stream itself: S + 4 bytes a row.

    The 4 bytes are the length of the decoded vector, which a cosine or a distance needs.
    """

    def __init__(self, compressor: StreamingCompressor) -> None:
        """Summaries by the codes of `compressor`."""
        self.compressor, self.dim = compressor, compressor.dim

    def learn(self, vectors: NDArray[np.float32]) -> None:
        """See `Summariser.learn`."""
        self.compressor.observe(vectors)

    def summarise(self, rows: Rows) -> bytes:
        """See `Summariser.summarise`."""
        codes = self.compressor.encode(rows.vectors)
        lengths = self.compressor.codec(codes.version).lengths(codes.values).astype("<f4")
        head = HEADER.pack(MAGIC, codes.version, *codes.values.shape)
        # Byte by byte of the code, not row by row: a search runs over all rows of one byte.
        return head + lengths.tobytes() + np.ascontiguousarray(codes.values.T).tobytes()

    def expand(self, summary: bytes, rows: NDArray[np.int64] | None = None) -> NDArray[np.float32]:
        """See `Summariser.expand`."""
        version, _, codes = _read(summary)
        chosen = codes.T if rows is None else codes.T[rows]
        return self.compressor.decode(Codes(version, chosen))

    def scores(
        self, summaries: Sequence[bytes], queries: NDArray[np.float32], metric: str
    ) -> Iterator[NDArray[np.float32]]:
        """See `Summariser.scores`; from tables of inner products, without decoding."""
        tables = dict[int, NDArray[np.float32]]()
        means = dict[int, NDArray[np.float32]]()
        own = np.linalg.norm(queries, axis=1)[:, None]
        starts = CENTRES * np.arange(self.compressor.bytes_per_row)[:, None]
        for version, lengths, codes in map(_read, summaries):
            if version not in tables:
                codec = self.compressor.codec(version)
                tables[version] = codec.tables(queries).reshape(len(queries), -1)
                means[version] = queries @ codec.mean
            entries = starts[: len(codes)] + codes
            dots = np.repeat(means[version][:, None], len(lengths), axis=1)
            for row, table in zip(dots, tables[version], strict=True):
                row += table.take(entries).sum(0)
            yield _as_scores(dots, own, lengths[None], metric)

    def state(self) -> list[NDArray[np.float32]]:
        """See `Summariser.state`: the versions of the codec."""
        return self.compressor.state()

    def restore(
        self, state: Sequence[NDArray[np.float32]], seen: int = 0, fetch: Fetch | None = None
    ) -> None:
        """See `Summariser.restore`."""
        self.compressor.restore(state, seen, fetch)


def _read(summary: bytes) -> tuple[int, NDArray[np.float32], NDArray[np.uint8]]:
    """Version, lengths `[N]` and codes `[S, N]`, without a copy.

    Raises:
        MemoryStoreError: These are not the bytes of a summary.
    """
    magic, version, count, width = HEADER.unpack_from(summary.ljust(HEADER.size, b"\0"))
    if magic != MAGIC or len(summary) != HEADER.size + count * (4 + width):
        raise MemoryStoreError(
            f"A summary of {len(summary)} bytes begins with {magic!r}. Expected one of "
            "CodecSummariser. Open the store with the summariser that it was made with."
        )
    lengths = np.frombuffer(summary, "<f4", count, HEADER.size)
    codes = np.frombuffer(summary, np.uint8, offset=HEADER.size + 4 * count)
    return version, lengths, codes.reshape(width, count)


def _as_scores(
    dots: NDArray[np.float32], queries: NDArray[np.float32], rows: NDArray[np.float32], metric: str
) -> NDArray[np.float32]:
    """Scores from inner products `[Q, N]` and the lengths `[Q, 1]`, `[1, N]` of both sides."""
    if metric == "dot":
        return dots
    if metric == "l2":
        return -np.maximum(queries**2 + rows**2 - 2 * dots, 0)
    lengths = queries * rows
    return np.divide(dots, lengths, out=np.zeros_like(dots), where=lengths > 0)
