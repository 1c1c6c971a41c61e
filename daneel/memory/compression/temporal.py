"""Scores that fade with age, over any store; what is stored stays as it was added.

Decay belongs in the score: scaling stored vectors would change their norms, which a cosine, a
quantiser's codebook and every later half-life depend on.

Legend: Q queries, D dimensions, k hits.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from daneel.memory.check import check_ids, check_k, check_metadata, check_vectors
from daneel.memory.closing import Closing
from daneel.memory.compression import ranking
from daneel.memory.in_memory import empty_hits
from daneel.memory.protocol import Hits, Metadata, Metric, Rows, VectorStore, Where

WIDEN = 4
"""How many more rows are looked at each time that too few were certain."""


class TemporalVectorCompressor(Closing):
    """A store whose scores lose half of their worth in a half-life.

    score(age) = score * 2^(-age / half-life), and for scores below 0 (all distances) divided
    instead: an older row is never better than a younger one of the same nearness. The answer is
    exact: the store below is asked for more and more rows until no row that it did not return
    could still be among the k best.

    Over a `SummarizingMemory` the vectors are compressed as well. The time of a row is kept in its
    metadata, in seconds.

    Args:
        store: Keeps the rows.
        half_life_s: Age at which a score has lost half of its worth.
        field: Metadata of the time; a row added without it gets the present time.
        clock: The present time in seconds.
    """

    def __init__(
        self,
        store: VectorStore,
        half_life_s: float,
        *,
        field: str = "time",
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Puts decay in front of `store`.

        Raises:
            ValueError: The half-life is not above 0.
        """
        if not half_life_s > 0:
            raise ValueError(f"half_life_s is {half_life_s}. Expected seconds above 0.")
        self.dim, self._store = store.dim, store
        self.metric: Metric = store.metric
        self.half_life_s, self.field, self._clock = half_life_s, field, clock

    def add(
        self, ids: Sequence[str], vectors: ArrayLike, metadata: Sequence[Metadata] | None = None
    ) -> None:
        """See `VectorStore.add`.

        Raises:
            ValueError: As there, or a row's time is no number.
        """
        names, now = check_ids(ids), self._clock()
        entries = [{self.field: now, **entry} for entry in check_metadata(metadata, len(names))]
        for name, entry in zip(names, entries, strict=True):
            if not _is_number(entry[self.field]):
                raise ValueError(
                    f"The {self.field!r} of {name!r} is {entry[self.field]!r}. Expected seconds as "
                    "a number. Leave it out to store the present time."
                )
        self._store.add(names, vectors, entries)

    def search(self, queries: ArrayLike, k: int, where: Where | None = None) -> Hits:
        """See `VectorStore.search`; scores have decayed to the present."""
        asked, k = check_vectors("queries", queries, self.dim), check_k(k)
        now, width = self._clock(), WIDEN * k
        while True:
            raw = self._store.search(asked, width, where)
            hits, certain = self._decayed(raw, k, now)
            if certain or width >= len(self._store):
                return hits
            width *= WIDEN

    def _decayed(self, raw: Hits, k: int, now: float) -> tuple[Hits, bool]:
        """The k best by decayed score, and whether no row outside `raw` could be among them."""
        hits, certain = empty_hits(len(raw.ids), k), True
        for query, names in enumerate(raw.ids):
            count = sum(name is not None for name in names)
            entries = [entry or {} for entry in raw.metadata[query][:count]]
            scores = self._fade(raw.scores[query, :count], entries, now)
            found = ranking.best(list(names[:count]), scores, k)
            for place, (minus, name, row) in enumerate(found):
                hits.ids[query, place], hits.scores[query, place] = name, -minus
                hits.metadata[query][place] = entries[row]
            # A row not seen scores at most as the last one seen, at the age of nothing.
            seen_all = count < raw.ids.shape[1]
            certain &= seen_all or -found[-1][0] > raw.scores[query, -1]
        return hits, certain

    def _fade(
        self, scores: NDArray[np.float32], entries: Sequence[dict[str, Any]], now: float
    ) -> NDArray[np.float32]:
        # A row stored by other means may have no time: it counts as new.
        times = [entry.get(self.field, now) for entry in entries]
        ages = np.array([now - t if _is_number(t) else 0.0 for t in times])
        worth = np.exp2(-np.maximum(ages, 0) / self.half_life_s)
        # Not beyond what float32 holds: a distance that has aged for ever is still a distance.
        worth = np.maximum(worth, 1e-30)
        return np.where(scores >= 0, scores * worth, scores / worth).astype(np.float32)

    def get(self, ids: Sequence[str]) -> Rows:
        """See `VectorStore.get`: vectors are as the store below gives them."""
        return self._store.get(ids)

    def delete(self, ids: Sequence[str]) -> int:
        """See `VectorStore.delete`."""
        return self._store.delete(ids)

    def __len__(self) -> int:
        """Number of rows."""
        return len(self._store)

    def flush(self) -> None:
        """See `VectorStore.flush`."""
        self._store.flush()

    def close(self) -> None:
        """Closes the store below."""
        self._store.close()


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
