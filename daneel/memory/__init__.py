"""Retrieval memory: durable vector stores, tiers, compression, a service, memories inside models.

    from daneel.memory import open_store

    with open_store("rooms", dim=128) as store:      # a folder; kept once `add` returns
        store.add(["kitchen"], vectors, [{"floor": 1}])
        hits = store.search(query, k=8, where={"floor": {"gte": 1}})

Names are imported when they are first used: the service needs packages that a store does not.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from daneel.memory.opening import STORES, open_store
from daneel.memory.protocol import (
    Durability,
    Hits,
    Metadata,
    Metric,
    Rows,
    VectorStore,
    Where,
)

if TYPE_CHECKING:
    from daneel.memory.attention import (
        ChunkwiseRetrainer,
        HopfieldMemory,
        LinkSlotAttention,
    )
    from daneel.memory.compression import (
        AdaptiveCompressor,
        ContextSummaryMemory,
        StreamingCompressor,
        SummarizingMemory,
        TemporalVectorCompressor,
    )
    from daneel.memory.hierarchy import HierarchicalMemory, SSDCache
    from daneel.memory.in_memory import InMemoryStore
    from daneel.memory.indexes.store import (
        FaissVectorStore,
        LocalitySensitiveHashIndex,
        PQVectorStore,
    )
    from daneel.memory.lance.store import LanceStore
    from daneel.memory.multimodal import CrossModalMemory
    from daneel.memory.profiler import MemoryProfiler
    from daneel.memory.service.client import RemoteMemory
    from daneel.memory.service.client_async import AsyncRemoteMemory
    from daneel.memory.service.distributed import DistributedMemory
    from daneel.memory.service.edge import EdgeMemoryClient
    from daneel.memory.service.federation import FederatedMemoryServer
    from daneel.memory.service.graphql_gateway import GraphQLMemoryGateway
    from daneel.memory.service.server import MemoryServer

_MODULES = {
    "AdaptiveCompressor": "compression",
    "AsyncRemoteMemory": "service.client_async",
    "ChunkwiseRetrainer": "attention",
    "ContextSummaryMemory": "compression",
    "CrossModalMemory": "multimodal",
    "DistributedMemory": "service.distributed",
    "EdgeMemoryClient": "service.edge",
    "FaissVectorStore": "indexes.store",
    "FederatedMemoryServer": "service.federation",
    "GraphQLMemoryGateway": "service.graphql_gateway",
    "HierarchicalMemory": "hierarchy",
    "HopfieldMemory": "attention",
    "InMemoryStore": "in_memory",
    "LanceStore": "lance.store",
    "LinkSlotAttention": "attention",
    "LocalitySensitiveHashIndex": "indexes.store",
    "MemoryProfiler": "profiler",
    "MemoryServer": "service.server",
    "PQVectorStore": "indexes.store",
    "RemoteMemory": "service.client",
    "SSDCache": "hierarchy",
    "StreamingCompressor": "compression",
    "SummarizingMemory": "compression",
    "TemporalVectorCompressor": "compression",
}

__all__ = [
    "STORES",
    "AdaptiveCompressor",
    "AsyncRemoteMemory",
    "ChunkwiseRetrainer",
    "ContextSummaryMemory",
    "CrossModalMemory",
    "DistributedMemory",
    "Durability",
    "EdgeMemoryClient",
    "FaissVectorStore",
    "FederatedMemoryServer",
    "GraphQLMemoryGateway",
    "HierarchicalMemory",
    "Hits",
    "HopfieldMemory",
    "InMemoryStore",
    "LanceStore",
    "LinkSlotAttention",
    "LocalitySensitiveHashIndex",
    "MemoryProfiler",
    "MemoryServer",
    "Metadata",
    "Metric",
    "PQVectorStore",
    "RemoteMemory",
    "Rows",
    "SSDCache",
    "StreamingCompressor",
    "SummarizingMemory",
    "TemporalVectorCompressor",
    "VectorStore",
    "Where",
    "open_store",
]


def __getattr__(name: str) -> Any:
    """Imports what is asked for."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    """Every public name, whether imported yet or not."""
    return sorted(__all__)
