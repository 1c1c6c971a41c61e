"""What the kinds of approximate index have in common: building, and a ladder of settings."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import faiss
import numpy as np
from numpy.typing import NDArray

from daneel.memory.indexes.exact import unit
from daneel.memory.protocol import Metric

FAISS: Any = faiss
"""FAISS without its annotations, which know neither keyword arguments nor subclasses."""

BLOCK = 65_536


@dataclass(frozen=True)
class Setting:
    """How hard to look."""

    probes: int
    """Lists, or length of the queue, that a search looks into."""

    factor: int = 1
    """Candidates fetched for each hit, where candidates are scored again by their vectors."""


class Kind(Protocol):
    """An approximate index of FAISS."""

    name: str

    rescored: bool
    """Whether its own scores are rough, so that candidates are scored by the stored vectors."""

    selects: bool
    """Whether FAISS passes over unwanted rows during the search, or they are dropped after it."""

    def build(self, vectors: NDArray[np.float32], metric: Metric, seed: int) -> faiss.Index:
        """An index over `[N, D]`; positions are row numbers."""
        ...

    def settings(self, index: Any) -> list[Setting]:
        """From the quickest to the most thorough."""
        ...

    def parameters(self, setting: Setting, selector: Any) -> Any:
        """FAISS's object of that setting, for the rows that `selector` lets through (or None)."""
        ...


def blocks(vectors: NDArray[np.float32], metric: Metric) -> Iterator[NDArray[np.float32]]:
    """The vectors piece by piece as the index takes them: of unit length for the cosine."""
    for start in range(0, len(vectors), BLOCK):
        yield prepared(np.asarray(vectors[start : start + BLOCK]), metric)


def prepared(vectors: NDArray[np.float32], metric: Metric) -> NDArray[np.float32]:
    """Vectors as the index takes them."""
    return unit(vectors) if metric == "cosine" else np.ascontiguousarray(vectors)


def sample(
    vectors: NDArray[np.float32], count: int, metric: Metric, seed: int
) -> NDArray[np.float32]:
    """At most `count` rows to train on, without order."""
    count = min(count, len(vectors))
    at = np.random.default_rng(seed).choice(len(vectors), count, replace=False)
    return prepared(np.asarray(vectors[np.sort(at)]), metric)


def faiss_metric(metric: Metric) -> int:
    """Cosine is the inner product of vectors of unit length."""
    return faiss.METRIC_L2 if metric == "l2" else faiss.METRIC_INNER_PRODUCT


def lists_for(count: int) -> int:
    """Number of inverted lists: twice the root, where finding lists and reading them cost alike."""
    return max(1, min(round(2 * count**0.5), count // 40))


def ladder(top: int) -> list[int]:
    """1, 2, 3, 4, 6, 8, 12, 16, ... up to `top`."""
    steps = sorted({*(2**i for i in range(31)), *(3 * 2**i for i in range(30))})
    return [step for step in steps if step < top] + [top]
