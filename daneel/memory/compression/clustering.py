"""Weighted k-means (Lloyd 1982): the codebooks of the codec.

Legend: N points, K centres, D dimensions.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

BLOCK = 16_384
"""Points whose distances to all centres are held at a time."""


def kmeans(
    points: NDArray[np.float32],
    weights: NDArray[np.float64],
    count: int,
    rng: np.random.Generator,
    rounds: int = 10,
) -> NDArray[np.float32]:
    """Centres `[count, D]` of points `[N, D]`, each counted `weights` times; N may be below count.

    A centre that lost all of its points moves to the point that is farthest from its own.
    """
    few = len(points) < count
    chosen = rng.choice(len(points), count, replace=few, p=weights / weights.sum())
    centres = points[chosen].astype(np.float32)
    for _ in range(rounds):
        closest, distances = nearest(points, centres)
        mass = np.bincount(closest, weights, count)
        sums = [np.bincount(closest, weights * column, count) for column in points.T]
        full = mass > 0
        centres[full] = (np.stack(sums, 1)[full] / mass[full, None]).astype(np.float32)
        lost = np.flatnonzero(~full)[: len(points)]
        centres[lost] = points[np.argsort(-distances, kind="stable")[: len(lost)]]
    return centres


def nearest(
    points: NDArray[np.float32], centres: NDArray[np.float32]
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """For each point `[N, D]` its nearest centre `[N]` and their squared distance `[N]`."""
    closest = np.empty(len(points), np.int64)
    distances = np.empty(len(points), np.float32)
    squares = (centres**2).sum(1)
    for start in range(0, len(points), BLOCK):
        block = points[start : start + BLOCK]
        # |x - c|^2 without |x|^2, which no choice of c changes.
        parts = squares - 2 * block @ centres.T
        best = parts.argmin(1)
        closest[start : start + BLOCK] = best
        distances[start : start + BLOCK] = parts[np.arange(len(best)), best] + (block**2).sum(1)
    return closest, distances
