"""A server of small limits before a gated store; files with a server of their own hide it."""

from __future__ import annotations

from collections.abc import Iterator

import grpc
import pytest

from daneel.memory.service.server import MemoryServer
from daneel.memory.service.shelf import FixedShelf
from daneel.memory.service.threaded import serving
from tests.memory.contract import DIM, rows_of
from tests.memory.service.gated import LIMITS, Gated


@pytest.fixture
def store() -> Gated:
    """The store behind the server, with twenty rows."""
    store = Gated(DIM)
    store.add(*rows_of(20))
    store.adds = 0
    return store


@pytest.fixture
def server(store: Gated) -> Iterator[MemoryServer]:
    """A server of small limits."""
    with serving(MemoryServer(FixedShelf({"a": store}), limits=LIMITS)) as server:
        yield server
        store.gate.set()


@pytest.fixture
def channel(server: MemoryServer) -> Iterator[grpc.Channel]:
    """A bare connection, without the client's manners."""
    where = server.address.removeprefix("grpc://")
    with grpc.insecure_channel(where, [("grpc.enable_retries", 0)]) as channel:
        yield channel
