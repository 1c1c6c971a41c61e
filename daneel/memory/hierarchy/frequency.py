"""How often ids were retrieved lately, in bounded room."""

from __future__ import annotations

import heapq
from collections.abc import Iterable


class AccessFrequency:
    """Counts that are halved after every `window` retrievals; those that reach 0 are dropped.

    The "reset" of TinyLFU (Einziger, Friedman, Manes 2017, arXiv 1512.00727), with exact counts:
    at most 2 `window` ids are known at any time, and old fame fades.
    """

    def __init__(self, window: int = 65_536) -> None:
        """Nothing was retrieved yet.

        Raises:
            ValueError: The window is below 1.
        """
        if window < 1:
            raise ValueError(f"window is {window}. Expected at least 1.")
        self.window, self._since = window, 0
        self._counts: dict[str, int] = {}

    def touch(self, ids: Iterable[str]) -> None:
        """Counts one retrieval of each."""
        for name in ids:
            self._counts[name] = self._counts.get(name, 0) + 1
            self._since += 1
            if self._since >= self.window:
                self._halve()

    def _halve(self) -> None:
        self._counts = {name: count // 2 for name, count in self._counts.items() if count > 1}
        self._since = 0

    def count(self, name: str) -> int:
        """Retrievals of an id lately."""
        return self._counts.get(name, 0)

    def hottest(self, count: int) -> list[str]:
        """The ids retrieved most, most first; equals in the order of ids."""
        pairs = ((-seen, name) for name, seen in self._counts.items())
        return [name for _, name in heapq.nsmallest(count, pairs)]

    def forget(self, ids: Iterable[str]) -> None:
        """Drops ids."""
        for name in ids:
            self._counts.pop(name, None)

    def __len__(self) -> int:
        """How many ids are known."""
        return len(self._counts)
