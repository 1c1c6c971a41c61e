"""What clients send and how they read answers: the same for the sync and the async one.

Everything is checked here with the checks of all stores, so that a wrong argument costs no call.
"""

from __future__ import annotations

import itertools
import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import grpc
import numpy as np
from numpy.typing import ArrayLike

from daneel.errors import MemoryStoreError
from daneel.memory.check import check_ids, check_k, check_metadata, check_vectors
from daneel.memory.protocol import Hits, Metadata, Rows, Where
from daneel.memory.service import wire
from daneel.memory.service.address import Address
from daneel.memory.service.messages import message
from daneel.memory.where import check_where

PAGE_HITS = 65_536
"""Queries times k of a page: metadata of that many rows still fits in a message."""

OVERHEAD = 4096
"""Bytes of a message beside its rows."""

SERVICE_CONFIG = {
    "methodConfig": [
        {
            "name": [{}],
            "retryPolicy": {
                "maxAttempts": 4,
                "initialBackoff": "0.1s",
                "maxBackoff": "1s",
                "backoffMultiplier": 2,
                "retryableStatusCodes": ["UNAVAILABLE", "RESOURCE_EXHAUSTED"],
            },
        }
    ]
}
"""Retries, also when the queue is full: the server says when. Writes carry keys, so none is done
twice."""


def channel_options(message_bytes: int) -> list[tuple[str, Any]]:
    """Options of a channel."""
    return [
        ("grpc.max_receive_message_length", message_bytes),
        ("grpc.max_send_message_length", message_bytes),
        ("grpc.per_rpc_retry_buffer_size", message_bytes + OVERHEAD),
        ("grpc.service_config", json.dumps(SERVICE_CONFIG)),
        ("grpc.initial_reconnect_backoff_ms", 100),
        ("grpc.max_reconnect_backoff_ms", 2000),
        ("grpc.use_local_subchannel_pool", 1),  # a closed client must not leave its links to others
    ]


class UnreachableError(MemoryStoreError):
    """The server is away, too busy or too slow: another one may answer, or this one later."""


AWAY = (
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
    grpc.StatusCode.CANCELLED,
)


def failure(error: Any, address: Address) -> Exception:
    """What to raise for a call that failed."""
    code, said = error.code(), error.details() or ""
    if code is grpc.StatusCode.INVALID_ARGUMENT:
        return ValueError(said)
    if code is grpc.StatusCode.DEADLINE_EXCEEDED:
        said = "The deadline passed. Expected an answer within timeout_s. Give it more."
    elif code is grpc.StatusCode.UNAVAILABLE:
        said = f"It cannot be reached: {said}. Expected a server there. Type `daneel memory serve`."
    kind = UnreachableError if code in AWAY else MemoryStoreError
    return kind(f"{address} ({code.name.lower().replace('_', ' ')}): {said}")


@dataclass(frozen=True)
class Page:
    """One `QueryRequest` and what its answer has to look like."""

    request: Any
    rows: int
    k: int


