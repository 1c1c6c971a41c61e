"""A store whose past is summarised: the newest rows exactly, all others as a few bytes each.

Legend: N rows, Q queries, D dimensions, k hits.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from daneel.errors import MemoryStoreError
from daneel.memory.check import check_ids, check_k, check_metadata, check_vectors
from daneel.memory.closing import Closing
from daneel.memory.compression import ranking, segments
from daneel.memory.compression.history import History
from daneel.memory.compression.segments import Event, Segment
from daneel.memory.compression.streaming import StreamingCompressor
from daneel.memory.compression.summariser import CodecSummariser, Summariser
from daneel.memory.in_memory import empty_hits, score_all
from daneel.memory.protocol import Hits, Metadata, Metric, Rows, VectorStore, Where
from daneel.memory.where import check_where, matches

log = logging.getLogger(__name__)


class SummarizingMemory(Closing):
    """A vector store that forgets exact vectors, but no row.

    Rows that are no longer among the `recent` newest are summarised, `segment` at a time, and their
    exact vectors dropped. Ids, metadata and conditions stay exact. `get` gives vectors as decoded,
    and a score is that of the decoded vector, so that what a summary loses can be seen.

    Everything is kept in the store given, which must be empty or of a `SummarizingMemory`, and is
    used by no one else; a call is one `add` there, hence whole or absent after a crash. Summaries,
    ids and metadata are also held in RAM. What deleted and replaced rows took in a segment is
    not reclaimed. When a summary cannot be made now, rows stay exact and it is tried again later.

    Args:
        store: Keeps everything; its index is never asked (`index="flat"` is enough).
        summariser: Makes the summaries; a `CodecSummariser` of D / 4 bytes a row if left out.
        recent: How many of the newest rows always stay exact.
        segment: How many rows are summarised together.
    """

    def __init__(
        self,
        store: VectorStore,
        summariser: Summariser | None = None,
        *,
        recent: int = 1024,
        segment: int = 1024,
    ) -> None:
        """Reads what the store holds.

        Raises:
            ValueError: A size is wrong, or the summariser is for other vectors.
            MemoryStoreError: The store holds something else.
        """
        if recent < 0 or segment < 1:
            raise ValueError(f"recent is {recent}, segment {segment}. Expected >= 0 and >= 1.")
        self.dim, self._store = store.dim, store
        self.metric: Metric = store.metric
        self.summariser: Summariser = summariser or _default_summariser(store.dim)
        if self.summariser.dim != self.dim:
            raise ValueError(
                f"The summariser is for dim {self.summariser.dim}. Expected {self.dim}."
            )
        self.recent, self.segment = recent, segment
        self._lock, self._open, self._failed_at = threading.RLock(), True, 0
        self._states = 0
        self._history = History(self.summariser)
        self._read()

    def _read(self) -> None:
        states = list(segments.read_states(self._store))
        self._states = len(states)
        if states:
            self.summariser.restore(states)
        self._history.read(self._store)
        self._learning = not self._history.next
        if not self._history.next and len(self._store):
            raise MemoryStoreError(
                f"The store holds {len(self._store)} rows that no SummarizingMemory wrote. "
                "Expected an empty store. Open one at another path, and add the rows to it."
            )

    def add(
        self, ids: Sequence[str], vectors: ArrayLike, metadata: Sequence[Metadata] | None = None
    ) -> None:
        """See `VectorStore.add`."""
        names, found = check_ids(ids), check_vectors("vectors", vectors, self.dim)
        if len(names) != len(found):
            raise ValueError(f"{len(names)} ids for {len(found)} vectors. Expected as many.")
        entries = check_metadata(metadata, len(names))
        rows = zip(names, found.copy(), entries, strict=True)
        with self._lock:
            self._check_open()
            if names:
                self._learn(found)
                self._commit([Event(*row) for row in rows])

    def delete(self, ids: Sequence[str]) -> int:
        """See `VectorStore.delete`."""
        names = check_ids(ids)
        with self._lock:
            self._check_open()
            gone = [name for name in names if name in self._history]
            if gone:
                self._commit([Event(name, None, {}) for name in gone])
        return len(gone)

    def search(self, queries: ArrayLike, k: int, where: Where | None = None) -> Hits:
        """See `VectorStore.search`; scores are of the vectors as decoded."""
        asked, k = check_vectors("queries", queries, self.dim), check_k(k)
        condition = check_where(where)
        hits = empty_hits(len(asked), k)
        with self._lock:
            self._check_open()
            pools = list(self._pools(asked, k, condition))
            for query in range(len(asked)):
                found = ranking.merged((pool[query] for pool in pools), k)
                for place, (minus, name, _, entry) in enumerate(found):
                    hits.ids[query, place], hits.scores[query, place] = name, -minus
                    hits.metadata[query][place] = json.loads(entry())
        return hits

    def _pools(
        self, asked: NDArray[np.float32], k: int, condition: dict[str, Any]
    ) -> Iterator[list[list[tuple]]]:
        """For every segment, and the exact rows, the k best of each query."""
        found = [(segment, _holding(segment, condition)) for segment in self._history.segments]
        found = [(segment, rows) for segment, rows in found if len(rows)]
        summaries = [segment.summary for segment, _ in found]
        every = self.summariser.scores(summaries, asked, self.metric)
        for (segment, rows), scores in zip(found, every, strict=True):
            texts = segment.metadata
            yield [_ranked(segment.ids, one, k, rows, texts.__getitem__) for one in scores]
        events = self._history.exact()
        if condition:
            events = [event for event in events if matches(condition, event.metadata)]
        if events:
            vectors = np.array([event.vector for event in events], np.float32)
            names, rows = [event.id for event in events], np.arange(len(events))
            scores = score_all(asked, vectors, self.metric)
            yield [
                _ranked(names, one, k, rows, lambda at: segments.plain(events[at].metadata))
                for one in scores
            ]

    def get(self, ids: Sequence[str]) -> Rows:
        """See `VectorStore.get`; vectors are as decoded, exact only among the newest rows."""
        names = check_ids(ids)
        with self._lock:
            self._check_open()
            return self._history.rows([name for name in names if name in self._history])

    def is_exact(self, name: str) -> bool:
        """Whether the row of this id still has its exact vector."""
        with self._lock:
            return self._history.is_exact(name)

    @property
    def summary_bytes(self) -> int:
        """Bytes of all summaries, without ids and metadata."""
        return sum(len(segment.summary) for segment in self._history.segments)

    def __len__(self) -> int:
        """Number of rows."""
        self._check_open()
        return len(self._history)

    def flush(self) -> None:
        """See `VectorStore.flush`."""
        self._check_open()
        self._store.flush()

    def close(self) -> None:
        """Closes the store too."""
        with self._lock:
            self._open, self._history = False, History(self.summariser)
        self._store.close()

    def _check_open(self) -> None:
        if not self._open:
            raise MemoryStoreError("The memory is closed. Open its store and make it again.")

    def _learn(self, vectors: NDArray[np.float32]) -> None:
        """Shows the summariser new rows; the first time after opening, a sample of the old ones."""
        if not self._learning:
            past = self._history
            self.summariser.restore(self.summariser.state(), past.passed, past.sample)
            self._learning = True
        self.summariser.learn(vectors)

    def _commit(self, fresh: list[Event]) -> None:
        """Writes events, and the segments that they complete, in one call; then follows them."""
        past = self._history
        numbered = dict(enumerate(fresh, past.next))
        made = self._summarised({**past.events, **numbered})
        until = made[-1].until if made else 0
        states = self.summariser.state()[self._states :] if made else []
        rows = [segments.write_event(n, e, self.dim) for n, e in numbered.items() if n >= until]
        for number, segment in enumerate(made, len(past.segments)):
            rows.append(segments.write_segment(number, segment, self.dim))
        for number, state in enumerate(states, self._states):
            rows.extend(segments.write_state(number, state))
        names, vectors, entries = zip(*rows, strict=True)
        self._store.add(names, np.array(vectors, np.float32), entries)
        done = [segments.event_id(number) for number in past.events if number < until]
        self._states += len(states)
        for event in fresh:
            past.follow(event)
        for segment in made:
            past.place(segment)
        if done:
            self._store.delete(done)

    def _summarised(self, events: dict[int, Event]) -> list[Segment]:
        """Segments of the oldest events, as many as leave `recent`; none when it cannot be done."""
        whole = (len(events) - self.recent) // self.segment
        if whole < 1 or len(events) < self._failed_at + self.segment * (self._failed_at > 0):
            return []
        pairs = list(events.items())
        newest = {event.id: number for number, event in pairs}
        starts = range(0, whole * self.segment, self.segment)
        try:
            made = [self._segment(pairs[at : at + self.segment], newest) for at in starts]
        except MemoryStoreError as error:
            log.warning("%d rows stay exact, no summary was made: %s", len(events), error)
            self._failed_at = len(events)
            return []
        self._failed_at = 0
        return made

    def _segment(self, events: list[tuple[int, Event]], newest: dict[str, int]) -> Segment:
        rows, deleted = segments.covered(events, newest)
        entries = [segments.plain(entry) for entry in rows.metadata]
        summary = self.summariser.summarise(rows) if rows.ids else b""
        return Segment(events[-1][0] + 1, rows.ids, entries, deleted, summary)


def _default_summariser(dim: int) -> Summariser:
    return CodecSummariser(StreamingCompressor(dim, max(dim // 4, 1)))


def _holding(segment: Segment, condition: dict[str, Any]) -> NDArray[np.int64]:
    """The rows of a segment that are there and for which the condition holds."""
    rows = np.flatnonzero(segment.alive)
    if not condition:
        return rows
    held = [matches(condition, json.loads(segment.metadata[row])) for row in rows]
    return rows[np.array(held, bool)]


def _ranked(
    names: Sequence[str],
    scores: NDArray[np.float32],
    k: int,
    rows: NDArray[np.int64],
    text: Callable[[int], str],
) -> list[tuple]:
    """The k best with how to read the metadata of each, which is done for final hits only."""
    found = ranking.best(names, scores, k, rows)
    return [(*each, lambda at=each[2]: text(at)) for each in found]
