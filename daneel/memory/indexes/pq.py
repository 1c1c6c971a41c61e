"""Product quantisation in inverted lists (Jegou, Douze & Schmid, 2011), a byte for 4 dimensions.

A sixteenth of the vectors' size. Its own order of hits is rough: candidates are scored again by
the stored vectors, and both recalls are reported.
"""

from __future__ import annotations

from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from daneel.memory.indexes.ivf import TRAINED_ON, prepare_lists
from daneel.memory.indexes.kind import (
    FAISS,
    Setting,
    blocks,
    faiss_metric,
    ladder,
    lists_for,
    sample,
)
from daneel.memory.protocol import Metric

DIMS_A_BYTE = 4
FACTORS = (8, 32, 128)


class Pq:
    """The kind `pq`."""

    name, rescored, selects = "pq", True, True

    def build(self, vectors: NDArray[np.float32], metric: Metric, seed: int) -> faiss.Index:
        """An index over `[N, D]`."""
        lists, dim = lists_for(len(vectors)), vectors.shape[1]
        coarse = faiss.IndexFlat(dim, faiss_metric(metric))
        index = faiss.IndexIVFPQ(coarse, dim, lists, bytes_of(dim), 8, faiss_metric(metric))
        prepare_lists(index, metric, seed)
        index.pq.cp.seed, index.pq.cp.niter = seed, 8
        index.pq.cp.max_points_per_centroid = 64
        index.train(sample(vectors, max(TRAINED_ON * lists, 64 * 256), metric, seed))
        for block in blocks(vectors, metric):
            index.add(block)
        return index

    def settings(self, index: Any) -> list[Setting]:
        """By lists looked into and candidates scored again."""
        return sorted(
            (Setting(probes, factor) for probes in ladder(index.nlist) for factor in FACTORS),
            key=lambda setting: setting.probes * setting.factor,
        )

    def parameters(self, setting: Setting, selector: Any) -> Any:
        """See `Kind.parameters`."""
        return FAISS.SearchParametersIVF(nprobe=setting.probes, sel=selector)


def bytes_of(dim: int) -> int:
    """Bytes of a code: the divisor of `dim` nearest below a quarter of it."""
    return max(n for n in range(1, max(1, dim // DIMS_A_BYTE) + 1) if dim % n == 0)
