"""The store on disk: a LanceDB table that holds every acknowledged row, a FAISS index to search it.

The index is numbered by the commit it was made from; rows of later commits are scanned exactly, and
a missing, outdated or damaged index is made again from the table. Several processes may read and
write: writers take turns by a file lock, and everybody looks for the others' commits.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import pyarrow as pa
from numpy.typing import ArrayLike, NDArray

from daneel.errors import MemoryStoreError
from daneel.memory.check import check_ids, check_metric
from daneel.memory.indexes.base import Base
from daneel.memory.indexes.index import SMALL
from daneel.memory.indexes.live import Live
from daneel.memory.indexes.store import check_options, check_rows
from daneel.memory.lance import compaction, settings, verification
from daneel.memory.lance.derived import Derived
from daneel.memory.lance.disk import Disk
from daneel.memory.lance.locks import locked
from daneel.memory.lance.newest import vectors_of
from daneel.memory.lance.table import MARK, Log
from daneel.memory.protocol import Durability, Hits, Metadata, Rows, Where

TAIL_ROWS = 20_000
TAIL_BYTES = 1 << 30
"""A tail of so many bytes makes `add` wait for the index that will take it in."""

TIDIED = 256
"""Appends between two rounds of joining small files and cleaning old versions."""

SETTLED_NS = 100_000_000
"""A folder's time younger than this may hide a second change in the same tick of the clock."""


