"""Inverted lists on a GPU, where FAISS was built for one (`pip install faiss-gpu-cu12`).

The lists are copied to the first GPU when an index is built or opened. Searches among all rows run
there; those among some rows stay on the CPU, since FAISS knows no selectors on a GPU. An index that
does not fit stays on the CPU too.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from daneel.memory.indexes.kind import FAISS, Setting

MOST = 2048
"""Hits and lists that FAISS looks into on a GPU."""


def available() -> bool:
    """Whether this FAISS knows GPUs and finds one."""
    return hasattr(FAISS, "StandardGpuResources") and FAISS.get_num_gpus() > 0


class GpuLists:
    """A copy of inverted lists on the first GPU.

    Args:
        index: FAISS's `IndexIVFFlat`.

    Raises:
        RuntimeError: The GPU has no room for it.
    """

    def __init__(self, index: Any) -> None:
        """Copies the lists."""
        self._resources = FAISS.StandardGpuResources()  # has to live as long as the index
        self._index = FAISS.index_cpu_to_gpu(self._resources, 0, index)

    @classmethod
    def of(cls, index: Any) -> GpuLists | None:
        """A copy, or None where there is no GPU, no room or no such index on GPUs."""
        if not isinstance(index, FAISS.IndexIVFFlat) or not available():
            return None
        try:
            return cls(index)
        except RuntimeError as error:
            warnings.warn(f"The index stays on the CPU: {error}", stacklevel=2)
            return None

    def takes(self, count: int, setting: Setting) -> bool:
        """Whether the GPU can look for that many hits in that many lists."""
        return max(count, setting.probes) <= MOST

    def search(
        self, queries: NDArray[np.float32], count: int, setting: Setting
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """FAISS's scores and positions `[Q, count]` of the queries `[Q, D]`."""
        return self._index.search(
            queries, count, params=FAISS.SearchParametersIVF(nprobe=setting.probes)
        )
