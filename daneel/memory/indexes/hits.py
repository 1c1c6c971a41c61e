"""Hits whose metadata is read when first looked at."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from daneel.memory.protocol import Hits

Read = Callable[[NDArray[np.int64]], list[str]]
"""Gives the JSON texts of the rows at positions `[n]`."""


class LazyHits(Hits):
    """Hits as they were when the search ran; the texts of their rows are parsed on demand."""

    def __init__(
        self,
        ids: NDArray[np.object_],
        scores: NDArray[np.float32],
        positions: NDArray[np.int64],
        read: Read,
    ) -> None:
        """Keep where the metadata is: `positions` `[Q, k]`, -1 where there is no hit."""
        vars(self).update(ids=ids, scores=scores, _positions=positions, _read=read)

    def __getattr__(self, name: str) -> list[list[dict[str, Any] | None]]:
        """`metadata`, parsed now and kept."""
        if name != "metadata":
            raise AttributeError(name)
        vars(self)["metadata"] = self._parsed()
        return self.metadata

    def __reduce__(self) -> tuple[type[Hits], tuple[Any, ...]]:
        """Pickled as plain hits: files and locks stay here."""
        return Hits, (self.ids, self.scores, self.metadata)

    def _parsed(self) -> list[list[dict[str, Any] | None]]:
        kept = vars(self)
        positions: NDArray[np.int64] = kept["_positions"]
        texts = iter(kept["_read"](positions[positions >= 0]))
        return [
            [None if at < 0 else json.loads(next(texts)) for at in row]
            for row in positions.tolist()
        ]
