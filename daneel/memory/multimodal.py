"""`CrossModalMemory`: texts, pictures and sounds in one collection, each found by any other.

The keys come from encoders that share one space, such as a contrastively trained pair (Radford et
al. 2021, arXiv 2103.00020); any callable is one. The rows are those of any vector store, so that
durability, indexes and services are the store's.

Legend: N items, Q queries, D dimensions of the shared space, k hits of a query.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from daneel.errors import unknown_name
from daneel.memory.check import check_ids, check_metadata, check_vectors
from daneel.memory.protocol import Hits, Metadata, Rows, VectorStore, Where

Encoder = Callable[[Sequence[Any]], ArrayLike]
"""Maps N items of one modality to `[N, D]`."""

FIELD = "modality"
"""Field of the metadata that this memory writes."""

SEPARATOR = ":"
"""Between modality and id in the store, so that two modalities may use the same id."""


class CrossModalMemory:
    """Entries of several modalities in one store; ids are unique within a modality.

    Args:
        store: Where the entries are. The caller opens and closes it; use the metric that the
            encoders were trained for, which is mostly cosine.
        encoders: By modality, all into the store's D dimensions.
        batch: Items that are encoded at once.
    """

    def __init__(
        self, store: VectorStore, encoders: Mapping[str, Encoder], batch: int = 1024
    ) -> None:
        """Keeps the parts.

        Raises:
            ValueError: There is no encoder, the name of one is empty or holds a colon, or `batch`
                is below 1.
        """
        wrong = [name for name in encoders if not name or SEPARATOR in name]
        if wrong or not encoders:
            raise ValueError(
                f"encoders are named {list(encoders)}. Expected at least one, each name a text "
                f"that is not empty and has no {SEPARATOR!r} in it."
            )
        if batch < 1:
            raise ValueError(f"batch is {batch}. Expected 1 or more.")
        self.store, self.encoders, self.batch = store, dict(encoders), batch

    def add(
        self,
        modality: str,
        ids: Sequence[str],
        items: Sequence[Any],
        metadata: Sequence[Metadata] | None = None,
    ) -> None:
        """Encodes and stores items, replacing those of the same modality and ids; all or none.

        Raises:
            UnknownNameError: There is no encoder of this modality.
            ValueError: The numbers do not fit, an encoder's output has a wrong shape, or metadata
                has a field "modality" of its own; nothing was written.
        """
        names = check_ids(ids)
        if len(names) != len(items):
            raise ValueError(f"{len(names)} ids for {len(items)} items. Expected as many.")
        entries = check_metadata(metadata, len(names))
        if any(FIELD in entry for entry in entries):
            raise ValueError(
                f"metadata has a field {FIELD!r}. It is written by this memory: leave it out."
            )
        labelled = [{**entry, FIELD: modality} for entry in entries]
        vectors = self.encode(modality, items)
        self.store.add([_stored(modality, name) for name in names], vectors, labelled)

    def search(
        self,
        modality: str,
        items: Sequence[Any],
        k: int,
        among: Sequence[str] | None = None,
        where: Where | None = None,
    ) -> Hits:
        """The k nearest entries of each of Q items.

        Args:
            modality: Of the items asked with.
            items: Q of them.
            k: Hits of each.
            among: Modalities of the entries looked for; None is all of them.
            where: Condition on the other metadata.

        Returns:
            Hits with the ids as they were added; their modality is in the metadata.

        Raises:
            UnknownNameError: A modality has no encoder.
            ValueError: Another argument is wrong.
        """
        queries = self.encode(modality, items)
        return _named(self.store.search(queries, k, self._condition(among, where)))

    def get(self, modality: str, ids: Sequence[str]) -> Rows:
        """The entries of those ids that are stored, in the order asked for."""
        self._encoder(modality)
        rows = self.store.get([_stored(modality, name) for name in check_ids(ids)])
        return Rows([_own(name) for name in rows.ids], rows.vectors, rows.metadata)

    def delete(self, modality: str, ids: Sequence[str]) -> int:
        """Removes entries; unknown ids are passed over. Returns how many were there."""
        self._encoder(modality)
        return self.store.delete([_stored(modality, name) for name in check_ids(ids)])

    def __len__(self) -> int:
        """Number of entries of all modalities."""
        return len(self.store)

    def encode(self, modality: str, items: Sequence[Any]) -> NDArray[np.float32]:
        """Keys `[N, D]` of items.

        Raises:
            UnknownNameError: There is no encoder of this modality.
            ValueError: Its output has a wrong shape or is not finite.
        """
        encoder, pieces = self._encoder(modality), list[NDArray[np.float32]]()
        for begin in range(0, len(items), self.batch):
            piece = items[begin : begin + self.batch]
            name = f"the output of the {modality} encoder"
            vectors = check_vectors(name, np.asarray(encoder(piece)), self.store.dim)
            if len(vectors) != len(piece):
                raise ValueError(
                    f"The {modality} encoder gave {len(vectors)} vectors for {len(piece)} items. "
                    "Expected one for each."
                )
            pieces.append(vectors)
        return np.concatenate(pieces) if pieces else np.empty((0, self.store.dim), np.float32)

    def _encoder(self, modality: str) -> Encoder:
        if modality not in self.encoders:
            raise unknown_name(FIELD, modality, self.encoders)
        return self.encoders[modality]

    def _condition(self, among: Sequence[str] | None, where: Where | None) -> Where | None:
        if among is None:
            return where
        if isinstance(among, str):
            raise ValueError(f"among is the text {among!r}. Expected a list: [{among!r}].")
        if where is not None and FIELD in where:
            raise ValueError(f"where and among both ask for the {FIELD}. Expected one of them.")
        for modality in among:
            self._encoder(modality)
        return {**(where or {}), FIELD: {"in": list(among)}}


def _stored(modality: str, name: str) -> str:
    return f"{modality}{SEPARATOR}{name}"


def _own(stored: str) -> str:
    return stored.partition(SEPARATOR)[2]


def _named(hits: Hits) -> Hits:
    """The hits under the callers' own ids."""
    ids = np.full(hits.ids.shape, None, dtype=object)
    for place, found in np.ndenumerate(hits.ids):
        ids[place] = None if found is None else _own(found)
    return Hits(ids, hits.scores, hits.metadata)
