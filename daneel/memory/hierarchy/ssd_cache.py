"""Copies of rows on a local disk, for stores that are slow to read; T-18.

A cache can be thrown away, so it never has to be repaired: while it is open there is no file
`NAME.clean` beside it, and when it is opened without one (the process was killed, the power went)
it starts empty. What is there on a clean opening is what was there on closing.
"""

from __future__ import annotations

import json
import os
import sqlite3
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from daneel.errors import MemoryStoreError
from daneel.files import replace_text
from daneel.memory.hierarchy.working_set import Kept

MAKE = """
CREATE TABLE IF NOT EXISTS rows (
    id BLOB PRIMARY KEY, vector BLOB NOT NULL, metadata TEXT NOT NULL,
    heat INTEGER NOT NULL, used INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS coldest ON rows (heat, used);
"""
AT_ONCE = 500
"""Ids of one statement; SQLite allows 999 in old versions."""


class SSDCache:
    """At most `rows` rows in an SQLite file; the coldest leave first, of equals the longest unused.

    Args:
        path: The file; its folder is made. One process at a time.
        dim: Of the vectors.
        rows: How many rows it holds.
    """

    def __init__(self, path: str | Path, dim: int, rows: int = 100_000) -> None:
        """Opens the cache of that path, empty unless it was closed properly.

        Raises:
            ValueError: A size is below 1.
            MemoryStoreError: Another process has it open, or the folder cannot be written.
        """
        if dim < 1 or rows < 1:
            raise ValueError(f"dim is {dim} and rows {rows}. Expected at least 1.")
        self.path, self.dim, self.rows = Path(path), dim, rows
        self._lock, self._tick = threading.RLock(), 0
        self._marker = self.path.with_name(f"{self.path.name}.clean")
        self.stamp = self._opened()

    def _opened(self) -> str:
        """Connects; returns the stamp of the last closing, or nothing."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._base = self._connect()
            stamp = self._read_marker()
            if stamp is None:
                self._start_empty()
            self._marker.unlink(missing_ok=True)
            _sync_folder(self.path.parent)
            used = self._base.execute("SELECT max(used) FROM rows").fetchone()[0]
        except (sqlite3.Error, OSError) as error:
            raise MemoryStoreError(
                f"The cache {str(self.path)!r} cannot be opened: {error}. Expected a file that no "
                "other process has open, in a folder that can be written. Give another path."
            ) from error
        self._tick = used or 0
        return stamp or ""

    def _connect(self) -> sqlite3.Connection:
        """Opens the file for us alone; one that is no database is replaced."""
        try:
            return self._connected()
        except sqlite3.OperationalError:
            raise
        except sqlite3.DatabaseError:
            self._marker.unlink(missing_ok=True)
            self.path.unlink()
            return self._connected()

    def _connected(self) -> sqlite3.Connection:
        base = sqlite3.connect(self.path, timeout=0, check_same_thread=False)
        try:
            # No journal on disk and no fsync: after a crash the whole file is thrown away.
            base.executescript("PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=MEMORY;")
            base.execute("PRAGMA synchronous=OFF")
            with base:
                base.execute("BEGIN EXCLUSIVE")
        except sqlite3.Error:
            base.close()
            raise
        return base

    def _read_marker(self) -> str | None:
        """The stamp of the last closing; None when the file is not to be trusted."""
        try:
            found = json.loads(self._marker.read_text(encoding="utf-8"))
            self._base.executescript(MAKE)
            fits = found["dim"] == self.dim and found["rows"] == self._count()
            return str(found["stamp"]) if fits else None
        except (OSError, ValueError, KeyError, TypeError, sqlite3.DatabaseError):
            return None

    def _start_empty(self) -> None:
        self._base.executescript("DROP TABLE IF EXISTS rows;" + MAKE)

    def put(self, kept: Sequence[Kept], heat: Sequence[int]) -> None:
        """Takes rows in, each with how often it was retrieved; the coldest leave."""
        with self._lock, self._base:
            self._tick += 1
            self._base.executemany(
                "INSERT OR REPLACE INTO rows VALUES (?, ?, ?, ?, ?)",
                [
                    (_key(name), vector.astype("<f4").tobytes(), text, warm, self._tick)
                    for (name, vector, text), warm in zip(kept, heat, strict=True)
                ],
            )
            over = max(self._count() - self.rows, 0)
            self._base.execute(
                "DELETE FROM rows WHERE id IN (SELECT id FROM rows ORDER BY heat, used LIMIT ?)",
                (over,),
            )

    def get(self, ids: Sequence[str]) -> list[Kept]:
        """Those of the rows that are here; they count as used once more."""
        found: list[Kept] = []
        with self._lock, self._base:
            self._tick += 1
            for start in range(0, len(ids), AT_ONCE):
                keys = [_key(name) for name in ids[start : start + AT_ONCE]]
                among = f"WHERE id IN ({','.join('?' * len(keys))})"
                rows = self._base.execute(f"SELECT id, vector, metadata FROM rows {among}", keys)
                found += [(_name(key), np.frombuffer(v, "<f4"), text) for key, v, text in rows]
                change = f"UPDATE rows SET heat = heat + 1, used = ? {among}"
                self._base.execute(change, [self._tick, *keys])
        return found

    def holds(self, ids: Iterable[str]) -> set[str]:
        """Which of the ids are here; does not count as use."""
        with self._lock:
            find = "SELECT 1 FROM rows WHERE id = ?"
            return {name for name in ids if self._base.execute(find, (_key(name),)).fetchone()}

    def drop(self, ids: Iterable[str]) -> None:
        """Lets go of rows."""
        with self._lock, self._base:
            keys = [(_key(name),) for name in ids]
            self._base.executemany("DELETE FROM rows WHERE id = ?", keys)

    def clear(self) -> None:
        """Lets go of all rows."""
        with self._lock, self._base:
            self._base.execute("DELETE FROM rows")

    def close(self, stamp: str = "") -> None:
        """Keeps the rows for the next opening, which finds `stamp`.

        Raises:
            MemoryStoreError: The disk is full.
        """
        with self._lock:
            try:
                count = self._count()
                self._base.close()
            except sqlite3.ProgrammingError:  # it is closed already
                return
            about = {"dim": self.dim, "rows": count, "stamp": stamp}
            try:
                with self.path.open("rb") as file:
                    os.fsync(file.fileno())
                replace_text(self._marker, json.dumps(about))
            except OSError as error:
                raise MemoryStoreError(
                    f"The cache {str(self.path)!r} cannot be closed properly: {error}. Expected "
                    "room for a small file. It will be empty when it is opened again."
                ) from error

    def __len__(self) -> int:
        """Number of rows."""
        with self._lock:
            return self._count()

    def _count(self) -> int:
        return int(self._base.execute("SELECT count(*) FROM rows").fetchone()[0])


def _key(name: str) -> bytes:
    # A blob, for SQLite's texts may hold neither lone surrogates nor, safely, NUL.
    return name.encode("utf-8", "surrogatepass")


def _name(key: bytes) -> str:
    return key.decode("utf-8", "surrogatepass")


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
