"""Opinion groups among voters: who votes alike.

Small, Bjorkegren, Erkkilae, Shaw and Megill, "Polis: Scaling deliberation by mapping high
dimensional opinion spaces" (2021), section 3: principal components of the vote matrix, then
k-means, with the number of groups that separates best (silhouette). Two differences: plain k-means
on voters instead of a hierarchy of base clusters (our matrices are small), and a voter's groups
may be asked for from some votes only, which the bench needs for voters it has not fitted on.

Legend: V voters, S statements, C components, K groups.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Votes = NDArray[np.float64]
"""`[V, S]`: 1 agree, -1 disagree, 0 pass, NaN where the voter did not see the statement."""

COMPONENTS = 2
MOST_GROUPS = 5
SMALLEST = 5
"""A group of fewer voters is noise: such a grouping is not chosen."""
RESTARTS = 8
ROUNDS = 50


@dataclass(frozen=True)
class OpinionGroups:
    """A map of opinions, and where the groups lie on it."""

    mean: NDArray[np.float64]
    """Mean vote `[S]`, taken where a voter did not vote."""
    axes: NDArray[np.float64]
    """Principal components `[C, S]`."""
    centres: NDArray[np.float64]
    """`[K, C]`."""

    @classmethod
    def fit(cls, votes: Votes, rng: np.random.Generator) -> OpinionGroups:
        """Find the groups of these voters; one group where no split separates them."""
        mean = _mean(votes)
        filled = np.where(np.isnan(votes), mean, votes) - mean
        axes = np.linalg.svd(filled, full_matrices=False)[2][:COMPONENTS]
        alone = cls(mean, axes, np.zeros((1, len(axes))))
        points = alone.project(votes)
        best, centres = 0.0, points.mean(0, keepdims=True)
        for count in range(2, MOST_GROUPS + 1):
            found = _kmeans(points, count, rng)
            members = _nearest(points, found)
            if np.bincount(members, minlength=count).min() < SMALLEST:
                continue
            if (score := silhouette(points, members)) > best:
                best, centres = score, found
        return cls(mean, axes, centres)

    def project(self, votes: Votes) -> NDArray[np.float64]:
        """Place voters on the map, `[V, C]`.

        Voters with few votes would all lie in the middle; as Polis does, they are moved outwards
        by the square root of the share of statements that they left out.
        """
        seen = ~np.isnan(votes)
        filled = np.where(seen, votes - self.mean, 0.0)
        stretch = np.sqrt(votes.shape[1] / np.maximum(seen.sum(1), 1))
        return filled @ self.axes.T * stretch[:, None]

    def members(self, votes: Votes) -> NDArray[np.int64]:
        """Number of the group of each voter, `[V]`."""
        return _nearest(self.project(votes), self.centres)


def silhouette(points: NDArray[np.float64], members: NDArray[np.int64]) -> float:
    """Mean silhouette (Rousseeuw 1987) of points `[V, C]` in groups `[V]`; higher is better."""
    distance = np.linalg.norm(points[:, None] - points[None], axis=2)  # [V, V]
    sizes = np.bincount(members)
    sums = np.stack([distance[:, members == k].sum(1) for k in range(len(sizes))], 1)  # [V, K]
    rows = np.arange(len(points))
    own = sums[rows, members] / np.maximum(sizes[members] - 1, 1)
    others = sums / np.maximum(sizes, 1)
    others[rows, members] = np.inf
    other = others.min(1)
    return float(np.mean((other - own) / np.maximum(np.maximum(own, other), 1e-12)))


def _mean(votes: Votes) -> NDArray[np.float64]:
    """Mean vote on each statement, 0 where nobody voted."""
    seen = ~np.isnan(votes)
    return np.where(seen, votes, 0.0).sum(0) / np.maximum(seen.sum(0), 1)


def _kmeans(
    points: NDArray[np.float64], count: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Centres `[count, C]` of the best of several k-means runs."""
    best, found = np.inf, points[:count]
    for _ in range(RESTARTS):
        centres = points[rng.choice(len(points), count, replace=False)]
        for _ in range(ROUNDS):
            members = _nearest(points, centres)
            moved = [
                points[members == k].mean(0) if (members == k).any() else centres[k]
                for k in range(count)
            ]
            if np.allclose(moved, centres):
                break
            centres = np.stack(moved)
        cost = float(np.square(points - centres[_nearest(points, centres)]).sum())
        if cost < best:
            best, found = cost, centres
    return found


def _nearest(points: NDArray[np.float64], centres: NDArray[np.float64]) -> NDArray[np.int64]:
    """Number of the nearest centre, `[V]`."""
    return np.square(points[:, None] - centres[None]).sum(2).argmin(1)
