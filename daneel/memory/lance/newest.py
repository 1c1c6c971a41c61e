"""Which rows of the log count: the newest of each id, unless it removes the id."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from daneel.memory.lance.table import MARK, Log


@dataclass(frozen=True)
class Newest:
    """What a log holds, without the vectors."""

    ids: list[str]
    """Those that count, ascending: N."""

    metadata: list[str]
    """`[N]`, JSON."""

    rows: NDArray[np.uint64]
    """`[N]`, where each is in the log (`_rowid`)."""

    replaced: NDArray[np.uint64]
    """Rows with a newer one of the same id."""

    removals: NDArray[np.uint64]
    """Newest rows that remove their id, and older marks: nothing is left to remove."""

    commit: int
    """The newest number."""

    marked: int
    """The number of the newest mark; 0 when there is none."""


def newest(log: Log) -> Newest:
    """Reads ids, metadata and commits of the whole log.

    Raises:
        MemoryStoreError: The table cannot be read.
    """
    columns = ["id", "metadata", "commit", "removed"]
    parts = list(log.batches(columns))
    if not parts or not sum(len(part) for part in parts):
        none = np.zeros(0, np.uint64)
        return Newest([], [], none, none, none, 0, 0)
    found = pa.Table.from_batches(parts)
    found = found.sort_by([("id", "ascending"), ("commit", "ascending")])
    ids, rows = found["id"].combine_chunks(), np.asarray(found["_rowid"])
    last = np.ones(len(ids), np.bool_)
    if len(ids) > 1:
        last[:-1] = ~_equal(ids[:-1], ids[1:])
    commits, removed = np.asarray(found["commit"]), np.asarray(found["removed"])
    marked = _equal(ids, pa.scalar(MARK, ids.type))
    keep = last & ~removed
    counted = found.filter(pa.array(keep))
    return Newest(
        counted["id"].to_pylist(),
        counted["metadata"].to_pylist(),
        rows[keep].astype(np.uint64),
        rows[~last].astype(np.uint64),
        rows[last & removed & ~marked].astype(np.uint64),
        int(commits.max()),
        int(commits[marked].max(initial=0)),
    )


def _equal(first: pa.Array, second: pa.Array | pa.Scalar) -> NDArray[np.bool_]:
    return np.asarray(pc.call_function("equal", [first, second]))


def fill_vectors(log: Log, rows: NDArray[np.uint64], out: NDArray[np.float32]) -> None:
    """Writes the vectors of `rows` `[N]` into `out` `[N, D]`, reading the log once in its order.

    Raises:
        MemoryStoreError: The table cannot be read.
    """
    if not len(rows):
        return
    order = np.argsort(rows)
    ascending = rows[order]
    for batch in log.batches(["values"]):
        found = np.asarray(batch["_rowid"]).astype(np.uint64)
        at = np.minimum(np.searchsorted(ascending, found), len(ascending) - 1)
        wanted = ascending[at] == found
        out[order[at[wanted]]] = vectors_of(batch["values"], out.shape[1])[wanted]


def vectors_of(column: pa.Array, dim: int) -> NDArray[np.float32]:
    """`[n, dim]` of a column of lists."""
    return np.asarray(column.flatten(), np.float32).reshape(len(column), dim)
