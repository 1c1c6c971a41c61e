"""Where a server keeps its collections: a store by name."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Protocol

from daneel.memory.protocol import Metric, VectorStore

NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}")


class Shelf(Protocol):
    """Where collections are kept."""

    def names(self) -> Iterable[str]:
        """Those that exist."""
        ...

    def open(self, name: str, dim: int | None, metric: Metric | None) -> VectorStore:
        """Open one, or make it when `dim` is given."""
        ...


class FolderShelf:
    """Each collection is a store in a folder of its own."""

    def __init__(
        self, root: Path, opener: Callable[[str, int | None, Metric | None], VectorStore]
    ) -> None:
        """Collections under `root`, opened by `opener(address, dim, metric)`."""
        self._root, self._opener = root, opener
        root.mkdir(parents=True, exist_ok=True)

    def names(self) -> list[str]:
        """The folders that are there."""
        found = (each.name for each in self._root.iterdir() if each.is_dir())
        return sorted(name for name in found if NAME.fullmatch(name))

    def open(self, name: str, dim: int | None, metric: Metric | None) -> VectorStore:
        """Open one, or make it when `dim` is given."""
        return self._opener(str(self._root / name), dim, metric)


class FixedShelf:
    """Stores that exist already, and new ones from a function if there is one."""

    def __init__(
        self,
        stores: Mapping[str, VectorStore],
        make: Callable[[int, Metric], VectorStore] | None = None,
    ) -> None:
        """Serve those stores; `make(dim, metric)` makes those that a client creates."""
        self._stores, self._make = dict(stores), make

    def names(self) -> list[str]:
        """The stores' names."""
        return sorted(self._stores)

    def open(self, name: str, dim: int | None, metric: Metric | None) -> VectorStore:
        """The store, made when it is absent and can be."""
        if name not in self._stores:
            if self._make is None or dim is None:
                raise ValueError(f"No collection {name!r} can be made here.")
            self._stores[name] = self._make(dim, metric or "cosine")
        return self._stores[name]
