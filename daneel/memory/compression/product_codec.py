"""A learned lossy codec of vectors: a rotation, then product quantisation, refined level by level.

Product quantisation (Jégou, Douze, Schmid 2011) behind the rotation of "parametric" OPQ (Ge, He,
Ke, Sun 2013): principal axes, dealt to the parts so that their variances have equal products.
Each further level quantises what the levels before left over (residual quantisation, Chen, Guan,
Wang 2010), so that a code cut after any level is still a code, a coarser one.

Legend: N rows, D dimensions, M parts, L levels, Q queries. A level takes M bytes a row.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from daneel.memory.compression.clustering import kmeans, nearest

CENTRES = 256
"""Centres of a codebook: one byte."""


@dataclass(frozen=True)
class ProductCodec:
    """x is near mean + rotation (sum over levels of the M centres side by side)."""

    parts: int
    """M, bytes of a level."""

    mean: NDArray[np.float32]
    """`[D]`."""

    rotation: NDArray[np.float32]
    """`[D, D]`, orthonormal; a column is an axis."""

    books: NDArray[np.float32]
    """`[L, 256, D]`; a part's codebook is its columns."""

    @property
    def levels(self) -> int:
        """L."""
        return len(self.books)

    @property
    def nbytes(self) -> int:
        """Bytes of the codec itself."""
        return self.mean.nbytes + self.rotation.nbytes + self.books.nbytes

    @property
    def spans(self) -> list[slice]:
        """Columns of each part."""
        return _spans(len(self.mean), self.parts)

    def encode(self, vectors: NDArray[np.float32]) -> NDArray[np.uint8]:
        """Codes `[N, L M]` of `[N, D]`, level by level."""
        rest = np.matmul(vectors - self.mean, self.rotation)
        codes = np.empty((len(vectors), self.levels * self.parts), np.uint8)
        for level, book in enumerate(self.books):
            for part, span in enumerate(self.spans):
                closest, _ = nearest(rest[:, span], book[:, span])
                codes[:, level * self.parts + part] = closest
                rest[:, span] -= book[closest, span]
        return codes

    def decode(self, codes: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Vectors `[N, D]` of codes `[N, l M]`, cut after any level l.

        Row by row: a product of matrices rounds differently when it has other rows beside a row,
        and what is decoded must not depend on what else was asked for.
        """
        return np.matmul(self._turned(codes)[:, None], self.rotation.T)[:, 0] + self.mean

    def lengths(self, codes: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Euclidean lengths `[N]` of the decoded vectors, without turning them back."""
        turned = self._turned(codes) + self.mean @ self.rotation
        return np.linalg.norm(turned, axis=1)

    def errors(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Squared error `[N]` of what comes back of `[N, D]`, without turning it back."""
        turned = (vectors - self.mean) @ self.rotation
        return ((turned - self._turned(self.encode(vectors))) ** 2).sum(1)

    def _turned(self, codes: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Sums of centres `[N, D]`, along the axes of the rotation."""
        turned = np.zeros((len(codes), len(self.mean)), np.float32)
        for at in range(codes.shape[1]):
            level, part = divmod(at, self.parts)
            span = self.spans[part]
            turned[:, span] += self.books[level, codes[:, at], span]
        return turned

    def tables(self, queries: NDArray[np.float32]) -> NDArray[np.float32]:
        """Inner products `[Q, L M, 256]` of queries `[Q, D]` with every centre.

        The inner product with a decoded row is `queries @ mean` plus the L M entries of its code
        (asymmetric distance computation, Jégou et al. 2011, section III B).
        """
        turned = queries @ self.rotation
        found = [turned[:, s] @ book[:, s].T for book in self.books for s in self.spans]
        return np.stack(found, 1)

    def pack(self) -> NDArray[np.float32]:
        """All of it as rows `[2 + D + 256 L, D]`, which `unpack` reads."""
        first = np.full((1, len(self.mean)), self.parts, np.float32)
        flat = self.books.reshape(-1, len(self.mean))
        return np.concatenate([first, self.mean[None], self.rotation, flat])

    @classmethod
    def unpack(cls, rows: NDArray[np.float32]) -> ProductCodec:
        """The codec of packed rows."""
        dim = rows.shape[1]
        books = rows[2 + dim :].reshape(-1, CENTRES, dim)
        return cls(int(rows[0, 0]), rows[1], rows[2 : 2 + dim], books)


def learn(
    samples: NDArray[np.float32],
    weights: NDArray[np.float64],
    parts: int,
    levels: int,
    rng: np.random.Generator,
) -> ProductCodec:
    """The codec of `parts` bytes a level fitted to rows `[N, D]`, each counted `weights` times."""
    mean = np.average(samples, axis=0, weights=weights).astype(np.float32)
    rotation = balanced_axes(samples - mean, weights, parts)
    rest = (samples - mean) @ rotation
    books = np.empty((levels, CENTRES, samples.shape[1]), np.float32)
    for book in books:
        for span in _spans(samples.shape[1], parts):
            book[:, span] = kmeans(rest[:, span], weights, CENTRES, rng)
            rest[:, span] -= book[nearest(rest[:, span], book[:, span])[0], span]
    return ProductCodec(parts, mean, rotation, books)


def balanced_axes(
    centred: NDArray[np.float32], weights: NDArray[np.float64], parts: int
) -> NDArray[np.float32]:
    """Principal axes `[D, D]`, ordered so that the parts' variances have about equal products."""
    wide = centred.astype(np.float64)
    variances, axes = np.linalg.eigh((wide * weights[:, None]).T @ wide / weights.sum())
    logs = np.log(np.maximum(variances, 1e-12 * max(float(variances.max()), 1e-30)))
    spans = _spans(len(variances), parts)
    room = np.array([span.stop - span.start for span in spans])
    dealt: list[list[int]] = [[] for _ in spans]
    total = np.zeros(parts)
    for axis in np.argsort(-variances, kind="stable"):
        # Logs are negative where variances are small: shifting them makes each axis a load.
        part = int(np.where(room > 0, total, np.inf).argmin())
        dealt[part].append(int(axis))
        total[part] += logs[axis] - logs.min()
        room[part] -= 1
    # In one memory order, whatever `eigh` gave: sums are rounded in the order of memory.
    return np.ascontiguousarray(axes[:, np.concatenate(dealt).astype(int)], np.float32)


def _spans(dim: int, parts: int) -> list[slice]:
    """Columns of each part: as equal as `dim` allows."""
    ends = [dim * (part + 1) // parts for part in range(parts)]
    return [slice(start, end) for start, end in zip([0, *ends], ends, strict=False)]
