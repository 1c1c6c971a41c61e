"""Makes a store's index anew: in the background once many rows have none, or when asked to."""

from __future__ import annotations

import threading

from daneel.errors import MemoryStoreError
from daneel.memory.indexes.index import SMALL
from daneel.memory.lance.derived import Derived
from daneel.memory.lance.followed import Followed
from daneel.memory.lance.table import Log

TAIL_BYTES = 1 << 30
"""A tail of so many bytes makes `add` wait for the index that will take it in."""


class Builder:
    """At most one thread that builds. Nobody may hold the rows' lock while waiting for it."""

    def __init__(self, rows: Followed, log: Log, derived: Derived, tail_rows: int) -> None:
        """For rows of which `tail_rows` may go without an index."""
        self.trouble = ""
        """Why the last index could not be made."""
        self._rows, self._log, self._derived = rows, log, derived
        self._tail_rows = tail_rows
        self._thread: threading.Thread | None = None

    def consider(self) -> None:
        """Begin in the background if the tail is long."""
        with self._rows.lock:
            view = self._rows.live().view
            running = self._thread is not None and self._thread.is_alive()
            due = len(view.alive) > max(self._tail_rows, SMALL, len(view.base) // 2)
            if due and not running and not self.trouble:
                self._thread = threading.Thread(target=self._build_quietly, daemon=True)
                self._thread.start()
        if due and len(view.alive) * self._log.dim * 4 > TAIL_BYTES:
            self.wait()

    def build(self) -> None:
        """Make it now, of everything in the log.

        Raises:
            MemoryStoreError: The disk is full or failed, or the table cannot be read.
        """
        base = self._derived.build_alone(self._log.frozen())
        self.trouble = ""
        self._rows.go_on_from(base)

    def wait(self) -> None:
        """Until the thread is done, if there is one."""
        thread = self._thread
        if thread is not None:
            thread.join()

    def _build_quietly(self) -> None:
        try:
            self.build()
        except MemoryStoreError as error:  # searches go on, exactly; `flush` raises it
            self.trouble = str(error)
