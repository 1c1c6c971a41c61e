"""Inverted lists (Sivic & Zisserman, 2003; Jegou et al., 2011): k-means cells, vectors unpacked.

Trains in seconds and is the default to about a million rows.
"""

from __future__ import annotations

from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

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

TRAINED_ON = 48
"""Sampled rows of each list; FAISS asks for 39 at least."""


class Ivf:
    """The kind `ivf`."""

    name, rescored, selects = "ivf", False, True

    def build(self, vectors: NDArray[np.float32], metric: Metric, seed: int) -> faiss.Index:
        """An index over `[N, D]`."""
        lists, dim = lists_for(len(vectors)), vectors.shape[1]
        coarse = faiss.IndexFlat(dim, faiss_metric(metric))
        index = faiss.IndexIVFFlat(coarse, dim, lists, faiss_metric(metric))
        prepare_lists(index, metric, seed)
        index.train(sample(vectors, TRAINED_ON * lists, metric, seed))
        for block in blocks(vectors, metric):
            index.add(block)
        return index

    def settings(self, index: Any) -> list[Setting]:
        """By the number of lists looked into; all of them is exact."""
        return [Setting(probes) for probes in ladder(index.nlist)]

    def parameters(self, setting: Setting, selector: Any) -> Any:
        """See `Kind.parameters`."""
        return FAISS.SearchParametersIVF(nprobe=setting.probes, sel=selector)


def prepare_lists(index: Any, metric: Metric, seed: int) -> None:
    """Settings of the k-means that all indexes with lists share."""
    index.cp.seed, index.cp.niter = seed, 8
    # Centres of unit length for the cosine, so that a list is a cone.
    index.cp.spherical = metric == "cosine"
