"""Vectors and stores that several tests use."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from daneel.memory.in_memory import InMemoryStore
from daneel.memory.protocol import Rows


class LastingStore(InMemoryStore):
    """Rows in RAM that outlast closing, so that what lies above it can be opened again."""

    def close(self) -> None:
        """Nothing."""

    def rows(self) -> list[str]:
        """The ids of all rows."""
        return sorted(self._rows)


def clustered(count: int, dim: int = 16, centres: int = 40, seed: int = 0) -> NDArray[np.float32]:
    """Unit vectors `[count, dim]` near few centres, as embeddings are."""
    rng = np.random.default_rng(seed)
    middle = np.random.default_rng(99).normal(size=(centres, dim))
    found = middle[rng.integers(0, centres, count)] + 0.2 * rng.normal(size=(count, dim))
    return (found / np.linalg.norm(found, axis=1, keepdims=True)).astype(np.float32)


def rows(count: int, dim: int = 16, seed: int = 0) -> Rows:
    """Rows with ids and metadata."""
    ids = [f"row{at}" for at in range(count)]
    return Rows(ids, clustered(count, dim, seed=seed), [{"n": at} for at in range(count)])
