"""The nearest point of a polyhedron: the quadratic program of a shield, solved exactly.

Least-distance programming (Lawson and Hanson, Solving Least Squares Problems, 1974, chapter 23):
min |x| subject to G x >= h is one non-negative least squares problem, and theirs is an active-set
method that ends after finitely many steps.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

Array = NDArray[np.float64]

_EMPTY = 1e-10
"""A residual this small says that no point keeps all inequalities."""


def project(target: Array, rows: Array, offsets: Array) -> Array | None:
    """The u nearest to `target [A]` with `rows [K, A]` u >= `offsets [K]`; None where none is.

    Nearest in the Euclidean norm. Inequalities are kept to rounding (about 1e-12 of their size).
    """
    short = offsets - rows @ target
    if (short <= 0).all():
        return target
    scale = np.linalg.norm(rows, axis=1)
    if (short[scale == 0] > 0).any():
        return None
    rows, short = rows[scale > 0] / scale[scale > 0, None], short[scale > 0] / scale[scale > 0]
    # Distances of order one: the residual below is compared with a constant.
    far = float(np.max(short))
    system = np.concatenate([rows.T, short[None] / far])
    wanted = np.zeros(len(system))
    wanted[-1] = 1.0
    multipliers, _ = nnls(system, wanted)
    residual = system @ multipliers - wanted
    if residual @ residual < _EMPTY:
        return None
    return target - far * residual[:-1] / residual[-1]
