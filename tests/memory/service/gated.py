"""A store that waits for a gate, and raw calls to the server in front of it."""

from __future__ import annotations

import threading
import time
from typing import Any

import grpc
import numpy as np
import pytest

from daneel.memory.in_memory import InMemoryStore
from daneel.memory.protocol import Hits
from daneel.memory.service import wire
from daneel.memory.service.limits import Limits
from daneel.memory.service.messages import message, methods
from daneel.memory.service.server import MemoryServer
from tests.memory.contract import DIM


class Gated(InMemoryStore):
    """A store whose calls wait until a gate is open, and that counts them."""

    def __init__(self, dim: int, metric: str = "cosine") -> None:
        """Open."""
        super().__init__(dim, metric)
        self.gate = threading.Event()
        self.gate.set()
        self.adds, self.batches, self.rows_at_end = 0, list[int](), 0

    def add(self, ids: Any, vectors: Any, metadata: Any = None) -> None:
        """Wait, count, add."""
        self.gate.wait(20)
        self.adds += 1
        super().add(ids, vectors, metadata)

    def search(self, queries: Any, k: int, where: Any = None) -> Hits:
        """Wait, count, search."""
        self.gate.wait(20)
        self.batches.append(len(np.atleast_2d(queries)))
        return super().search(queries, k, where)

    def close(self) -> None:
        """Count what is there, close."""
        self.rows_at_end = len(self)
        super().close()


LIMITS = Limits(queue_rows=200, threads=2, message_bytes=60_000, credits=4, hits=5000)


def rpc(channel: grpc.Channel, name: str) -> Any:
    """An rpc, called by hand."""
    return methods()[name].on(channel)


def push(sequence: int = 1, ids: tuple[str, ...] = ("x",), client: str = "c") -> Any:
    """A `PushRequest`."""
    key = message("Key")(client=client, sequence=sequence)
    vectors = wire.pack(np.full((len(ids), DIM), sequence, np.float32))
    return message("PushRequest")(collection="a", key=key, ids=ids, vectors=vectors)


def query(**changes: Any) -> Any:
    """A `QueryRequest`."""
    fields = {"collection": "a", "k": 2, "queries": wire.pack(np.ones((1, DIM), np.float32))}
    return message("QueryRequest")(**fields | changes)


def refused(call: Any, *arguments: Any, **options: Any) -> Any:
    """The error of a call that fails."""
    with pytest.raises(grpc.RpcError) as caught:
        call(*arguments, **options)
    return caught.value


def until_waiting(server: MemoryServer, kind: str, rows: int) -> None:
    """Wait until that many rows have come to the server and are not done."""
    line = f'waiting_rows{{collection="a",kind="{kind}"}} {rows}.0\n'.encode()
    ends = time.monotonic() + 30
    while line not in server.metrics.text():
        assert time.monotonic() < ends
        time.sleep(0.01)
