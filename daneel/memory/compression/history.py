"""What a summarising memory knows: events that are still exact, and the segments before them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from daneel.memory.compression.segments import (
    Event,
    Segment,
    plain,
    read_events,
    read_segments,
)
from daneel.memory.compression.summariser import Summariser
from daneel.memory.protocol import Rows, VectorStore

SHIFT = 32
"""A place is `segment << SHIFT | row`: one integer takes a third of a pair's room."""


class History:
    """Segments and events in their order, and where the newest row of each id is."""

    def __init__(self, summariser: Summariser) -> None:
        """Nothing has happened yet."""
        self.summariser = summariser
        self.segments: list[Segment] = []
        self.events: dict[int, Event] = {}
        self.next = 0
        """Number of the next event."""
        self._exact: dict[str, int] = {}
        self._placed: dict[str, int] = {}

    def read(self, store: VectorStore) -> None:
        """Replays what a store holds: segments, then events."""
        for segment in read_segments(store):
            self.place(segment)
        for event in read_events(store, self.next):
            self.follow(event)

    def follow(self, event: Event) -> None:
        """Takes the next event into account."""
        self._forget(event.id)
        if event.vector is not None:
            self._exact[event.id] = self.next
        self.events[self.next] = event
        self.next += 1

    def place(self, segment: Segment) -> None:
        """Takes a segment into account, which stands for the events before its end."""
        for name in [*segment.ids, *segment.deleted]:
            self._forget(name)
        number = len(self.segments)
        self.segments.append(segment)
        places = range(number << SHIFT, (number << SHIFT) + len(segment.ids))
        self._placed.update(zip(segment.ids, places, strict=True))
        for event in [event for event in self.events if event < segment.until]:
            del self.events[event]
        self.next = max(self.next, segment.until)

    def _forget(self, name: str) -> None:
        self._exact.pop(name, None)
        place = self._placed.pop(name, None)
        if place is not None:
            number, row = _divided(place)
            self.segments[number].alive[row] = False

    def exact(self) -> list[Event]:
        """The rows that have their exact vectors."""
        return [self.events[number] for number in self._exact.values()]

    def is_exact(self, name: str) -> bool:
        """Whether the row of this id is there with its exact vector."""
        return name in self._exact

    def __contains__(self, name: object) -> bool:
        """Whether there is a row of this id."""
        return name in self._exact or name in self._placed

    def __len__(self) -> int:
        """Number of rows."""
        return len(self._exact) + len(self._placed)

    def rows(self, names: Sequence[str]) -> Rows:
        """The rows of ids that are there; vectors of segments as decoded."""
        vectors = np.empty((len(names), self.summariser.dim), np.float32)
        entries: list[dict[str, Any]] = []
        wanted: dict[int, list[tuple[int, int]]] = {}
        for at, name in enumerate(names):
            if name in self._exact:
                event = self.events[self._exact[name]]
                vectors[at] = event.vector
                entries.append(json.loads(plain(event.metadata)))
            else:
                number, row = _divided(self._placed[name])
                wanted.setdefault(number, []).append((at, row))
                entries.append(json.loads(self.segments[number].metadata[row]))
        for number, pairs in wanted.items():
            places, rows = np.array(pairs, np.int64).T
            vectors[places] = self.summariser.expand(self.segments[number].summary, rows)
        return Rows(list(names), vectors, entries)

    @property
    def passed(self) -> int:
        """How many rows the stream of summarised and exact rows has."""
        return sum(len(segment.ids) for segment in self.segments) + len(self._exact)

    def sample(self, positions: NDArray[np.int64]) -> NDArray[np.float32]:
        """Rows `[n, D]` at positions of that stream, 0 the oldest, as decoded."""
        ends = np.cumsum([0] + [len(segment.ids) for segment in self.segments])
        exact = self.exact()
        found = np.empty((len(positions), self.summariser.dim), np.float32)
        owners = np.searchsorted(ends, positions, side="right") - 1
        for number in np.unique(owners):
            mine = owners == number
            rows = positions[mine] - ends[number]
            if number < len(self.segments):
                found[mine] = self.summariser.expand(self.segments[number].summary, rows)
            else:
                found[mine] = [exact[row].vector for row in rows]
        return found


def _divided(place: int) -> tuple[int, int]:
    return place >> SHIFT, place & ((1 << SHIFT) - 1)
