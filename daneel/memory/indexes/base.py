"""The indexed rows of a store: never changed, written once, mapped from files or held in memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from daneel.memory.indexes.columns import Columns
from daneel.memory.indexes.files import read_folder, write_folder
from daneel.memory.indexes.index import TunedIndex
from daneel.memory.indexes.lookup import Lookup
from daneel.memory.indexes.texts import Texts, mapped
from daneel.memory.protocol import Metric

VECTORS = "vectors.f32"


@dataclass
class Base:
    """N rows in the order of their ids: position order is id order, so ties are in order too."""

    ids: Texts
    metadata: Texts
    lookup: Lookup
    index: TunedIndex
    stamp: Mapping[str, Any]
    """What the rows were read from."""

    @property
    def vectors(self) -> NDArray[np.float32]:
        """`[N, D]`, as they were added."""
        return self.index.vectors

    def __len__(self) -> int:
        """N."""
        return len(self.ids)

    @cached_property
    def columns(self) -> Columns:
        """The metadata by field."""
        return Columns(self.metadata)

    @classmethod
    def of(
        cls,
        ids: list[str],
        metadata: list[str],
        vectors: NDArray[np.float32],
        kind: str,
        metric: Metric,
        recall: float,
    ) -> Base:
        """Index rows in memory; `ids` ascending, `vectors` `[N, D]`, `metadata` texts of JSON."""
        names = Texts.of(ids)
        index = TunedIndex.build(kind, vectors, metric, recall)
        return cls(names, Texts.of(metadata), Lookup.of(names), index, {})

    @classmethod
    def empty(cls, dim: int, metric: Metric) -> Base:
        """No rows."""
        return cls.of([], [], np.zeros((0, dim), np.float32), "flat", metric, 1.0)

    @classmethod
    def write(
        cls,
        final: Path,
        ids: list[str],
        metadata: list[str],
        fill: Callable[[NDArray[np.float32]], None],
        build: Callable[[NDArray[np.float32]], TunedIndex],
        dim: int,
        stamp: Mapping[str, Any],
    ) -> None:
        """Index rows into the folder `final`, without holding their vectors in memory.

        Args:
            final: Name of the folder.
            ids: Ascending.
            metadata: Texts of JSON.
            fill: Writes the vectors into the array `[N, D]` it is given, a file underneath.
            build: Makes the index over that array.
            dim: D.
            stamp: What the rows were read from.

        Raises:
            OSError: The disk is full or failed; nothing is left behind.
        """
        about: dict[str, Any] = {}

        def fill_folder(folder: Path) -> None:
            names = Texts.of(ids)
            names.save(folder, "ids")
            Lookup.of(names).save(folder)
            Texts.of(metadata).save(folder, "metadata")
            index = build(_vectors_in(folder, len(ids), dim, fill))
            index.save(folder)
            about.update(index.description())

        write_folder(final, fill_folder, lambda: {**stamp, "dim": dim, "index": about})

    @classmethod
    def load(cls, folder: Path, metric: Metric) -> Base:
        """Map a folder after checking every byte of it.

        Raises:
            MemoryStoreError: It is damaged.
        """
        stamp = read_folder(folder)
        ids = Texts.load(folder, "ids")
        vectors = mapped(folder / VECTORS, np.float32).reshape(len(ids), stamp["dim"])
        index = TunedIndex.load(folder, stamp["index"], vectors, metric)
        metadata, lookup = Texts.load(folder, "metadata"), Lookup.load(folder, ids)
        return cls(ids, metadata, lookup, index, stamp)


def _vectors_in(
    folder: Path, count: int, dim: int, fill: Callable[[NDArray[np.float32]], None]
) -> NDArray[np.float32]:
    path = folder / VECTORS
    if not count:
        path.touch()
        return np.zeros((0, dim), np.float32)
    # Bytes are set aside first: a full disk is an error here, not a signal that kills the process.
    with path.open("wb") as file:
        block = bytes(1 << 20)
        for start in range(0, count * dim * 4, len(block)):
            file.write(block[: count * dim * 4 - start])
    written = np.memmap(path, np.float32, "r+", shape=(count, dim))
    fill(written)
    written.flush()
    return np.asarray(written)
