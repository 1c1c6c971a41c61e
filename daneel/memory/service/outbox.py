"""Writes that wait for the link, in order; in a file too, if they must outlive the process.

The file holds the requests as they will be sent, keys included, each behind its length and CRC-32:
a torn end (the process died while writing it, so it was never acknowledged) is cut off at opening.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from daneel.errors import MemoryStoreError
from daneel.memory.service.messages import message

HEAD = struct.Struct("<IIB")
"""Length, CRC-32 and kind of a record."""

KINDS = ("PushRequest", "DeleteRequest")
SLACK_BYTES = 16 << 20
"""Bytes of requests already sent that may stand in the file before it is written anew."""


class Outbox:
    """A bounded queue of requests. Not thread-safe: its owner holds a lock."""

    def __init__(self, rows: int, path: Path | None = None) -> None:
        """A queue of at most that many rows, with what the file still holds.

        Raises:
            MemoryStoreError: The file cannot be opened.
        """
        self._limit, self._path, self._file = rows, path, None
        self._waiting: deque[tuple[Any, int]] = deque()
        self.rows, self._sent_bytes = 0, 0
        if path is not None:
            self._open(path)

    @property
    def durable(self) -> bool:
        """Whether what waits outlives the process."""
        return self._path is not None

    def __len__(self) -> int:
        """Number of requests."""
        return len(self._waiting)

    def __iter__(self) -> Iterator[Any]:
        """The requests, oldest first."""
        return (request for request, _ in list(self._waiting))

    def append(self, request: Any) -> None:
        """Take a request; with a file it is on disk when this returns.

        Raises:
            MemoryStoreError: There is no room, or the disk refuses; the request was not taken.
        """
        if self.rows and self.rows + len(request.ids) > self._limit:
            raise MemoryStoreError(
                f"{self.rows} rows wait for the link already. Expected at most {self._limit}. "
                "Bring the link back, or raise pending_rows."
            )
        record = _record(request)
        if self._file is not None:
            self._write(record)
        self._waiting.append((request, len(record)))
        self.rows += len(request.ids)

    def drop(self, count: int) -> None:
        """Forget the oldest requests: the server keeps them now."""
        for _ in range(count):
            request, size = self._waiting.popleft()
            self.rows -= len(request.ids)
            self._sent_bytes += size
        if self._file is not None and (not self._waiting or self._sent_bytes > SLACK_BYTES):
            self._rewrite()

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _open(self, path: Path) -> None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("a+b")
            self._file.seek(0)
            good = 0
            for request, size in _records(self._file.read()):
                self._waiting.append((request, size))
                self.rows += len(request.ids)
                good += size
            self._file.truncate(good)
            _sync_folder(path)
        except OSError as error:
            raise MemoryStoreError(
                f"The journal {path} cannot be opened: {error.strerror}. Expected a writable file."
            ) from None

    def _write(self, record: bytes) -> None:
        file = self._file
        assert file is not None
        end = file.seek(0, os.SEEK_END)
        try:
            file.write(record)
            file.flush()
            os.fsync(file.fileno())
        except OSError as error:
            file.truncate(end)  # or the next record would stand behind half a one
            raise MemoryStoreError(
                f"The journal {self._path} cannot be written: {error.strerror}. Expected room on "
                "the disk. Free some and add again."
            ) from None

    def _rewrite(self) -> None:
        """Keep only what waits: a new file takes the old one's place whole."""
        assert self._path is not None and self._file is not None
        fresh = self._path.with_name(self._path.name + ".new")
        with fresh.open("wb") as file:
            file.writelines(_record(request) for request in self)
            file.flush()
            os.fsync(file.fileno())
        os.replace(fresh, self._path)
        _sync_folder(self._path)
        self._file.close()
        self._file, self._sent_bytes = self._path.open("a+b"), 0


def _record(request: Any) -> bytes:
    body = request.SerializeToString()
    kind = KINDS.index(request.DESCRIPTOR.name)
    return HEAD.pack(len(body), zlib.crc32(body), kind) + body


def _records(data: bytes) -> Iterator[tuple[Any, int]]:
    at = 0
    while at + HEAD.size <= len(data):
        length, checksum, kind = HEAD.unpack_from(data, at)
        body = data[at + HEAD.size : at + HEAD.size + length]
        if len(body) < length or zlib.crc32(body) != checksum or kind >= len(KINDS):
            return
        yield message(KINDS[kind]).FromString(body), HEAD.size + length
        at += HEAD.size + length


def _sync_folder(path: Path) -> None:
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
