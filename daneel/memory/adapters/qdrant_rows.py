"""How rows lie in Qdrant, the embedded engine and the server alike.

The payload is the row; the point's own vector, named `cosine-1` after the metric and the format of
these files, is only what the engine searches by.
"""

from __future__ import annotations

import base64
import uuid
from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any

import numpy as np

from daneel.errors import MemoryStoreError
from daneel.memory.adapters.engine import Stored
from daneel.memory.adapters.needed import Needed, Terms
from daneel.memory.protocol import METRICS

FORMAT = 1
TOKENS = "tokens"
"""Payload field with a keyword index: see `needed`."""

ROW = ["id", "vector", "metadata"]
"""Payload fields that are the row."""


def point_id(name: str) -> str:
    """Qdrant takes only UUIDs and integers: the version 5 UUID of the id (122 bits of SHA-1)."""
    return str(uuid.uuid5(uuid.NAMESPACE_OID, name))


def payload(row: Stored, terms: Terms) -> dict[str, Any]:
    """What is stored beside the search key."""
    vector = base64.b64encode(row.vector.astype("<f4").tobytes()).decode()
    found = {"id": row.id, "vector": vector, "metadata": row.metadata}
    return {**found, TOKENS: terms.tokens, "numbers": terms.numbers}


def row_of(payload: Mapping[str, Any]) -> Stored:
    """The row in a payload."""
    vector = np.frombuffer(base64.b64decode(payload["vector"]), "<f4").astype(np.float32)
    return Stored(payload["id"], vector, payload["metadata"])


def vector_name(metric: str) -> str:
    """Name of the vector that rows of a metric are searched by."""
    return f"{metric}-{FORMAT}"


def shape_of(vectors: Mapping[str, int], where: str) -> tuple[int, str]:
    """Dimension and metric of a collection.

    Args:
        vectors: Dimension of each named vector.
        where: The collection, for the message.

    Raises:
        MemoryStoreError: It was not made by this class, or by a newer one.
    """
    for metric in METRICS:
        if list(vectors) == [vector_name(metric)]:
            return vectors[vector_name(metric)], metric
    raise MemoryStoreError(
        f"{where} has the vectors {sorted(vectors)}. Expected one of "
        f"{', '.join(map(vector_name, METRICS))}: another program or a newer Daneel made it. "
        "Open another collection, or update Daneel."
    )


def filter_of(models: ModuleType, span: Any, needed: Needed) -> Any:
    """The engine's filter for what a row must have.

    Args:
        models: Module with `Filter`, `FieldCondition` and `MatchAny`.
        span: Its class of ranges of numbers.
        needed: What the row must have.
    """
    must = [_has(models, tokens) for tokens in needed.any_of]
    for name, (low, high) in (needed.ranges or {}).items():
        between = span(gte=low, lte=high)
        must.append(models.FieldCondition(key=f"numbers.{name}", range=between))
    must_not = [_has(models, [token]) for token in needed.none_of]
    return models.Filter(must=must, must_not=must_not) if must or must_not else None


def _has(models: ModuleType, tokens: Sequence[str]) -> Any:
    return models.FieldCondition(key=TOKENS, match=models.MatchAny(any=list(tokens)))
