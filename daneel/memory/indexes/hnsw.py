"""Navigable small-world graph (Malkov & Yashunin, 2018, arXiv 1603.09320), vectors unpacked.

Quicker to search than inverted lists and minutes to build; links cost 8 * M bytes a row.
"""

from __future__ import annotations

from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from daneel.memory.indexes.kind import FAISS, Setting, blocks, faiss_metric, ladder
from daneel.memory.protocol import Metric

NEIGHBOURS, BUILT_WITH, LONGEST = 16, 100, 1024
"""M and efConstruction of the paper, and the longest queue that a search is given."""


class Hnsw:
    """The kind `hnsw`."""

    name, rescored, selects = "hnsw", False, True

    def build(self, vectors: NDArray[np.float32], metric: Metric, seed: int) -> faiss.Index:
        """An index over `[N, D]`; the graph's own levels are drawn by FAISS from a fixed seed."""
        index = faiss.IndexHNSWFlat(vectors.shape[1], NEIGHBOURS, faiss_metric(metric))
        index.hnsw.efConstruction = BUILT_WITH
        for block in blocks(vectors, metric):
            index.add(block)
        return index

    def settings(self, index: Any) -> list[Setting]:
        """By the length of the queue."""
        return [Setting(probes) for probes in ladder(LONGEST) if probes >= 16]

    def parameters(self, setting: Setting, selector: Any) -> Any:
        """See `Kind.parameters`."""
        return FAISS.SearchParametersHNSW(efSearch=setting.probes, sel=selector)
