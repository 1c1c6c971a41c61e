"""What engines search by."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def search_keys(vectors: NDArray[np.float32], metric: str) -> NDArray[np.float32]:
    """Unit vectors `[N, D]` for the cosine, else the vectors.

    So the cosine is an inner product; and, as lengths are taken in float64, tiny vectors keep their
    direction in engines that square in float32. A zero vector stays zero.
    """
    if metric != "cosine":
        return vectors
    wide = vectors.astype(np.float64)
    lengths = np.linalg.norm(wide, axis=1, keepdims=True)
    unit = np.divide(wide, lengths, out=np.zeros_like(wide), where=lengths > 0)
    return unit.astype(np.float32)
