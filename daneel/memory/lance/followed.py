"""The rows in memory, in step with the log: commits of this process and of all others.

An index of an earlier commit is the start, the rows of later commits are put on top of it. A mark
in the log says that rows were dropped from it since: then index and table are read afresh.
"""

from __future__ import annotations

import threading
import time

import numpy as np
import pyarrow as pa

from daneel.errors import MemoryStoreError
from daneel.memory.indexes.base import Base
from daneel.memory.indexes.live import Live
from daneel.memory.lance.derived import Derived
from daneel.memory.lance.locks import locked
from daneel.memory.lance.newest import vectors_of
from daneel.memory.lance.table import MARK, Log

SETTLED_NS = 100_000_000
"""A folder's time younger than this may hide a second change in the same tick of the clock."""


class Followed:
    """What a log holds, as `Live` rows."""

    def __init__(self, log: Log, derived: Derived, tail_rows: int, refresh_s: float) -> None:
        """Read index and table; see `LanceStore` for the numbers."""
        self.lock = threading.RLock()
        """Held by whoever changes the rows; always taken before the lock between processes."""
        self.commit = 0
        """Number of the newest commit that was taken in."""
        self._log, self._derived = log, derived
        self._tail_rows, self._refresh_s = tail_rows, refresh_s
        self._live: Live | None = None
        self._version, self._stand, self._next_look = 0, 0, 0.0
        self._reload()

    def live(self) -> Live:
        """The rows.

        Raises:
            MemoryStoreError: The store is closed.
        """
        live = self._live
        if live is None:
            raise MemoryStoreError("The store is closed. Open it again with open_store(...).")
        return live

    @property
    def is_open(self) -> bool:
        """Whether there are rows."""
        return self._live is not None

    def close(self) -> None:
        """Let them go."""
        with self.lock:
            self._live = None

    @property
    def is_due(self) -> bool:
        """Whether the last look is so long ago that searches have to look again."""
        return time.monotonic() > self._next_look

    def look(self) -> bool:
        """Take in what others committed, if the folder's time says they may have; tells if so."""
        with self.lock:
            self.live()
            self._next_look = time.monotonic() + self._refresh_s
            stand = self._log.stand()
            if stand == self._stand:
                return False
            self.catch_up(alone=False)
            # A time of just now may not change at the next commit: look again.
            self._stand = stand if time.time_ns() - stand > SETTLED_NS else 0
            return True

    def catch_up(self, alone: bool) -> None:
        """Take in every commit; `alone` when this process already holds the lock of all."""
        version = self._log.newest()
        if version == self._version:
            return
        self._version = version
        rows = self._log.since(self.commit)
        if MARK in rows["id"].to_pylist():
            self._reload(alone)
        elif len(rows):
            self.commit = _apply(self.live(), rows, self._log.dim)

    def committed(self) -> None:
        """A commit of this process is in the log; whoever made it changes the rows himself."""
        self._version = self._log.newest()
        self.commit += 1

    def go_on_from(self, base: Base) -> None:
        """Put an index that was made meanwhile under the rows."""
        with self.lock:
            if self._live is not None:
                self._log.newest()
                if not self.adopt(base):
                    self._reload()

    def adopt(self, base: Base | None) -> bool:
        """Go on from an index (None: from nothing); false if it is older than a compaction."""
        commit = 0 if base is None else int(base.stamp["commit"])
        rows = self._log.since(commit)
        if base is not None and MARK in rows["id"].to_pylist():
            return False
        settings = self._derived.settings
        live = Live(Base.empty(settings.dim, settings.metric) if base is None else base)
        self.commit = max(commit, _apply(live, rows, settings.dim) if len(rows) else 0)
        self._live = live
        return True

    def _reload(self, alone: bool = False) -> None:
        """Read index and table afresh."""
        if not alone:  # somebody may be compacting: the index he makes is worth waiting for
            with locked(self._log.path / "lock"):
                return self._reload(alone=True)
        self._version = self._log.newest()
        base = self._derived.load(range(self._log.last_commit() + 1))
        if base is not None and self.adopt(base):
            return None
        rows = self._log.stats()["rows"]
        self.adopt(self._derived.build_alone(self._log) if rows > self._tail_rows else None)
        return None


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
