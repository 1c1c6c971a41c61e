"""Rows in a collection of a Qdrant server.

A write is one request that the server answers when it has applied it. Whether that survives a loss
of power is the server's configuration, which a client cannot see: `durability="disk"` is refused.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Sequence
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray

from daneel.errors import MemoryStoreError
from daneel.memory.adapters import qdrant_rows as rows_in
from daneel.memory.adapters.engine import Stored
from daneel.memory.adapters.needed import Needed, Terms
from daneel.memory.adapters.shapes import agreed_shape, check_durability, check_index, missing
from daneel.memory.adapters.store import EngineStore

_COLLECTION = re.compile(r"[A-Za-z0-9_-]{1,255}")


def open_server(
    address: str,
    dim: int | None = None,
    metric: str | None = None,
    *,
    index: str = "hnsw",
    recall: float = 0.95,
    durability: str = "process",
    api_key: str | None = None,
    tls: bool = False,
    timeout_s: float = 30.0,
) -> EngineStore:
    """Open the store in a collection, making it when there is none.

    Args:
        address: `qdrant://host:port/collection`; the port is 6333 unless named.
        dim: Dimension of the vectors; may be None when the collection exists.
        metric: `cosine`, `dot` or `l2`; None takes that of the collection, or `cosine`.
        index: `flat` searches exactly; `hnsw` uses the graphs that the server builds by itself.
        recall: What they are tuned to.
        durability: `process`; see the top of this file.
        api_key: Of the server.
        tls: Whether it is spoken to by https.
        timeout_s: How long to wait for an answer.

    Raises:
        ValueError: An argument is wrong.
        MemoryStoreError: The server cannot be reached, or the collection is of another shape.
        MissingExtraError: `qdrant-client` is not installed.
    """
    url, collection = read_address(address, tls)
    client = _package().QdrantClient(
        url=url, api_key=api_key, timeout=timeout_s, check_compatibility=False
    )
    return store_in(client, collection, f"{url}/{collection}", dim, metric, index=index,
                    recall=recall, durability=durability)  # fmt: skip


def store_in(
    client: Any,
    collection: str,
    where: str,
    dim: int | None = None,
    metric: str | None = None,
    *,
    index: str = "hnsw",
    recall: float = 0.95,
    durability: str = "process",
) -> EngineStore:
    """The store in a collection of a `QdrantClient`, which it closes; else see `open_server`."""
    approximate = check_index(index)
    if check_durability(durability):
        raise ValueError(
            "durability is 'disk'. Expected 'process': no client can see when a Qdrant server "
            "writes to disk. Open a postgresql:// or qdrant-edge:// address for it."
        )
    engine = ServerEngine(client, collection, where)
    try:
        shape = agreed_shape(where, engine.shape(), dim, metric)
        engine.prepare(*shape)
        return EngineStore(engine, *shape, approximate=approximate, recall=recall)
    except BaseException:
        engine.close()
        raise


def read_address(address: str, tls: bool) -> tuple[str, str]:
    """URL of the server and name of the collection.

    Raises:
        ValueError: It is no `qdrant://host:port/collection`.
    """
    parts = urlsplit(address)
    collection = parts.path.strip("/")
    if parts.scheme != "qdrant" or not parts.hostname or not _COLLECTION.fullmatch(collection):
        raise ValueError(
            f"address is {address!r}. Expected qdrant://host:port/collection, the collection of "
            "letters, digits, - and _."
        )
    return f"{'https' if tls else 'http'}://{parts.hostname}:{parts.port or 6333}", collection


class ServerEngine:
    """A collection, by a `QdrantClient`."""

    def __init__(self, client: Any, collection: str, where: str) -> None:
        """Takes the client over; `where` names the collection in messages."""
        self._client, self._collection, self._where = client, collection, where
        self._models: Any = _package().models
        self._using = ""

    def shape(self) -> tuple[int, str] | None:
        """Dimension and metric of the collection; None when there is none.

        Raises:
            MemoryStoreError: It is not of this class, or of a newer format.
        """
        with self._said():
            if not self._client.collection_exists(self._collection):
                return None
            found = self._client.get_collection(self._collection).config.params.vectors
        named = found if isinstance(found, dict) else {"": found}
        return rows_in.shape_of({name: each.size for name, each in named.items()}, self._where)

    def prepare(self, dim: int, metric: str) -> None:
        """Makes the collection where it is missing."""
        self._using = rows_in.vector_name(metric)
        models = self._models
        distance = models.Distance.EUCLID if metric == "l2" else models.Distance.DOT
        with self._said():
            if self._client.collection_exists(self._collection):
                return
            vectors = {self._using: models.VectorParams(size=dim, distance=distance)}
            self._client.create_collection(self._collection, vectors_config=vectors)
            kind = models.PayloadSchemaType.KEYWORD
            self._client.create_payload_index(self._collection, rows_in.TOKENS, kind, wait=True)

    def write(
        self, rows: Sequence[Stored], keys: NDArray[np.float32], terms: Sequence[Terms]
    ) -> None:
        """See `Engine.write`: one request, so the server takes all rows or none."""
        points = [
            self._models.PointStruct(
                id=rows_in.point_id(row.id), vector={self._using: key},
                payload=rows_in.payload(row, found),
            )
            for row, key, found in zip(rows, keys.tolist(), terms, strict=True)
        ]  # fmt: skip
        with self._said():
            self._client.upsert(self._collection, points, wait=True)

    def near(
        self, keys: NDArray[np.float32], limit: int, needed: Needed, effort: int | None
    ) -> list[list[Stored]]:
        """See `Engine.near`: all queries in one request."""
        models = self._models
        exact = effort is None
        params = models.SearchParams(hnsw_ef=None if exact else max(effort, limit), exact=exact)
        condition = rows_in.filter_of(models, models.Range, needed)
        asked = [
            models.QueryRequest(
                query=key, using=self._using, limit=limit, filter=condition, params=params,
                with_payload=rows_in.ROW,
            )
            for key in keys.tolist()
        ]  # fmt: skip
        with self._said():
            found = self._client.query_batch_points(self._collection, asked)
        return [[rows_in.row_of(point.payload) for point in answer.points] for answer in found]

    def read(self, ids: Sequence[str]) -> list[Stored]:
        """See `Engine.read`."""
        points = list(map(rows_in.point_id, ids))
        with self._said():
            found = self._client.retrieve(self._collection, points, with_payload=rows_in.ROW)
        return [rows_in.row_of(point.payload) for point in found]

    def sample(self, count: int) -> list[Stored]:
        """See `Engine.sample`."""
        with self._said():
            found, _ = self._client.scroll(self._collection, limit=count, with_payload=rows_in.ROW)
        return [rows_in.row_of(point.payload) for point in found]

    def remove(self, ids: Sequence[str]) -> int:
        """See `Engine.remove`; rows that another client deletes meanwhile are counted too."""
        points = list(map(rows_in.point_id, ids))
        with self._said():
            there = len(self._client.retrieve(self._collection, points, with_payload=False))
            chosen = self._models.PointIdsList(points=points)
            self._client.delete(self._collection, chosen, wait=True)
        return there

    def count(self) -> int:
        """See `Engine.count`."""
        with self._said():
            return self._client.count(self._collection, exact=True).count

    def flush(self) -> None:
        """See `Engine.flush`: the server does it by itself; asks whether it is there."""
        self.count()

    def close(self) -> None:
        """See `Engine.close`."""
        self._client.close()

    @contextlib.contextmanager
    def _said(self) -> Iterator[None]:
        import httpx
        from qdrant_client.http.exceptions import ApiException

        try:
            yield
        except (ApiException, httpx.HTTPError, OSError) as error:
            raise MemoryStoreError(
                f"Qdrant cannot go on with {self._where}: {str(error).strip()}. Expected a server "
                "that answers and takes the request; it refuses large ones (32 MB unless "
                "configured). Check host, port and api_key, or add fewer rows at a time."
            ) from error


def _package() -> ModuleType:
    try:
        import qdrant_client
    except ImportError as error:
        raise missing("qdrant-client", "qdrant", "qdrant") from error
    return qdrant_client
