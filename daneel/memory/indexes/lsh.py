"""Locality-sensitive hashing by random hyperplanes (Charikar, 2002): 8 bits for a dimension.

A quarter of the vectors' size, nothing to train on, and every code is compared. Its own order is
rough: candidates are scored again by the stored vectors, and both recalls are reported.
"""

from __future__ import annotations

from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from daneel.memory.indexes.kind import FAISS, Setting, blocks, ladder, sample
from daneel.memory.protocol import Metric

BITS_A_DIM = 8
TRAINED_ON = 16_384


class Lsh:
    """The kind `lsh`."""

    name, rescored, selects = "lsh", True, False

    def build(self, vectors: NDArray[np.float32], metric: Metric, seed: int) -> faiss.Index:
        """An index over `[N, D]`; thresholds of the bits are the medians of a sample."""
        dim = vectors.shape[1]
        index = faiss.IndexLSH(dim, BITS_A_DIM * dim, True, True)
        rotation = FAISS.downcast_VectorTransform(index.rrot)
        rotation.init(seed)
        index.train(sample(vectors, TRAINED_ON, metric, seed))
        for block in blocks(vectors, metric):
            index.add(block)
        return index

    def settings(self, index: Any) -> list[Setting]:
        """By candidates scored again."""
        return [Setting(1, factor) for factor in ladder(512)]

    def parameters(self, setting: Setting, selector: Any) -> Any:
        """None: there is nothing to set."""
        return None
