"""Which shard keeps a row, and which shards a query has to ask."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from daneel.errors import MemoryStoreError
from daneel.memory.check import check_metric, check_vectors
from daneel.memory.in_memory import score_all
from daneel.memory.protocol import Metric

NEAREST, TRIED = 10, 400
"""Hits that a placement is tuned for, and the rows of the sample that it is tuned on."""


class Placement(Protocol):
    """Rows and queries to shards, the same for every client."""

    shards: int

    def of_rows(self, ids: Sequence[str], vectors: NDArray[np.float32]) -> NDArray[np.int64]:
        """The shard `[N]` of each row."""
        ...

    def of_ids(self, ids: Sequence[str]) -> NDArray[np.int64] | None:
        """The shard `[N]` of each id; None when only its vector tells."""
        ...

    def of_queries(self, queries: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Whether to ask, `[Q, shards]`."""
        ...


class HashPlacement:
    """By a hash of the id: even shards, exact answers, and every query asks every shard."""

    def __init__(self, shards: int) -> None:
        """Spread over that many shards."""
        self.shards = shards

    def of_rows(self, ids: Sequence[str], vectors: NDArray[np.float32]) -> NDArray[np.int64]:
        """See `Placement`."""
        return self.of_ids(ids)

    def of_ids(self, ids: Sequence[str]) -> NDArray[np.int64]:
        """See `Placement`; BLAKE2, which is the same in every process and version of Python."""
        digests = (hashlib.blake2b(name.encode(), digest_size=8).digest() for name in ids)
        return np.array(
            [int.from_bytes(each, "little") % self.shards for each in digests], np.int64
        )

    def of_queries(self, queries: NDArray[np.float32]) -> NDArray[np.bool_]:
        """See `Placement`."""
        return np.ones((len(queries), self.shards), bool)


