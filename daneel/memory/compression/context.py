"""Distant context at a hundredth of its size, read again where it matters.

Legend: N rows, Q queries, D dimensions, k hits.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from daneel.memory.check import check_ids, check_k, check_metadata, check_vectors
from daneel.memory.closing import Closing
from daneel.memory.compression import ranking
from daneel.memory.compression.summarising import SummarizingMemory
from daneel.memory.in_memory import empty_hits, score_all
from daneel.memory.protocol import Hits, Metadata, Metric, Rows, VectorStore, Where
from daneel.memory.where import check_where


class ContextSummaryMemory(Closing):
    """A store of originals with summaries of its distant rows in front, which are searched.

    A search looks at the summaries (and at the newest rows, exactly), reads the originals of the
    `expand` most promising rows from the store, and ranks by these: hits have exact vectors,
    metadata and scores; all that a summary can lose is a row that it did not find promising.
    A search with a condition asks the store of originals itself.

    Two stores cannot be written in one step: an add that a crash interrupts, hence one that was
    never acknowledged, may leave rows that `get` knows and `search` does not. `repair` mends it.

    Args:
        originals: Keeps the rows; the truth.
        summaries: Where they are searched; of the same dim and metric. Holds no metadata.
        expand: How many originals are read for a query, at least; k if that is more.
    """

    def __init__(
        self, originals: VectorStore, summaries: SummarizingMemory, expand: int = 64
    ) -> None:
        """Puts the two together.

        Raises:
            ValueError: They are of different dim or metric, or `expand` is below 1.
        """
        of, at = (originals.dim, originals.metric), (summaries.dim, summaries.metric)
        if of != at:
            raise ValueError(f"Originals have dim and metric {of}, summaries {at}. Expected one.")
        if expand < 1:
            raise ValueError(f"expand is {expand}. Expected at least 1.")
        self.dim = originals.dim
        self.metric: Metric = originals.metric
        self.originals, self.summaries, self.expand = originals, summaries, expand

    def add(
        self, ids: Sequence[str], vectors: ArrayLike, metadata: Sequence[Metadata] | None = None
    ) -> None:
        """See `VectorStore.add`."""
        names, found = check_ids(ids), check_vectors("vectors", vectors, self.dim)
        if len(names) != len(found):
            raise ValueError(f"{len(names)} ids for {len(found)} vectors. Expected as many.")
        self.originals.add(names, found, check_metadata(metadata, len(names)))
        self.summaries.add(names, found)

    def search(self, queries: ArrayLike, k: int, where: Where | None = None) -> Hits:
        """See `VectorStore.search`."""
        asked, k = check_vectors("queries", queries, self.dim), check_k(k)
        if check_where(where):
            return self.originals.search(asked, k, where)
        promising = self.summaries.search(asked, max(k, self.expand))
        return self._ranked(asked, promising, k)

    def _ranked(self, asked: np.ndarray, promising: Hits, k: int) -> Hits:
        """Hits by the exact vectors of what the summaries proposed."""
        wanted = sorted({name for row in promising.ids for name in row if name is not None})
        nothing = Rows([], np.empty((0, self.dim), np.float32), [])
        rows = self.originals.get(wanted) if wanted else nothing
        at = {name: row for row, name in enumerate(rows.ids)}
        hits = empty_hits(len(asked), k)
        for query, names in enumerate(promising.ids):
            mine = np.array(sorted(at[name] for name in names if name in at), np.int64)
            scores = score_all(asked[query : query + 1], rows.vectors[mine], self.metric)[0]
            found = ranking.best([rows.ids[row] for row in mine], scores, k)
            for place, (minus, name, row) in enumerate(found):
                hits.ids[query, place], hits.scores[query, place] = name, -minus
                hits.metadata[query][place] = dict(rows.metadata[mine[row]])
        return hits

    def get(self, ids: Sequence[str]) -> Rows:
        """See `VectorStore.get`: the originals."""
        return self.originals.get(ids)

    def delete(self, ids: Sequence[str]) -> int:
        """See `VectorStore.delete`."""
        names = check_ids(ids)
        self.summaries.delete(names)
        return self.originals.delete(names)

    def repair(self, ids: Sequence[str]) -> int:
        """Makes both stores agree on these rows, the originals being right.

        Returns:
            How many of the rows there are.
        """
        names = check_ids(ids)
        rows = self.originals.get(names)
        self.summaries.delete([name for name in names if name not in set(rows.ids)])
        if rows.ids:
            self.summaries.add(rows.ids, rows.vectors)
        return len(rows.ids)

    @property
    def context_bytes(self) -> int:
        """Bytes of all summaries: what is held of the distant context, ids aside."""
        return self.summaries.summary_bytes

    def __len__(self) -> int:
        """Number of rows."""
        return len(self.originals)

    def flush(self) -> None:
        """See `VectorStore.flush`."""
        self.originals.flush()
        self.summaries.flush()

    def close(self) -> None:
        """Closes both."""
        try:
            self.originals.close()
        finally:
            self.summaries.close()
