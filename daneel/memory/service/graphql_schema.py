"""The schema of the GraphQL gateway: the rpcs of the memory service as fields.

Vectors are base64 of packed little-endian float32, row by row, as gRPC carries them: reading lists
of JSON numbers costs more than the search.
"""

from __future__ import annotations

import json
import uuid
from typing import Any

import strawberry
from strawberry.extensions import (
    AddValidationRules,
    MaxAliasesLimiter,
    MaxTokensLimiter,
    ParserCache,
    QueryDepthLimiter,
    ValidationCache,
)
from strawberry.scalars import JSON, Base64
from strawberry.types import Info

from daneel.memory.service.graphql_call import GraphQLCall
from daneel.memory.service.messages import message
from daneel.memory.service.wire import F32

MAX_DEPTH, MAX_ALIASES, MAX_TOKENS = 4, 16, 2000
"""Bounds of a document: nesting, fields under another name, and length."""

Context = Info[GraphQLCall, None]


@strawberry.type
class Hits:
    """The nearest rows of every query, best first."""

    ids: JSON = strawberry.field(description="[Q][k] texts, null where a query has fewer hits.")
    scores: Base64 = strawberry.field(description="[Q, k] packed float32; -inf is no hit.")
    metadata: JSON | None = strawberry.field(description="[Q][k] objects; null: all are empty.")


@strawberry.type
class Rows:
    """Rows as they were stored."""

    ids: list[str]
    vectors: Base64 = strawberry.field(description="[N, D] packed float32.")
    metadata: JSON | None = strawberry.field(description="[N] objects; null: all are empty.")


@strawberry.type
class Collection:
    """A collection."""

    name: str
    dim: int
    metric: str
    rows: int = strawberry.field(description="How many it holds.")


@strawberry.type
class Query:
    """What can be read."""

    @strawberry.field(description="Names of the collections that the caller may read.")
    async def collections(self, info: Context) -> list[str]:
        """`List`."""
        call = info.context.spend(1)
        return list((await call.ask(call.servicer.list, message("ListRequest")())).collections)

    @strawberry.field(description="Shape and size of a collection.")
    async def collection(self, info: Context, name: str) -> Collection:
        """`Open`."""
        call = info.context.spend(1)
        request = message("OpenRequest")(collection=name)
        return _collection(name, await call.ask(call.servicer.open, request))

    @strawberry.field(description="The k nearest rows of each query.")
    async def search(
        self, info: Context, collection: str, queries: Base64, dim: int, k: int = 10,
        where: JSON | None = None, metadata: bool = True,
    ) -> Hits:  # fmt: skip
        """`Query`."""
        dim, k = _natural("dim", dim), _natural("k", k)
        call = info.context.spend(max(1, len(queries) // (4 * dim)) * k)
        request = message("QueryRequest")(
            collection=collection, k=k, bare=not metadata, where=_json(where)
        )
        _fill(request.queries, queries, dim)
        reply = await call.ask(call.servicer.query, request)
        names = [name or None for name in reply.ids]
        entries = _table(json.loads(reply.metadata), k) if reply.metadata else None
        found = None if entries is None else JSON(entries)
        return Hits(ids=JSON(_table(names, k)), scores=Base64(reply.scores), metadata=found)

    @strawberry.field(description="The rows of those ids that are stored, in the order asked for.")
    async def get(self, info: Context, collection: str, ids: list[str]) -> Rows:
        """`Get`."""
        call = info.context.spend(len(ids))
        request = message("GetRequest")(collection=collection, ids=ids)
        reply = await call.ask(call.servicer.get, request)
        entries = JSON(json.loads(reply.metadata)) if reply.metadata else None
        vectors = Base64(reply.vectors.data)
        return Rows(ids=list(reply.ids), vectors=vectors, metadata=entries)


@strawberry.type
class Mutation:
    """What can be written."""

    @strawberry.mutation(description="Makes a collection, or finds it as it should be.")
    async def create(
        self, info: Context, name: str, dim: int, metric: str = "cosine"
    ) -> Collection:
        """`Open` with a dimension."""
        call = info.context.spend(1)
        request = message("OpenRequest")(collection=name, dim=_natural("dim", dim), metric=metric)
        return _collection(name, await call.ask(call.servicer.open, request))

    @strawberry.mutation(description="Stores rows, replacing those of the same ids; how many.")
    async def add(
        self, info: Context, collection: str, ids: list[str], vectors: Base64, dim: int,
        metadata: JSON | None = None,
    ) -> int:  # fmt: skip
        """`Push`."""
        call = info.context.spend(len(ids))
        request = message("PushRequest")(collection=collection, ids=ids, metadata=_json(metadata))
        request.key.CopyFrom(_key())
        _fill(request.vectors, vectors, _natural("dim", dim))
        await call.ask(call.servicer.push, request)
        return len(ids)

    @strawberry.mutation(description="Removes rows; how many were there.")
    async def delete(self, info: Context, collection: str, ids: list[str]) -> int:
        """`Delete`."""
        call = info.context.spend(len(ids))
        request = message("DeleteRequest")(collection=collection, ids=ids, key=_key())
        return (await call.ask(call.servicer.delete, request)).removed


class _Schema(strawberry.Schema):
    def process_errors(self, errors: Any, execution_context: Any = None) -> None:
        """Log nothing: errors are their callers', who are told."""


def make_schema() -> strawberry.Schema:
    """The schema, with its bounds on documents."""
    # Made once: what was validated is remembered by its rules too, and a limiter makes new ones.
    limiters = QueryDepthLimiter(MAX_DEPTH), MaxAliasesLimiter(MAX_ALIASES)
    rules = [rule for limiter in limiters for rule in limiter.validation_rules]
    return _Schema(
        Query,
        Mutation,
        extensions=[
            lambda: MaxTokensLimiter(max_token_count=MAX_TOKENS),
            lambda: AddValidationRules(rules),
            ParserCache,
            ValidationCache,
        ],
    )


def _fill(vectors: Any, data: bytes, dim: int) -> None:
    vectors.data, vectors.dim, vectors.dtype = data, dim, F32


def _natural(name: str, value: int) -> int:
    """A number that a message can carry.

    Raises:
        ValueError: It is below 1.
    """
    if value < 1:
        raise ValueError(f"{name} is {value}. Expected at least 1.")
    return value


def _json(value: Any) -> bytes:
    return b"" if value is None else json.dumps(value).encode()


def _table(flat: list[Any], width: int) -> list[list[Any]]:
    return [flat[at : at + width] for at in range(0, len(flat), width)]


def _key() -> Any:
    """A key that no other write has: this gateway does not retry."""
    return message("Key")(client=uuid.uuid4().hex, sequence=1)


def _collection(name: str, found: Any) -> Collection:
    return Collection(name=name, dim=found.dim, metric=found.metric, rows=found.rows)
