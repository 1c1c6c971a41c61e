"""`open_store`: one call for every kind of store, told apart by the scheme of its address."""

from __future__ import annotations

import importlib
from typing import Any

from daneel.memory.protocol import VectorStore
from daneel.registry import Entry, Registry

STORES = Registry(
    "store scheme",
    Entry("memory", "daneel.memory.in_memory:InMemoryStore", "rows in RAM, searched exactly"),
)
"""Schemes of addresses (`grpc` of `grpc://host:port`) and the class that opens each."""