class CentroidPlacement:
    """By the nearest of a few hundred centroids: near rows live together.

    A query asks only the shards that own the centroids next to it, mostly one or two of them, as
    many as reach the wanted recall on a sample. All clients must use the same file.
    """

    def __init__(
        self,
        centroids: NDArray[np.float32],
        owners: NDArray[np.int64],
        metric: str,
        cells: int,
    ) -> None:
        """Made by `fit` or `load`.

        Args:
            centroids: `[C, D]`.
            owners: `[C]`, the shard of each.
            metric: That of the store.
            cells: How many centroids next to a query count.
        """
        self._centroids, self._owners = centroids, owners
        self._squares = (centroids**2).sum(1)
        self.metric: Metric = check_metric(metric)
        self.cells, self.shards = cells, int(owners.max()) + 1

    @classmethod
    def fit(
        cls,
        sample: ArrayLike,
        shards: int,
        metric: str = "cosine",
        *,
        rows: int | None = None,
        cells: int = 0,
        recall: float = 0.95,
        seed: int = 0,
    ) -> Self:
        """Centroids of a sample of the rows.

        Args:
            sample: `[N, D]`, like the rows to come; at least 4 for each centroid.
            shards: How many.
            metric: That of the store.
            rows: How many rows there will be; None: no more than the sample. The ten nearest of a
                sample lie as far apart as more than ten of all rows, and take more shards to find.
            cells: Number of centroids; 0 takes one for each 16 of the sample, 16 to 256 a shard.
            recall: How many of the 10 nearest of a query must be where it asks, on the sample.
            seed: Of k-means and of the choice of test queries.

        Raises:
            ValueError: The sample is too small.
        """
        vectors = np.asarray(sample, np.float32)
        vectors = check_vectors("sample", vectors, vectors.shape[-1])
        count = cells or shards * int(np.clip(len(vectors) // (16 * shards), 16, 256))
        if len(vectors) < 4 * count:
            raise ValueError(
                f"sample has {len(vectors)} rows for {count} centroids. Expected {4 * count}."
            )
        points = _comparable(vectors, metric)
        centroids = _k_means(points, count, seed)
        cell = score_all(points, centroids, "l2").argmax(1)
        owners = _cut(centroids, np.bincount(cell, minlength=count), shards)
        found = cls(centroids, owners, metric, count)
        nearest = max(1, round(NEAREST * min(1.0, len(vectors) / (rows or len(vectors)))))
        found.cells = found._tuned(vectors, nearest, recall, seed)
        return found

    def of_rows(self, ids: Sequence[str], vectors: NDArray[np.float32]) -> NDArray[np.int64]:
        """See `Placement`."""
        return self._owners[self._scores(vectors).argmax(1)]

    def of_ids(self, ids: Sequence[str]) -> None:
        """See `Placement`: an id does not tell."""
        return None

    def of_queries(self, queries: NDArray[np.float32]) -> NDArray[np.bool_]:
        """See `Placement`."""
        asked = np.zeros((len(queries), self.shards), bool)
        if self.cells >= len(self._centroids):
            return ~asked
        scores = self._scores(queries)
        if self.cells == 1:
            near = scores.argmax(1)[:, None]
        else:
            near = np.argpartition(-scores, self.cells - 1, axis=1)[:, : self.cells]
        np.put_along_axis(asked, self._owners[near], True, axis=1)
        return asked

    def save(self, path: Path) -> None:
        """Write to a `.npz` file, for other clients."""
        np.savez(
            path, centroids=self._centroids, owners=self._owners, metric=self.metric,
            cells=self.cells,
        )  # fmt: skip

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what `save` wrote.

        Raises:
            MemoryStoreError: It is no such file.
        """
        try:
            with np.load(path, allow_pickle=False) as file:
                return cls(
                    file["centroids"], file["owners"], check_metric(str(file["metric"])),
                    int(file["cells"]),
                )  # fmt: skip
        except (OSError, KeyError, ValueError) as error:
            raise MemoryStoreError(
                f"{path} holds no centroids: {error}. Expected a file of CentroidPlacement.save."
            ) from None

    def _scores(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        points = _comparable(vectors, self.metric)
        scores = points @ self._centroids.T
        scores *= 2
        scores -= self._squares
        return scores

    def _tuned(self, vectors: NDArray[np.float32], nearest: int, recall: float, seed: int) -> int:
        """The fewest cells whose shards hold the wanted share of the nearest rows."""
        rng = np.random.default_rng(seed)
        rows = rng.choice(len(vectors), min(TRIED, len(vectors)), replace=False)
        queries = vectors[rows]
        scores = score_all(queries, vectors, self.metric)
        scores[np.arange(len(rows)), rows] = -np.inf  # a row is no neighbour of its own
        homes = self.of_rows((), vectors)[np.argsort(-scores, axis=1)[:, :nearest]]
        for cells in range(1, len(self._centroids)):
            self.cells = cells
            if np.take_along_axis(self.of_queries(queries), homes, axis=1).mean() >= recall:
                return cells
        return len(self._centroids)


def _comparable(vectors: NDArray[np.float32], metric: str) -> NDArray[np.float32]:
    """Rows whose squared distance orders them as the metric does (dot: nearly)."""
    if metric != "cosine":
        return vectors
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0)


def _k_means(points: NDArray[np.float32], count: int, seed: int) -> NDArray[np.float32]:
    import faiss

    kmeans = faiss.Kmeans(points.shape[1], count, niter=20, seed=seed, min_points_per_centroid=1)
    kmeans.train(np.ascontiguousarray(points))
    return np.asarray(kmeans.centroids, np.float32).reshape(count, -1)


def _cut(centroids: NDArray[np.float32], rows: NDArray[np.int64], shards: int) -> NDArray[np.int64]:
    """Owners `[C]`: centroids in order along their main direction, cut to equal numbers of rows."""
    centred = centroids - centroids.mean(0)
    direction = np.linalg.svd(centred, full_matrices=False)[2][0]
    order = np.argsort(centred @ direction)
    before = np.cumsum(rows[order]) - rows[order] / 2
    owners = np.empty(len(centroids), np.int64)
    owners[order] = np.minimum(before * shards / max(1, rows.sum()), shards - 1).astype(np.int64)
    owners[order[-1]] = shards - 1  # the highest number says how many there are
    return owners