class LanceStore:
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
        self.dim, self.metric = self.settings.dim, self.settings.metric
        self._tail_rows, self._refresh_s = tail_rows, refresh_s
        self._lock, self._builder = threading.RLock(), None
        self._trouble = ""
        self._log = Log(self.path, self.dim)
        self._disk = Disk(self._log.folder)
        self._derived = Derived(
            self.path,
            self.settings,
            index or self.settings.index,
            self.settings.recall if recall is None else recall,
        )
        self._live: Live | None = None
        self._commit, self._version, self._stand = 0, 0, 0
        self._next_look, self._appends = 0.0, 0
        self._reload()

    def add(
        self, ids: Sequence[str], vectors: ArrayLike, metadata: Sequence[Metadata] | None = None
    ) -> None:
        """See `VectorStore.add`.

        Raises:
            ValueError: Shapes, types, values or ids are wrong; nothing was written.
            MemoryStoreError: The disk is full or failed, or the store is closed.
        """
        names, found, texts = check_rows(ids, vectors, metadata, self.dim)
        self._rows()
        if not names:
            return
        with self._writing() as live:
            self._append(names, found, texts)
            live.put(names, found, texts)
        self._consider_building()

    def search(self, queries: ArrayLike, k: int, where: Where | None = None) -> Hits:
        """See `VectorStore.search`; commits of other processes are seen after `refresh_s`."""
        if time.monotonic() > self._next_look:
            self._look()
        return self._rows().view.search(queries, k, where)

    def get(self, ids: Sequence[str]) -> Rows:
        """See `VectorStore.get`."""
        names = check_ids(ids)
        with self._lock:
            self._look()
            return self._rows().get(names)

    def delete(self, ids: Sequence[str]) -> int:
        """See `VectorStore.delete`."""
        names = check_ids(ids)
        self._rows()
        with self._writing() as live:
            there = [name for name, at in zip(names, live.find(names), strict=True) if at >= 0]
            if there:
                self._append(there, None, [""] * len(there))
                live.remove(there)
        return len(there)

    def __len__(self) -> int:
        """Number of rows."""
        self._look()
        return self._rows().view.count

    def flush(self) -> None:
        """Bring every file to disk, and the index up to date where much is newer than it."""
        self._look()
        self._wait()
        view = self._rows().view
        gone = 0 if view.dead is None else int(view.dead.sum())
        if len(view.alive) + gone > max(SMALL, len(view.base) // 20):
            self._build()
        with _no_room(self.path):
            self._disk.settle()

    def compact(self) -> dict[str, Any]:
        """Drop replaced and deleted rows from the table, join its files, make the index again.

        Returns:
            `stats()` before and after.
        """
        before = self.stats()
        self._wait()
        with self._writing():
            self._commit = compaction.drop_replaced(self._log, self._commit, self._settle)
            self._adopt(self._derived.build_alone(self._log))
        return {"before": before, "after": self.stats()}

    def verify(self) -> tuple[str, ...]:
        """Read everything and compare index and table; a sentence for each problem found."""
        self._look()
        self._rows()
        return verification.verify(self._log, self._derived)

    def stats(self) -> dict[str, Any]:
        """What the store holds, and what its index was tuned to, as JSON holds it."""
        self._look()
        view = self._rows().view
        files = [file for file in self._derived.folder.rglob("*") if file.is_file()]
        return {
            "path": str(self.path),
            "dim": self.dim,
            "metric": self.metric,
            "durability": self.durability,
            "rows": view.count,
            "indexed": len(view.base),
            "tail": len(view.alive),
            "commit": self._commit,
            "table": self._log.stats(),
            "index": {
                **view.base.index.description(),
                "bytes": sum(f.stat().st_size for f in files),
            },
            "trouble": self._trouble,
        }

    def close(self) -> None:
        """Flush and let go."""
        with self._lock:
            if self._live is None:
                return
            try:
                self.flush()
            finally:
                self._live = None

    def __enter__(self) -> Self:
        """The store itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close."""
        self.close()

    def _rows(self) -> Live:
        live = self._live
        if live is None:
            raise MemoryStoreError("The store is closed. Open it again with open_store(...).")
        return live

    @contextmanager
    def _writing(self) -> Iterator[Live]:
        """The only writer of all processes, with every commit before it taken in."""
        with self._lock, locked(self.path / "lock"):
            self._rows()
            self._catch_up(alone=True)
            yield self._rows()

    def _append(
        self, ids: list[str], vectors: NDArray[np.float32] | None, texts: Sequence[str]
    ) -> None:
        self._log.append(ids, vectors, texts, self._commit + 1)
        self._settle()
        self._commit += 1
        self._appends += 1
        if self._appends % TIDIED == 0:
            self._log.tidy(compaction.KEEP_S)
            self._settle()
        self._version = self._log.newest()

    def _settle(self) -> None:
        if self.durability == "disk":
            with _no_room(self.path):
                self._disk.settle()

    def _look(self) -> None:
        """Take in what other processes committed, if their folder's time says they may have."""
        with self._lock:
            self._rows()
            self._next_look = time.monotonic() + self._refresh_s
            stand = self._log.stand()
            if stand == self._stand:
                return
            self._catch_up(alone=False)
            # A time of just now may not change at the next commit: look again.
            self._stand = stand if time.time_ns() - stand > SETTLED_NS else 0
        self._consider_building()

    def _catch_up(self, alone: bool) -> None:
        version = self._log.newest()
        if version == self._version:
            return
        self._version = version
        rows = self._log.since(self._commit)
        if MARK in rows["id"].to_pylist():
            self._reload(alone)
        elif len(rows):
            self._commit = _apply(self._rows(), rows, self.dim)

    def _reload(self, alone: bool = False) -> None:
        """Read index and table afresh; `alone` when this process already holds the lock."""
        if not alone:  # somebody may be compacting: the index he makes is worth waiting for
            with locked(self.path / "lock"):
                return self._reload(alone=True)
        self._version = self._log.newest()
        base = self._derived.load(range(self._log.last_commit() + 1))
        if base is not None and self._adopt(base):
            return None
        rows = self._log.stats()["rows"]
        self._adopt(self._derived.build_alone(self._log) if rows > self._tail_rows else None)
        return None

    def _adopt(self, base: Base | None) -> bool:
        """Go on from an index (None: from nothing); false if it is older than a compaction."""
        commit = 0 if base is None else int(base.stamp["commit"])
        rows = self._log.since(commit)
        if base is not None and MARK in rows["id"].to_pylist():
            return False
        live = Live(Base.empty(self.dim, self.metric) if base is None else base)
        self._commit = max(commit, _apply(live, rows, self.dim) if len(rows) else 0)
        self._live = live
        return True

    def _consider_building(self) -> None:
        """Make the index anew in the background once the tail is long."""
        with self._lock:
            view, running = (
                self._rows().view,
                self._builder is not None and self._builder.is_alive(),
            )
            due = len(view.alive) > max(self._tail_rows, SMALL, len(view.base) // 2)
            if due and not running and not self._trouble:
                self._builder = threading.Thread(target=self._build_quietly, daemon=True)
                self._builder.start()
        if due and len(view.alive) * self.dim * 4 > TAIL_BYTES:
            self._wait()

    def _build_quietly(self) -> None:
        try:
            self._build()
        except MemoryStoreError as error:  # searches go on, exactly; `flush` raises it
            self._trouble = str(error)

    def _build(self) -> None:
        base = self._derived.build_alone(self._log.frozen())
        with self._lock:
            self._trouble = ""
            if self._live is not None:
                self._log.newest()
                if not self._adopt(base):
                    self._reload()

    def _wait(self) -> None:
        if self._builder is not None and self._builder is not threading.current_thread():
            self._builder.join()


def _apply(live: Live, rows: pa.Table, dim: int) -> int:
    """Put rows of the log, oldest first, into a live store; returns the last commit's number."""
    ids = rows["id"].to_pylist()
    last = {name: at for at, name in enumerate(ids) if name != MARK}
    at = np.array(sorted(last.values()), np.int64)
    removed = np.asarray(rows["removed"])
    gone, kept = at[removed[at]], at[~removed[at]]
    live.remove([ids[i] for i in gone])
    texts, values = rows["metadata"].to_pylist(), rows["values"].combine_chunks()
    vectors = vectors_of(values, dim)
    live.put([ids[i] for i in kept], vectors[kept], [texts[i] for i in kept])
    return int(np.asarray(rows["commit"]).max())


@contextmanager
def _no_room(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise MemoryStoreError(
            f"The disk of {path} failed: {error}. Expected every file flushed. The last write "
            "is not acknowledged; check the disk, then open the store again."
        ) from error
