"""Collections of several parties read as one, each writing only its own.

Rows of the home member keep their ids; those of another member `lab` are called `lab/ID`. Vectors
and metadata never leave a member except as answers to questions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal, TypeVar

import numpy as np
from numpy.typing import ArrayLike

from daneel.errors import MemoryStoreError
from daneel.memory.check import check_ids, check_k, check_vectors
from daneel.memory.closing import Closing
from daneel.memory.in_memory import empty_hits
from daneel.memory.protocol import Hits, Metadata, Metric, Rows, VectorStore, Where
from daneel.memory.service.merging import merge_hits
from daneel.memory.service.requests import UnreachableError
from daneel.memory.service.server import MemoryServer
from daneel.memory.service.shelf import FixedShelf
from daneel.memory.where import check_where

T = TypeVar("T")
MARK = "/"


class Federation(Closing):
    """A store over the collections of several members. Thread-safe."""

    def __init__(
        self,
        members: Mapping[str, VectorStore],
        home: str | None = None,
        absent: Literal["raise", "skip"] = "raise",
    ) -> None:
        """Read all members, write to the home.

        Args:
            members: Stores by member; of one dimension and metric.
            home: Whose rows are written here; None makes it read-only.
            absent: When a member does not answer: raise, or answer without it.

        Raises:
            ValueError: There are no members, they differ in shape, a name has a `/`, or the home
                is not among them.
        """
        shapes = {(each.dim, each.metric) for each in members.values()}
        if len(shapes) != 1:
            raise ValueError(f"members have the shapes {sorted(shapes)}. Expected one shape.")
        if any(not name or MARK in name for name in members):
            raise ValueError(f"members are {list(members)}. Expected names without {MARK!r}.")
        if home is not None and home not in members:
            raise ValueError(f"home is {home!r}. Expected one of {', '.join(members)}.")
        one = next(iter(members.values()))
        self.dim = one.dim
        self.metric: Metric = one.metric
        self._members, self._home, self._absent = dict(members), home, absent
        self._pool = ThreadPoolExecutor(len(members), "memory-members")
        self._open = True

    def add(
        self, ids: Sequence[str], vectors: ArrayLike, metadata: Sequence[Metadata] | None = None
    ) -> None:
        """See `VectorStore.add`; to the home member."""
        self._owned(check_ids(ids)).add(ids, vectors, metadata)

    def search(self, queries: ArrayLike, k: int, where: Where | None = None) -> Hits:
        """See `VectorStore.search`; over all members."""
        self._check_open()
        asked, k = check_vectors("queries", queries, self.dim), check_k(k)
        check_where(where)
        parts = self._each(lambda name, store: self._named(name, store.search(asked, k, where)))
        return merge_hits(parts, k) if parts else empty_hits(len(asked), k)

    def get(self, ids: Sequence[str]) -> Rows:
        """See `VectorStore.get`."""
        self._check_open()
        names = check_ids(ids)
        homes = [self._split(name) for name in names]

        def ask(member: str, store: VectorStore) -> dict[str, tuple[Any, Any]]:
            wanted = [name for owner, name in homes if owner == member]
            if not wanted:
                return {}
            rows = store.get(wanted)
            found = zip(rows.ids, rows.vectors, rows.metadata, strict=True)
            return {self._name(member, name): (vector, entry) for name, vector, entry in found}

        rows = {name: row for part in self._each(ask) for name, row in part.items()}
        here = [name for name in names if name in rows]
        vectors = np.array([rows[name][0] for name in here], np.float32).reshape(-1, self.dim)
        return Rows(here, vectors, [rows[name][1] for name in here])

    def delete(self, ids: Sequence[str]) -> int:
        """See `VectorStore.delete`; of the home member."""
        return self._owned(check_ids(ids)).delete(ids)

    def __len__(self) -> int:
        """Number of rows of all members."""
        self._check_open()
        return sum(self._each(lambda _, store: len(store)))

    def flush(self) -> None:
        """Bring the home member to disk."""
        self._check_open()
        if self._home is not None:
            self._members[self._home].flush()

    def close(self) -> None:
        """Close the members."""
        self._open = False
        self._pool.shutdown()
        for each in self._members.values():
            each.close()

    def _owned(self, ids: Sequence[str]) -> VectorStore:
        """The home, if every id may be written there."""
        self._check_open()
        if self._home is None:
            raise MemoryStoreError("This federation has no home. Expected to be read only.")
        for name in ids:
            if self._split(name)[0] != self._home:
                raise ValueError(
                    f"The id {name!r} is of another member. Expected one of {self._home!r}: "
                    "an id that begins with no other member's name."
                )
        return self._members[self._home]

    def _split(self, name: str) -> tuple[str | None, str]:
        """Whose row an id names, and its id there."""
        member, mark, rest = name.partition(MARK)
        if mark and rest and member in self._members and member != self._home:
            return member, rest
        return self._home, name

    def _name(self, member: str, name: str) -> str:
        return name if member == self._home else f"{member}{MARK}{name}"

    def _named(self, member: str, hits: Hits) -> Hits:
        if member == self._home:
            return hits
        ids = np.full_like(hits.ids, None)
        for place, name in np.ndenumerate(hits.ids):
            ids[place] = None if name is None else self._name(member, name)
        return Hits(ids, hits.scores, hits.metadata)

    def _each(self, ask: Callable[[str, VectorStore], T]) -> list[T]:
        """What the members that answer say, all asked at once."""
        running = [self._pool.submit(ask, *each) for each in self._members.items()]
        answers = list[T]()
        for each in running:
            try:
                answers.append(each.result())
            except UnreachableError:
                if self._absent == "raise":
                    raise
        return answers

    def _check_open(self) -> None:
        if not self._open:
            raise MemoryStoreError("The store is closed. Open it again with Federation(...).")


class FederatedMemoryServer(MemoryServer):
    """A memory server whose collections are federations; any client of a server can read it."""

    def __init__(self, collections: Mapping[str, Federation], **options: Any) -> None:
        """A server that does not listen yet.

        Args:
            collections: Federations by the name under which they are served.
            options: Those of `MemoryServer`: host, port, tls, access, limits, trace_ratio.

        Raises:
            ConfigError: Other machines could connect without TLS or without saying who they are.
        """
        super().__init__(FixedShelf(collections), **options)
