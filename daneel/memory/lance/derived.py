"""The index folders of a store: made from the log, numbered by its commit, never trusted.

Readers map the newest whole one. Only one process makes the next at a time.
"""

from __future__ import annotations

import shutil
import uuid
from pathlib import Path

from daneel.errors import MemoryStoreError
from daneel.memory.indexes.base import Base
from daneel.memory.indexes.index import TunedIndex
from daneel.memory.lance.locks import locked
from daneel.memory.lance.newest import Newest, fill_vectors, newest
from daneel.memory.lance.settings import Settings
from daneel.memory.lance.table import Log

FOLDER = "index"


class Derived:
    """What is under `PATH/index`."""

    def __init__(self, path: Path, settings: Settings, index: str, recall: float) -> None:
        """Of the store in `path`, as the kind `index` tuned to `recall`."""
        self.folder, self.settings, self.index, self.recall = path / FOLDER, settings, index, recall
        self.folder.mkdir(exist_ok=True)

    def names(self) -> list[str]:
        """Finished folders of this kind and recall, newest first."""
        wanted = f"-{self.index}-{self.recall:g}-"
        found = (each.name for each in self.folder.iterdir() if wanted in each.name)
        return sorted((name for name in found if not name.startswith(".")), reverse=True)

    def load(self, commits: range) -> Base | None:
        """The newest whole index of a commit in that range; damaged ones are thrown away."""
        for name in self.names():
            try:
                if int(name.partition("-")[0]) not in commits:
                    continue
                base = Base.load(self.folder / name, self.settings.metric)
            except (MemoryStoreError, OSError, RuntimeError, ValueError, KeyError):
                shutil.rmtree(self.folder / name, ignore_errors=True)
                continue
            if base.stamp.get("key") == self.settings.key:
                return base
        return None

    def build_alone(self, log: Log) -> Base:
        """The index of a log, made while no other process makes one; theirs if it is as new.

        Raises:
            MemoryStoreError: The disk is full or failed, or the table cannot be read.
        """
        with locked(self.folder / "lock"):
            last = log.last_commit()
            return self.load(range(last, last + 1)) or self.build(log)

    def build(self, log: Log) -> Base:
        """Make the index of everything in a frozen log, and throw older ones away.

        Raises:
            MemoryStoreError: The disk is full or failed, or the table cannot be read.
        """
        found = newest(log)
        name = f"{found.commit:020d}-{self.index}-{self.recall:g}-{uuid.uuid4().hex[:8]}"
        try:
            self._write(name, log, found)
        except OSError as error:
            raise MemoryStoreError(
                f"The index of {self.folder.parent} could not be written: {error}. Expected room "
                "for twice the vectors. Free some space; searches stay exact until then."
            ) from error
        base = Base.load(self.folder / name, self.settings.metric)
        self._discard(name)
        return base

    def _write(self, name: str, log: Log, found: Newest) -> None:
        metric, recall = self.settings.metric, self.recall
        Base.write(
            self.folder / name,
            found.ids,
            found.metadata,
            lambda out: fill_vectors(log, found.rows, out),
            lambda vectors: TunedIndex.build(self.index, vectors, metric, recall),
            self.settings.dim,
            {"key": self.settings.key, "commit": found.commit, "marked": found.marked},
        )

    def _discard(self, but: str) -> None:
        """Delete the other folders; whoever has one mapped keeps its pages."""
        for each in self.folder.iterdir():
            if each.is_dir() and each.name != but:
                shutil.rmtree(each, ignore_errors=True)
