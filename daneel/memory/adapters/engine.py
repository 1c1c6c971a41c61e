"""What an engine must do to carry a store: keep rows, and name candidates near a key.

The store above it checks arguments, fulfils conditions exactly, scores and orders; so an engine
may be wrong about nothing but which rows are candidates.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from daneel.memory.adapters.needed import Needed, Terms


@dataclass(frozen=True)
class Stored:
    """A row as it was added."""

    id: str
    vector: NDArray[np.float32]
    """`[D]`, bit for bit that of the caller."""

    metadata: str
    """JSON in ASCII, so that no engine's idea of text or of numbers can change it."""


class Engine(Protocol):
    """Rows in somebody else's database. Called from several threads at once."""

    def write(
        self, rows: Sequence[Stored], keys: NDArray[np.float32], terms: Sequence[Terms]
    ) -> None:
        """Upsert rows, all or none; kept when this returns.

        Args:
            rows: N rows.
            keys: `[N, D]`, what to search them by.
            terms: N times what conditions look for.
        """
        ...

    def near(
        self, keys: NDArray[np.float32], limit: int, needed: Needed, effort: int | None
    ) -> list[list[Stored]]:
        """For each of the keys `[Q, D]` the nearest rows, best first, at most `limit`.

        Args:
            keys: What to be near to.
            limit: How many; fewer only if there are no more, or if the search was approximate.
            needed: What the rows must have.
            effort: Candidates that an approximate index may look at; None searches exactly.
        """
        ...

    def read(self, ids: Sequence[str]) -> list[Stored]:
        """Those of the rows that are there, in any order."""
        ...

    def sample(self, count: int) -> list[Stored]:
        """Up to `count` rows, the same ones while nothing is written."""
        ...

    def remove(self, ids: Sequence[str]) -> int:
        """Delete rows; how many were there."""
        ...

    def count(self) -> int:
        """Number of rows."""
        ...

    def flush(self) -> None:
        """Bring everything to disk and derived indexes up to date."""
        ...

    def close(self) -> None:
        """Let go."""
        ...
