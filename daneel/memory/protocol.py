"""What a vector store is: rows of an id, a vector and metadata, searched by nearness.

Legend: N rows, Q queries, D dimensions, k hits of a query.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Literal, Protocol, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

Metric = Literal["cosine", "dot", "l2"]
"""How near two vectors are. Scores are the cosine, the inner product, or minus the squared
distance: a higher score is always nearer."""

METRICS: tuple[Metric, ...] = ("cosine", "dot", "l2")

Durability = Literal["process", "disk"]
"""What an acknowledged write survives: the death of the process, or a loss of power too."""

Metadata = Mapping[str, Any]
"""What is kept beside a vector: JSON values (text, numbers, booleans, None, lists, objects)."""

Where = Mapping[str, Any]
"""A condition on metadata: `{"room": "kitchen", "step": {"gte": 10, "lt": 20}}`, all must hold.

A plain value asks for equality. An object holds operators: `eq`, `ne`, `lt`, `lte`, `gt`, `gte`,
`in` (a list), `exists` (true or false). A row without the field fails every operator but `ne` and
`exists: false`.
"""


@dataclass(frozen=True)
class Hits:
    """The nearest rows of every query, best first; equal scores in the order of their ids."""

    ids: NDArray[np.object_]
    """`[Q, k]` str; None where a query has fewer than k hits."""

    scores: NDArray[np.float32]
    """`[Q, k]`, higher is nearer; minus infinity where there is no hit."""

    metadata: list[list[dict[str, Any] | None]] = field(default_factory=list)
    """`[Q][k]`, None where there is no hit."""


@dataclass(frozen=True)
class Rows:
    """Rows as they were stored."""

    ids: list[str]
    vectors: NDArray[np.float32]
    """`[N, D]`, exactly those that were added (not normalised)."""

    metadata: list[dict[str, Any]]


class VectorStore(Protocol):
    """Vectors by id, kept once acknowledged. Also a context manager, which closes it.

    Every method may be called from several threads.
    """

    dim: int
    metric: Metric

    def add(
        self, ids: Sequence[str], vectors: ArrayLike, metadata: Sequence[Metadata] | None = None
    ) -> None:
        """Store rows, replacing those of the same ids whole; kept when this returns.

        Args:
            ids: N texts, not empty, each once.
            vectors: `[N, D]`, finite.
            metadata: N mappings of JSON values; None is empty for all.

        Raises:
            ValueError: Shapes, types, values or ids are wrong; nothing was written.
        """
        ...

    def search(self, queries: ArrayLike, k: int, where: Where | None = None) -> Hits:
        """The k nearest rows of each of the queries `[Q, D]` (or one query `[D]`: Q = 1).

        Raises:
            ValueError: The shape, a value, k or the condition is wrong.
        """
        ...

    def get(self, ids: Sequence[str]) -> Rows:
        """The rows of those ids that are stored, in the order asked for."""
        ...

    def delete(self, ids: Sequence[str]) -> int:
        """Remove rows; unknown ids are passed over. Returns how many were there."""
        ...

    def __len__(self) -> int:
        """Number of rows."""
        ...

    def flush(self) -> None:
        """Bring everything to disk, derived indexes included; needed only for speed at opening."""
        ...

    def close(self) -> None:
        """Flush and let go; any later call but `close` raises `MemoryStoreError`."""
        ...

    def __enter__(self) -> Self:
        """The store itself."""
        ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close."""
        ...