class Requests:
    """Makes the requests of one client of one collection."""

    def __init__(self, address: Address, message_bytes: int, half: bool) -> None:
        """Requests to a collection.

        Args:
            address: Where it is.
            message_bytes: Largest message.
            half: Send queries as float16.
        """
        self._address, self._limit = address, message_bytes
        self._dtype = wire.F16 if half else wire.F32
        self._client, self._count = uuid.uuid4().hex, itertools.count(1)
        self.dim, self.metric = 0, "cosine"

    def open(self, dim: int | None, metric: str | None) -> Any:
        """An `OpenRequest`.

        Raises:
            ValueError: `dim` is below 1.
        """
        if dim is not None and dim < 1:
            raise ValueError(f"dim is {dim}. Expected at least 1.")
        asked = message("OpenRequest")(collection=self._address.collection, dim=dim or 0)
        asked.metric = metric or ""
        return asked

    def opened(self, described: Any, dim: int | None, metric: str | None) -> None:
        """Take over what the server says.

        Raises:
            ValueError: The collection has another dimension or metric than asked for.
        """
        found = (described.dim, described.metric)
        wanted = (dim or described.dim, metric or described.metric)
        if found != wanted:
            raise ValueError(
                f"{self._address} has dim {found[0]} and metric {found[1]!r}. "
                f"Expected {wanted[0]} and {wanted[1]!r}. Take those, or another collection."
            )
        self.dim, self.metric = described.dim, described.metric
        self._limit = min(self._limit, described.max_message_bytes)

    def push(
        self, ids: Sequence[str], vectors: ArrayLike, metadata: Sequence[Metadata] | None
    ) -> Any:
        """A `PushRequest` under a key of its own.

        Raises:
            ValueError: An argument is wrong, or the rows are too many for one message.
        """
        names, found = check_ids(ids), check_vectors("vectors", vectors, self.dim)
        if len(names) != len(found):
            raise ValueError(f"{len(names)} ids for {len(found)} vectors. Expected as many.")
        entries = None if metadata is None else check_metadata(metadata, len(names))
        request = message("PushRequest")(
            collection=self._address.collection,
            key=self._key(),
            ids=names,
            vectors=wire.pack(found),
            metadata=wire.pack_metadata(entries or ()),
        )
        self._check_size(request, f"{len(names)} rows")
        return request

    def pages(self, queries: ArrayLike, k: int, where: Where | None, bare: bool) -> list[Page]:
        """The `QueryRequest`s of queries `[Q, D]`, none of them too large.

        Raises:
            ValueError: An argument is wrong.
        """
        asked, k = check_vectors("queries", queries, self.dim), check_k(k)
        check_where(where)
        try:
            condition = wire.pack_where(where)
        except TypeError as error:
            raise ValueError(f"where is no JSON object: {error}.") from None
        step = max(1, min(PAGE_HITS // k, (self._limit - OVERHEAD) // (8 * self.dim)))
        return [
            self._page(asked[at : at + step], k, condition, bare)
            for at in range(0, max(1, len(asked)), step)
        ]

    def _page(self, queries: Any, k: int, condition: bytes, bare: bool) -> Page:
        request = message("QueryRequest")(
            collection=self._address.collection, k=k, where=condition, bare=bare
        )
        request.queries.CopyFrom(wire.pack(queries, self._dtype))
        return Page(request, len(queries), k)

    def gets(self, ids: Sequence[str]) -> list[Any]:
        """The `GetRequest`s of ids.

        Raises:
            ValueError: An id is wrong.
        """
        names = check_ids(ids)
        step = max(1, (self._limit - OVERHEAD) // (8 * self.dim + 256))
        kind, collection = message("GetRequest"), self._address.collection
        parts = [names[at : at + step] for at in range(0, max(1, len(names)), step)]
        return [kind(collection=collection, ids=part) for part in parts]

    def delete(self, ids: Sequence[str]) -> Any:
        """A `DeleteRequest` under a key of its own.

        Raises:
            ValueError: An id is wrong.
        """
        collection, names = self._address.collection, check_ids(ids)
        request = message("DeleteRequest")(collection=collection, key=self._key(), ids=names)
        self._check_size(request, f"{len(names)} ids")
        return request

    def flush(self) -> Any:
        """A `FlushRequest`."""
        return message("FlushRequest")(collection=self._address.collection)

    def rows(self, replies: Sequence[Any]) -> Rows:
        """The rows of `GetReply`s."""
        ids = [name for reply in replies for name in reply.ids]
        found = [wire.unpack(reply.vectors) for reply in replies if reply.ids]
        empty = np.empty((0, self.dim), np.float32)
        metadata: list[dict[str, Any]] = []
        for reply in replies:
            count = len(reply.ids)
            metadata += wire.unpack_metadata(reply.metadata, count) or [{} for _ in range(count)]
        return Rows(ids, np.concatenate(found) if found else empty, metadata)

    def _key(self) -> Any:
        return message("Key")(client=self._client, sequence=next(self._count))

    def _check_size(self, request: Any, what: str) -> None:
        size = request.ByteSize()
        if size > self._limit:
            raise ValueError(
                f"{what} take {size} bytes. Expected at most {self._limit} a call, which is kept "
                "whole or not at all. Send fewer, or many batches with push_stream."
            )


def hits_of(pages: Sequence[Page], replies: Sequence[Any]) -> Hits:
    """The hits of all pages, in the order of the queries."""
    parts = [
        wire.unpack_hits(reply, page.rows, page.k)
        for page, reply in zip(pages, replies, strict=True)
    ]
    if len(parts) == 1:
        return parts[0]
    ids, scores = (np.concatenate([getattr(each, name) for each in parts]) for name in
                   ("ids", "scores"))  # fmt: skip
    return Hits(ids, scores, [row for part in parts for row in part.metadata])
