"""The engine that speaks to a Qdrant server, on the engine that qdrant-client itself brings.

There is no server to start in a test (none is packaged): `QdrantClient(":memory:")` takes the same
calls. What only a server does (network, TLS, keys, its own durability) is not tested here but for
one that is not there.
"""

from __future__ import annotations

import socket
import warnings
from collections.abc import Iterator

import numpy as np
import pytest

pytest.importorskip("qdrant_client")

from qdrant_client import QdrantClient, models

from daneel.errors import MemoryStoreError
from daneel.memory.adapters.qdrant_server import open_server, read_address, store_in
from daneel.memory.protocol import VectorStore
from tests.memory.contract import DIM, Factory, StoreContract, refused


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Their own engine warns that it makes no indexes."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Payload indexes have no effect")
        warnings.filterwarnings("ignore", message="Local mode performs exact")
        yield


class Shared:
    """A client that is shared: closing this leaves it open."""

    def __init__(self, client: QdrantClient) -> None:
        """The client."""
        self._client = client

    def __getattr__(self, name: str) -> object:
        """Everything else is the client's."""
        return getattr(self._client, name)

    def close(self) -> None:
        """Nothing."""


class TestContract(StoreContract):
    """What every store must do."""

    @pytest.fixture
    def factory(self) -> Factory:
        """Collections of one client, which outlives the stores as a server would."""
        client = Shared(QdrantClient(":memory:"))

        def make(name: str = "a", dim: int = DIM, metric: str = "cosine") -> VectorStore:
            return store_in(client, name, name, dim, metric)

        return make


def test_a_foreign_collection_is_refused() -> None:
    """And so is one of a newer format, and a promise that nobody can check."""
    client = QdrantClient(":memory:")
    size = models.VectorParams(size=4, distance=models.Distance.DOT)
    client.create_collection("theirs", vectors_config=size)
    client.create_collection("newer", vectors_config={"cosine-2": size})
    for name in ("theirs", "newer"):
        with refused(MemoryStoreError, words="update Daneel"):
            store_in(Shared(client), name, name)
    with refused(words="durability is 'disk'"):
        store_in(client, "mine", "mine", 4, durability="disk")


def test_a_server_that_is_not_there() -> None:
    """A clear error, soon."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # nobody listens
        port = taken.getsockname()[1]
        with refused(MemoryStoreError, words="Qdrant cannot go on"):
            open_server(f"qdrant://127.0.0.1:{port}/notes", 4, timeout_s=2.0)


def test_addresses() -> None:
    """Host, port, collection."""
    assert read_address("qdrant://h/c", False) == ("http://h:6333", "c")
    assert read_address("qdrant://h:1/my-notes/", True) == ("https://h:1", "my-notes")
    for address in ("qdrant://h", "qdrant:///c", "http://h/c", "qdrant://h/a/b"):
        with refused(words="qdrant://host:port/collection"):
            read_address(address, False)


def test_an_add_of_many_rows_is_one_request(monkeypatch: pytest.MonkeyPatch) -> None:
    """All rows or none is the server's promise for a request."""
    client, calls = QdrantClient(":memory:"), []
    upsert = client.upsert
    monkeypatch.setattr(client, "upsert", lambda *a, **k: calls.append(k) or upsert(*a, **k))
    with store_in(client, "c", "c", 4) as store:
        store.add([f"{i}" for i in range(3000)], np.ones((3000, 4)))
        assert calls == [{"wait": True}] and len(store) == 3000
