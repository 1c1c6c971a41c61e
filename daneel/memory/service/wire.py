"""Arrays, metadata and hits to and from the bytes of messages.

Numbers are packed little-endian. Metadata of N rows is one JSON array, or no bytes when every
object is empty, which is common and then costs nothing.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from daneel.memory.in_memory import empty_hits
from daneel.memory.protocol import Hits, Where
from daneel.memory.service.messages import message

F32, F16 = 0, 1
DTYPES = {F32: np.dtype("<f4"), F16: np.dtype("<f2")}


def pack(vectors: NDArray[np.float32], dtype: int = F32) -> Any:
    """A `Vectors` message of `[N, D]`."""
    data = np.ascontiguousarray(vectors, DTYPES[dtype]).tobytes()
    return message("Vectors")(data=data, dim=vectors.shape[1], dtype=dtype)


def unpack(vectors: Any) -> NDArray[np.float32]:
    """`[N, D]` float32 of a `Vectors` message.

    Raises:
        ValueError: The bytes are no whole number of rows, or the type is unknown.
    """
    dtype = DTYPES.get(vectors.dtype)
    if dtype is None:
        raise ValueError(f"Vectors.dtype is {vectors.dtype}. Expected 0 (float32) or 1 (float16).")
    row = vectors.dim * dtype.itemsize
    if row == 0 or len(vectors.data) % row:
        raise ValueError(
            f"Vectors.data has {len(vectors.data)} bytes for dim {vectors.dim}. "
            f"Expected a multiple of {row or 'a dim above 0'}."
        )
    return np.frombuffer(vectors.data, dtype).reshape(-1, vectors.dim).astype(np.float32)


def pack_metadata(entries: Sequence[dict[str, Any]]) -> bytes:
    """One JSON array, or nothing when all are empty."""
    if not any(entries):
        return b""
    return json.dumps(entries, separators=(",", ":")).encode()


def unpack_metadata(data: bytes, count: int) -> list[dict[str, Any]] | None:
    """The entries, or None when all are empty.

    Raises:
        ValueError: This is no JSON array of `count` objects.
    """
    if not data:
        return None
    found = json.loads(data)
    if not isinstance(found, list) or len(found) != count:
        raise ValueError(f"metadata is no JSON array of {count} objects. Expected one a row.")
    if not all(isinstance(each, dict) for each in found):
        raise ValueError("metadata holds something else than objects. Expected one object a row.")
    return found


def pack_where(where: Where | None) -> bytes:
    """A condition as JSON; nothing for None."""
    return b"" if not where else json.dumps(where, separators=(",", ":"), sort_keys=True).encode()


def unpack_where(data: bytes) -> dict[str, Any] | None:
    """The condition, None for no bytes.

    Raises:
        ValueError: This is no JSON object.
    """
    found = json.loads(data) if data else None
    if found is not None and not isinstance(found, dict):
        raise ValueError("where is no JSON object. Expected fields and values.")
    return found


def pack_hits(hits: Hits, bare: bool, tag: int = 0) -> Any:
    """A `QueryReply` of hits `[Q, k]`."""
    flat = [name or "" for row in hits.ids.tolist() for name in row]
    scores = np.ascontiguousarray(hits.scores, "<f4").tobytes()
    reply = message("QueryReply")(ids=flat, scores=scores, tag=tag)
    if not bare:
        entries = [entry or {} for row in hits.metadata for entry in row]
        reply.metadata = pack_metadata(entries)
    return reply


def unpack_hits(reply: Any, queries: int, k: int) -> Hits:
    """Hits `[Q, k]` of a `QueryReply`.

    Raises:
        ValueError: The reply is not of that size.
    """
    scores = np.frombuffer(reply.scores, "<f4")
    if len(reply.ids) != queries * k or len(scores) != queries * k:
        raise ValueError(f"The answer has {len(reply.ids)} hits. Expected {queries * k}.")
    if queries * k == 0:
        return empty_hits(queries, k)
    ids = np.array([name or None for name in reply.ids], dtype=object).reshape(queries, k)
    entries = unpack_metadata(reply.metadata, queries * k) or [{} for _ in reply.ids]
    filled = [entry if name else None for name, entry in zip(reply.ids, entries, strict=True)]
    split = [filled[at : at + k] for at in range(0, len(filled), k)]
    return Hits(ids, scores.reshape(queries, k).astype(np.float32), split)
