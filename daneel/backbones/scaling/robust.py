"""Least squares with Huber's loss from many starts: how the parametric laws are fitted.

The losses of training runs have outliers, and the sums of powers have many local minima; Hoffmann
et al. 2022 (arXiv 2203.15556, appendix D.3) answer the first with Huber's loss on the logarithm of
the loss, the second with a grid of starts. Here the starts are drawn.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

Bounds = tuple[tuple[float, float], ...]
"""For each parameter the range that starts are drawn from."""

DELTA = 1e-3
"""Where Huber's loss turns from square to absolute, in log loss (Hoffmann et al.'s value)."""
MARGIN = 4.0
"""A parameter may leave its range by this many widths."""


def fit_robust(
    residuals: Callable[[np.ndarray], np.ndarray],
    ranges: Bounds,
    rng: np.random.Generator,
    *,
    starts: int = 24,
    delta: float = DELTA,
) -> np.ndarray:
    """The parameters of the lowest Huber loss over all starts.

    Args:
        residuals: Parameters `[P]` to residuals `[K]`.
        ranges: Where starts are drawn from.
        rng: Draws them.
        starts: How many.
        delta: See `DELTA`.
    """
    from scipy.optimize import least_squares  # a quarter of a second of every start

    low, high = np.array(ranges).T
    room = MARGIN * (high - low)
    found = [
        least_squares(
            residuals,
            rng.uniform(low, high),
            loss="huber",
            f_scale=delta,
            bounds=(low - room, high + room),
            max_nfev=300,
        )
        for _ in range(starts)
    ]
    return min(found, key=lambda result: result.cost).x
