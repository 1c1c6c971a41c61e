"""`open_store`: one call for every kind of store, told apart by the scheme of its address."""

from __future__ import annotations

from os import PathLike, fspath
from typing import Any
from urllib.parse import unquote

from daneel.memory.check import check_metric
from daneel.memory.protocol import VectorStore
from daneel.registry import Entry, Registry

STORES = Registry(
    "store",
    Entry("memory", "daneel.memory.opening:open_in_memory", "rows in RAM, searched exactly"),
    Entry("file", "daneel.memory.opening:open_folder", "a folder: LanceDB and FAISS", "memory"),
    Entry(
        "grpc",
        "daneel.memory.service.client:open_remote",
        "a memory service in a network that is trusted",
        "memory",
    ),
    Entry(
        "grpcs",
        "daneel.memory.service.client:open_remote",
        "a memory service over TLS",
        "memory",
    ),
    Entry(
        "qdrant", "daneel.memory.adapters.qdrant_server:open_server", "a Qdrant server", "qdrant"
    ),
    Entry("qdrant-edge", "daneel.memory.adapters.qdrant_edge:open_edge", "Qdrant Edge", "qdrant"),
    Entry("postgresql", "daneel.memory.adapters.postgres:open_postgres", "pgvector", "pgvector"),
)
"""Schemes of addresses (`grpc` of `grpc://host:port`) and the callable that opens each.

It is called as `opener(address, dim, metric, **options)`.
"""


def open_store(
    address: str | PathLike[str],
    dim: int | None = None,
    metric: str | None = None,
    **options: Any,
) -> VectorStore:
    """Open the store at an address, making it where there is none.

    Args:
        address: A path, or an address with a scheme: `memory://`, `file:///data/rooms`,
            `grpcs://host:7443/rooms`, ...
        dim: Of the vectors; may be left out for a store that exists.
        metric: `cosine`, `dot` or `l2`; None is that of the store, cosine for a new one.
        options: Of that kind of store. For a path, those of `LanceStore`: `index`, `recall`,
            `durability`, ...

    Raises:
        ValueError: An argument is wrong, or `dim` is missing for a new store.
        UnknownNameError: No kind of store has that scheme.
        MissingExtraError: A package that the kind needs is not installed.
        MemoryStoreError: What is there has another shape, is damaged or cannot be reached.
    """
    if metric is not None:
        check_metric(metric)
    text = fspath(address)
    scheme, found, _ = text.partition("://")
    return STORES.load(scheme if found else "file")(text, dim, metric, **options)


def open_in_memory(
    address: str, dim: int | None, metric: str | None, **options: Any
) -> VectorStore:
    """A new `InMemoryStore`; an index, recall or durability means nothing to it.

    Raises:
        ValueError: `dim` is missing.
    """
    from daneel.memory.in_memory import InMemoryStore

    if dim is None:
        raise ValueError(f"dim is None for {address}. Expected the dimension of the vectors.")
    unknown = sorted(options.keys() - {"index", "recall", "durability"})
    if unknown:
        raise ValueError(f"{address} has no option {unknown[0]!r}. Expected none. Leave it out.")
    return InMemoryStore(dim, metric or "cosine")


def open_folder(address: str, dim: int | None, metric: str | None, **options: Any) -> VectorStore:
    """A `LanceStore` at a path or a `file://` address."""
    from daneel.memory.lance.store import LanceStore

    path = unquote(address.removeprefix("file://")) if address.startswith("file://") else address
    return LanceStore(path, dim, metric, **options)
