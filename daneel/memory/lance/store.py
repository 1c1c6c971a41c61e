"""The store on disk: a LanceDB table that holds every acknowledged row, a FAISS index to search it.

The index is numbered by the commit it was made from; rows of later commits are scanned exactly, and
a missing, outdated or damaged index is made again from the table. Several processes may read and
write: writers take turns by a file lock, and everybody looks for the others' commits.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from daneel.errors import MemoryStoreError
from daneel.memory.check import check_ids, check_metric
from daneel.memory.closing import Closing
from daneel.memory.indexes.index import SMALL
from daneel.memory.indexes.live import Live
from daneel.memory.indexes.store import check_options, check_rows
from daneel.memory.lance import compaction, settings, verification
from daneel.memory.lance.builder import Builder
from daneel.memory.lance.derived import Derived
from daneel.memory.lance.disk import Disk
from daneel.memory.lance.followed import Followed
from daneel.memory.lance.locks import locked
from daneel.memory.lance.table import Log
from daneel.memory.protocol import Durability, Hits, Metadata, Metric, Rows, Where

TAIL_ROWS = 20_000

TIDIED = 256
"""Appends between two rounds of joining small files and cleaning old versions."""


class LanceStore(Closing):
    """A `VectorStore` in a folder."""

    def __init__(
        self,
        path: str | Path,
        dim: int | None = None,
        metric: str | None = None,
        *,
        index: str | None = None,
        recall: float | None = None,
        durability: Durability = "process",
        tail_rows: int = TAIL_ROWS,
        refresh_s: float = 0.05,
    ) -> None:
        """Open the store in `path`, or make it.

        Args:
            path: A folder of its own.
            dim: Of the vectors; may be left out for a store that exists.
            metric: None is that of the store, cosine for a new one.
            index: `flat`, `ivf`, `hnsw`, `pq` or `lsh`; None is the store's, ivf for a new one.
            recall: What approximate indexes are tuned to; None is the store's, 0.95 for a new one.
            durability: What an acknowledged write survives: "process" or "disk".
            tail_rows: Rows without an index that are scanned before the index is made again.
            refresh_s: How long another process's commit may stay unseen by searches, in seconds.

        Raises:
            ValueError: An argument is out of its range, or `dim` is missing for a new store.
            MemoryStoreError: The path holds something else, another shape or a newer format.
        """
        if durability not in ("process", "disk"):
            raise ValueError(f"durability is {durability!r}. Expected 'process' or 'disk'.")
        if metric is not None:
            check_metric(metric)
        check_options(1 if dim is None else dim, index or "ivf", recall or 0.95, tail_rows)
        self.path, self.durability = Path(path), durability
        self.settings = settings.open_or_create(self.path, dim, metric, index, recall)
        self.dim = self.settings.dim
        self.metric: Metric = self.settings.metric
        self._log = Log(self.path, self.dim)
        self._disk = Disk(self._log.folder)
        self._derived = Derived(
            self.path,
            self.settings,
            index or self.settings.index,
            self.settings.recall if recall is None else recall,
        )
        self._rows = Followed(self._log, self._derived, tail_rows, refresh_s)
        self._builder = Builder(self._rows, self._log, self._derived, tail_rows)
        self._appends, self._closing = 0, threading.Lock()

    def add(
        self, ids: Sequence[str], vectors: ArrayLike, metadata: Sequence[Metadata] | None = None
    ) -> None:
        """See `VectorStore.add`.

        Raises:
            ValueError: Shapes, types, values or ids are wrong; nothing was written.
            MemoryStoreError: The disk is full or failed, or the store is closed.
        """
        names, found, texts = check_rows(ids, vectors, metadata, self.dim)
        self._rows.live()
        if not names:
            return
        with self._writing() as live:
            self._append(names, found, texts)
            live.put(names, found, texts)
        self._builder.consider()

    def search(self, queries: ArrayLike, k: int, where: Where | None = None) -> Hits:
        """See `VectorStore.search`; commits of other processes are seen after `refresh_s`."""
        if self._rows.is_due:
            self._look()
        return self._rows.live().view.search(queries, k, where)

    def get(self, ids: Sequence[str]) -> Rows:
        """See `VectorStore.get`."""
        names = check_ids(ids)
        self._look()
        with self._rows.lock:
            return self._rows.live().get(names)

    def delete(self, ids: Sequence[str]) -> int:
        """See `VectorStore.delete`."""
        names = check_ids(ids)
        self._rows.live()
        with self._writing() as live:
            there = [name for name, at in zip(names, live.find(names), strict=True) if at >= 0]
            if there:
                self._append(there, None, [""] * len(there))
                live.remove(there)
        return len(there)

    def __len__(self) -> int:
        """Number of rows."""
        self._look()
        return self._rows.live().view.count

    def flush(self) -> None:
        """Bring every file to disk, and the index up to date where much is newer than it."""
        self._look()
        self._builder.wait()
        view = self._rows.live().view
        gone = 0 if view.dead is None else int(view.dead.sum())
        if len(view.alive) + gone > max(SMALL, len(view.base) // 20):
            self._builder.build()
        with _no_room(self.path):
            self._disk.settle()

    def compact(self) -> dict[str, Any]:
        """Drop replaced and deleted rows from the table, join its files, make the index again.

        Returns:
            `stats()` before and after.
        """
        before = self.stats()
        self._builder.wait()
        with self._writing():
            self._rows.commit = compaction.drop_replaced(self._log, self._rows.commit, self._settle)
            self._rows.adopt(self._derived.build_alone(self._log))
        return {"before": before, "after": self.stats()}

    def verify(self) -> tuple[str, ...]:
        """Read everything and compare index and table; a sentence for each problem found."""
        self._look()
        return verification.verify(self._log, self._derived)

    def stats(self) -> dict[str, Any]:
        """What the store holds, and what its index was tuned to, as JSON holds it."""
        self._look()
        view = self._rows.live().view
        files = [file for file in self._derived.folder.rglob("*") if file.is_file()]
        return {
            "path": str(self.path),
            "dim": self.dim,
            "metric": self.metric,
            "durability": self.durability,
            "rows": view.count,
            "indexed": len(view.base),
            "tail": len(view.alive),
            "commit": self._rows.commit,
            "table": self._log.stats(),
            "index": {
                **view.base.index.description(),
                "bytes": sum(f.stat().st_size for f in files),
            },
            "trouble": self._builder.trouble,
        }

    def close(self) -> None:
        """Flush and let go."""
        with self._closing:
            if self._rows.is_open:
                try:
                    self.flush()
                finally:
                    self._rows.close()

    def _look(self) -> None:
        if self._rows.look():
            self._builder.consider()

    @contextmanager
    def _writing(self) -> Iterator[Live]:
        """The only writer of all processes, with every commit before it taken in."""
        with self._rows.lock, locked(self.path / "lock"):
            self._rows.live()
            self._rows.catch_up(alone=True)
            yield self._rows.live()

    def _append(
        self, ids: list[str], vectors: NDArray[np.float32] | None, texts: Sequence[str]
    ) -> None:
        self._log.append(ids, vectors, texts, self._rows.commit + 1)
        self._settle()
        self._appends += 1
        if self._appends % TIDIED == 0:
            self._log.tidy(compaction.KEEP_S)
            self._settle()
        self._rows.committed()

    def _settle(self) -> None:
        if self.durability == "disk":
            with _no_room(self.path):
                self._disk.settle()


@contextmanager
def _no_room(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise MemoryStoreError(
            f"The disk of {path} failed: {error}. Expected every file flushed. The last write "
            "is not acknowledged; check the disk, then open the store again."
        ) from error
