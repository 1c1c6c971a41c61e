"""The contract on the stores that need no server."""

from __future__ import annotations

from pathlib import Path

import pytest

from daneel.memory.in_memory import InMemoryStore
from daneel.memory.indexes.store import FaissVectorStore
from daneel.memory.lance.store import LanceStore
from daneel.memory.opening import open_store
from daneel.memory.protocol import VectorStore
from tests.memory.contract import DIM, Factory, StoreContract


class TestInMemory(StoreContract):
    """The oracle itself."""

    keeps = False

    @pytest.fixture
    def factory(self) -> Factory:
        """A new store each time."""

        def make(name: str = "a", dim: int = DIM, metric: str = "cosine") -> VectorStore:
            return InMemoryStore(dim, metric)

        return make


class TestFaiss(StoreContract):
    """Rows in memory, indexed at every add."""

    keeps = False

    @pytest.fixture
    def factory(self) -> Factory:
        """A new store each time."""

        def make(name: str = "a", dim: int = DIM, metric: str = "cosine") -> VectorStore:
            return FaissVectorStore(dim, metric, tail_rows=0)

        return make


class TestLance(StoreContract):
    """The durable store, its rows in the tail."""

    @pytest.fixture
    def factory(self, tmp_path: Path) -> Factory:
        """A folder for each name."""

        def make(name: str = "a", dim: int = DIM, metric: str = "cosine") -> VectorStore:
            return open_store(tmp_path / name, dim, metric)

        return make


class TestLanceIndexed(TestLance):
    """The durable store, compacted and so indexed whenever it is closed."""

    @pytest.fixture
    def factory(self, tmp_path: Path) -> Factory:
        """A folder for each name."""

        def make(name: str = "a", dim: int = DIM, metric: str = "cosine") -> VectorStore:
            if (tmp_path / name).exists():
                with LanceStore(tmp_path / name) as store:
                    store.compact()
            return open_store(tmp_path / name, dim, metric)

        return make
