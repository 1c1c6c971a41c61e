"""How a summarising memory lies in the store under it: events, segments, and what decodes them.

Rows of the lower store, whose ids are numbered so that they can be asked for without a listing:

    event/000000000012        vector; {"id": ..., "metadata": ...}, or {"deleted": id}
    segment/00000003          zeros; {"until": 12, "ids", "metadata", "deleted", "summary"}
    state/0001/000042         one row of the summariser's state number 1

Events are numbered as they come. A segment stands for all events before its `until` that no earlier
segment stands for. Later wins: replaying segments and then events gives the memory.
"""

from __future__ import annotations

import base64
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from daneel.errors import MemoryStoreError
from daneel.memory.protocol import Rows, VectorStore

PAGE, FEW = 64, 8
"""Rows that are read at once; segments, which are long."""


@dataclass(frozen=True)
class Event:
    """A row that was added, or an id that was deleted."""

    id: str
    vector: NDArray[np.float32] | None
    """`[D]`; None: deleted."""

    metadata: dict[str, Any]


@dataclass
class Segment:
    """Events that were summarised."""

    until: int
    """Number of the first event after it."""

    ids: list[str]
    metadata: list[str]
    """JSON of each row: a parsed dictionary would take many times its room."""

    deleted: list[str]
    """Ids deleted by these events, that earlier segments may hold."""

    summary: bytes
    alive: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, bool))
    """`[N]`, which rows no later event replaced or deleted."""

    def __post_init__(self) -> None:
        """All rows are alive at first."""
        # Rows often have no metadata, or the same: one text for all of those.
        self.metadata = [sys.intern(text) for text in self.metadata]
        self.alive = np.ones(len(self.ids), bool)


Written = tuple[str, NDArray[np.float32], dict[str, Any]]
"""Id, vector and metadata of a row of the lower store."""


def event_id(number: int) -> str:
    """Id of an event's row."""
    return f"event/{number:012d}"


def write_event(number: int, event: Event, dim: int) -> Written:
    """The row of an event."""
    if event.vector is None:
        return event_id(number), np.zeros(dim, np.float32), {"deleted": event.id}
    return event_id(number), event.vector, {"id": event.id, "metadata": event.metadata}


def write_segment(number: int, segment: Segment, dim: int) -> Written:
    """The row of a segment."""
    entry = {
        "until": segment.until,
        "ids": segment.ids,
        "metadata": segment.metadata,
        "deleted": segment.deleted,
        "summary": base64.b64encode(segment.summary).decode(),
    }
    return f"segment/{number:08d}", np.zeros(dim, np.float32), entry


def write_state(number: int, state: NDArray[np.float32]) -> Iterator[Written]:
    """The rows of one array of the summariser's state."""
    for row, vector in enumerate(state):
        yield f"state/{number:04d}/{row:06d}", vector, {}


def read_segments(store: VectorStore) -> Iterator[Segment]:
    """Every segment, oldest first."""
    for rows in _pages(store, "segment/{:08d}", 0, FEW):
        for entry in rows.metadata:
            summary = base64.b64decode(entry["summary"])
            parts = (entry["until"], entry["ids"], entry["metadata"], entry["deleted"])
            yield Segment(*parts, summary)


def read_events(store: VectorStore, start: int) -> Iterator[Event]:
    """Every event from number `start` on."""
    for rows in _pages(store, "event/{:012d}", start):
        for vector, entry in zip(rows.vectors, rows.metadata, strict=True):
            if "deleted" in entry:
                yield Event(entry["deleted"], None, {})
            else:
                yield Event(entry["id"], vector.copy(), entry["metadata"])


def read_states(store: VectorStore) -> Iterator[NDArray[np.float32]]:
    """Every array of the summariser's state."""
    number = 0
    while pages := [rows.vectors for rows in _pages(store, f"state/{number:04d}/{{:06d}}", 0, 512)]:
        yield np.concatenate(pages)
        number += 1


def _pages(store: VectorStore, pattern: str, start: int, page: int = PAGE) -> Iterator[Rows]:
    """Rows of consecutive numbers, until one is missing."""
    while True:
        wanted = [pattern.format(number) for number in range(start, start + page)]
        rows = store.get(wanted)
        if rows.ids != wanted[: len(rows.ids)]:
            raise MemoryStoreError(
                f"The store has {rows.ids[-1]!r}, but not all rows before it. Expected consecutive "
                "numbers. Restore the store from a copy, or begin an empty one."
            )
        if rows.ids:
            yield rows
        if len(rows.ids) < page:
            return
        start += page


def plain(entry: dict[str, Any]) -> str:
    """Metadata as compact JSON."""
    return json.dumps(entry, separators=(",", ":"), ensure_ascii=False)


def covered(events: Sequence[tuple[int, Event]], newest: dict[str, int]) -> tuple[Rows, list[str]]:
    """The rows that still hold after `events`, and the ids that these delete."""
    last = [event for number, event in events if newest[event.id] == number]
    kept = [event for event in last if event.vector is not None]
    vectors = [event.vector for event in kept if event.vector is not None]
    found = np.array(vectors, np.float32) if vectors else np.empty((0, 0), np.float32)
    rows = Rows([event.id for event in kept], found, [event.metadata for event in kept])
    return rows, [event.id for event in last if event.vector is None]
