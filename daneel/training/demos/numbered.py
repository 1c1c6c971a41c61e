"""Files that fill one after another: when one is large enough, the next is begun."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from daneel.training.demos.layout import FILES_PER_CHUNK

_MIB = 2**20


class Appendable(Protocol):
    """A file under way."""

    def size(self) -> int:
        """Bytes on disk so far."""
        ...

    def append(self, item: Any, /) -> None:
        """Write the next episode."""
        ...

    def close(self) -> None:
        """End the file."""
        ...


W = TypeVar("W", bound=Appendable)


class NumberedFiles(Generic[W]):
    """Appends to the last of several files; `writer` is the one under way."""

    def __init__(self, root: Path, pattern: str, limit_mb: int, begin: Callable[[Path], W]) -> None:
        """Begin no file yet.

        Args:
            root: Folder of the dataset.
            pattern: Path in it, with the fields `chunk_index` and `file_index`.
            limit_mb: Size in MiB from which on a new file is begun.
            begin: Opens a file.
        """
        self._root, self._pattern = root, pattern
        self._limit = limit_mb * _MIB
        self._begin = begin
        self._number = 0
        self.paths: list[Path] = []
        self.writer: W | None = None

    def append(self, item: Any) -> dict[str, int]:
        """Write an episode; returns the numbers of the file that it went to."""
        if self.writer is not None and self.writer.size() >= self._limit:
            self.close()
            self._number += 1
        place = place_of(self._number)
        if self.writer is None:
            path = self._root / self._pattern.format(**place)
            self.writer = self._begin(path)
            self.paths.append(path)
        self.writer.append(item)
        return place

    def close(self) -> None:
        """End the file under way."""
        if self.writer is not None:
            self.writer.close()
            self.writer = None


def place_of(number: int) -> dict[str, int]:
    """Chunk and file of the file with this number in order."""
    chunk, file = divmod(number, FILES_PER_CHUNK)
    return {"chunk_index": chunk, "file_index": file}
