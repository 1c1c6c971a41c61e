"""Hits of several stores as those of one."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import NDArray

from daneel.memory.in_memory import empty_hits
from daneel.memory.protocol import Hits


def merge_hits_naive(parts: Sequence[Hits], k: int) -> Hits:
    """The k best of all parts `[Q, *]`; of an id that comes twice the better score counts.

    Equal scores stand in the order of their ids, as in every store.
    """
    both = _side_by_side(parts)
    merged = empty_hits(len(both.ids), k)
    for query in range(len(both.ids)):
        _merge_one(merged, query, both, k)
    return merged


def merge_hits(parts: Sequence[Hits], k: int) -> Hits:
    """As `merge_hits_naive`, by sorting; only rows with ties or double ids go the long way."""
    if len(parts) == 1 and parts[0].ids.shape[1] == k:
        return parts[0]
    both = _side_by_side(parts)
    order = np.argsort(-both.scores, axis=1, kind="stable")
    merged = empty_hits(len(both.ids), k)
    best, width = order[:, :k], min(k, order.shape[1])
    merged.ids[:, :width] = np.take_along_axis(both.ids, best, axis=1)
    merged.scores[:, :width] = np.take_along_axis(both.scores, best, axis=1)
    ties = _ties(np.take_along_axis(both.scores, order[:, : k + 1], axis=1))
    for query, places in enumerate(best.tolist()):
        names = [name for name in merged.ids[query].tolist() if name is not None]
        if ties[query] or len(set(names)) < len(names):
            _merge_one(merged, query, both, k)
        else:
            entries = both.metadata[query]
            merged.metadata[query][:width] = [entries[at] for at in places]
    return merged


def _side_by_side(parts: Sequence[Hits]) -> Hits:
    return Hits(
        np.concatenate([part.ids for part in parts], axis=1),
        np.concatenate([part.scores for part in parts], axis=1),
        [[entry for row in rows for entry in row]
         for rows in zip(*(part.metadata for part in parts), strict=True)],
    )  # fmt: skip


def _ties(scores: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Rows `[Q]` of sorted scores in which two hits are equal."""
    return ((scores[:, 1:] == scores[:, :-1]) & np.isfinite(scores[:, 1:])).any(1)


def _merge_one(merged: Hits, query: int, both: Hits, k: int) -> None:
    found = zip(both.ids[query].tolist(), both.scores[query].tolist(), strict=True)
    order = sorted((-score, name, at) for at, (name, score) in enumerate(found) if name is not None)
    kept, seen = list[tuple[float, str, int]](), set[str]()
    for item in order:
        if item[1] not in seen:
            seen.add(item[1])
            kept.append(item)
    merged.ids[query], merged.scores[query] = None, -np.inf
    merged.metadata[query][:] = [None] * k
    for place, (minus, name, at) in enumerate(kept[:k]):
        merged.ids[query, place], merged.scores[query, place] = name, -minus
        merged.metadata[query][place] = both.metadata[query][at]


def without(hits: Hits, ids: Collection[str]) -> Hits:
    """The hits with those ids taken out, the others moved up."""
    if not ids:
        return hits
    kept = empty_hits(*hits.ids.shape)
    for query, row in enumerate(hits.ids.tolist()):
        places = [at for at, name in enumerate(row) if name is not None and name not in ids]
        count = len(places)
        kept.ids[query, :count] = hits.ids[query, places]
        kept.scores[query, :count] = hits.scores[query, places]
        kept.metadata[query][:count] = [hits.metadata[query][at] for at in places]
    return kept
