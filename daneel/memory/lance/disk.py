"""Brings a table's new files to disk: Lance leaves them in the system's cache."""

from __future__ import annotations

import os
from pathlib import Path

from daneel.memory.indexes.files import flush_to_disk


class Disk:
    """Remembers which files of a folder are on disk for certain."""

    def __init__(self, folder: Path) -> None:
        """Nothing is certain yet; Lance's files never change once they have their name."""
        self._folder, self._certain = folder, set[str]()

    def settle(self) -> None:
        """Fsync every new file, then every folder that holds one.

        Raises:
            OSError: The disk failed.
        """
        for folder, _, names in os.walk(self._folder):
            new = [name for name in names if os.path.join(folder, name) not in self._certain]
            settled = [name for name in new if _flushed(Path(folder, name))]
            if new:
                flush_to_disk(Path(folder))
            self._certain.update(os.path.join(folder, name) for name in settled)
        if str(self._folder) not in self._certain:
            flush_to_disk(self._folder)
            flush_to_disk(self._folder.parent)
            self._certain.add(str(self._folder))


def _flushed(path: Path) -> bool:
    """Whether the file is on disk; false when somebody has just cleaned it away."""
    try:
        flush_to_disk(path)
    except FileNotFoundError:
        return False
    return True
