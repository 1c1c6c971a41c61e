"""The log: one LanceDB table, only ever appended to, in which the newest row of an id counts.

A call of the store is one append, and Lance makes it visible whole or not at all. A row is an id, a
vector, metadata as text, the number of its commit and whether it removes the id. Numbers grow by
commit, under a lock between processes, so "newer than" is a comparison of integers.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import lancedb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from daneel.errors import MemoryStoreError

NAME = "rows"
MARK = ""
"""Id of a row that says: before this commit rows were dropped from the log, read it afresh."""

BATCH = 16_384


def schema_of(dim: int) -> pa.Schema:
    """Columns of the table."""
    return pa.schema(
        [
            pa.field("id", pa.large_string(), nullable=False),
            pa.field("values", pa.list_(pa.float32(), dim), nullable=False),
            pa.field("metadata", pa.large_string(), nullable=False),
            pa.field("commit", pa.int64(), nullable=False),
            pa.field("removed", pa.bool_(), nullable=False),
        ]
    )


class Log:
    """The table in a store's folder."""

    def __init__(self, path: Path, dim: int) -> None:
        """Open it, or make it.

        Raises:
            MemoryStoreError: Lance cannot read it.
        """
        self.path, self.dim, self.folder = path, dim, path / f"{NAME}.lance"
        with _said(path):
            self._database = lancedb.connect(str(path))
            self._table = self._database.create_table(
                NAME, schema=schema_of(dim), exist_ok=True, mode="create"
            )

    def stand(self) -> int:
        """Changes when anyone commits; costs one look at a folder's time."""
        return os.stat(self.folder / "_versions").st_mtime_ns

    def newest(self) -> int:
        """Look for commits of others; the newest version."""
        with _said(self.path):
            self._table.checkout_latest()
            return int(self._table.version)

    def append(
        self,
        ids: Sequence[str],
        vectors: NDArray[np.float32] | None,
        metadata: Sequence[str],
        commit: int,
    ) -> None:
        """Commit rows; without vectors, the removal of the ids.

        Raises:
            MemoryStoreError: The disk is full or failed; nothing became visible.
        """
        removed = vectors is None
        values = np.zeros((len(ids), self.dim), np.float32) if removed else vectors
        rows = pa.table(
            [
                pa.array(ids, pa.large_string()),
                pa.FixedSizeListArray.from_arrays(pa.array(values.ravel()), self.dim),
                pa.array(metadata, pa.large_string()),
                pa.array(np.full(len(ids), commit, np.int64)),
                pa.array(np.full(len(ids), removed)),
            ],
            schema=schema_of(self.dim),
        )
        with _said(self.path):
            self._table.add(rows)

    def since(self, commit: int) -> pa.Table:
        """Rows of later commits, oldest first."""
        with _said(self.path):
            found = self._table.search().where(f"commit > {commit}").to_arrow()
        return found.sort_by("commit")

    def last_commit(self) -> int:
        """The newest number; 0 for an empty log."""
        found = [batch["commit"] for batch in self.batches(["commit"])]
        return max((int(np.asarray(part).max()) for part in found if len(part)), default=0)

    def batches(self, columns: list[str]) -> Iterator[pa.RecordBatch]:
        """All rows piece by piece, with their `_rowid`."""
        with _said(self.path):
            query = self._table.search().select(columns).with_row_id(True)
            yield from query.to_batches(BATCH)

    def frozen(self) -> Log:
        """The log as it is now, whatever is committed meanwhile."""
        other = Log(self.path, self.dim)
        with _said(self.path):
            other._table.checkout(other.newest())
        return other

    def drop(self, rows: NDArray[np.uint64]) -> None:
        """Delete rows by their `_rowid`; readers of older versions still see them."""
        with _said(self.path):
            for start in range(0, len(rows), BATCH):
                listed = ", ".join(map(str, rows[start : start + BATCH].tolist()))
                self._table.delete(f"_rowid in ({listed})")

    def tidy(self, keep_s: float) -> None:
        """Join small files, and clean versions older than `keep_s` seconds."""
        with _said(self.path):
            self._table.optimize(cleanup_older_than=timedelta(seconds=keep_s))

    def stats(self) -> dict[str, Any]:
        """Lance's own figures."""
        found: Any = self._table.stats()
        files = found["fragment_stats"]
        return {
            "bytes": found["total_bytes"],
            "rows": found["num_rows"],
            "files": files["num_fragments"],
        }


@contextmanager
def _said(path: Path) -> Iterator[None]:
    """Errors of Lance in our words."""
    try:
        yield
    except (OSError, RuntimeError, ValueError, pa.ArrowException) as error:
        first = str(error).splitlines()[0][:300] if str(error) else type(error).__name__
        raise MemoryStoreError(
            f"The table in {path} could not be read or written: {first}. Expected a whole table "
            "and room on the disk. Free some space, or type `daneel memory verify` to check it."
        ) from error
