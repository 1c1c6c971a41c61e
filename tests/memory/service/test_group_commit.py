"""Writes of several callers at once: shared commits, acknowledged when the disk has them."""

from __future__ import annotations

import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest

from daneel.memory.service.client import RemoteMemory
from daneel.memory.service.server import MemoryServer
from daneel.memory.service.shelf import FixedShelf
from daneel.memory.service.threaded import serving
from tests.memory.contract import DIM
from tests.memory.service.gated import push, refused, rpc, until_waiting

ROWS = np.ones((10, DIM), np.float32)


def names(prefix: str) -> list[str]:
    """Ids of one batch."""
    return [f"{prefix}-{row}" for row in range(len(ROWS))]


class Fsync:
    """`os.fsync` that waits for a gate."""

    def __init__(self, real: Any) -> None:
        """Open."""
        self.gate, self._real = threading.Event(), real
        self.gate.set()

    def __call__(self, file: int) -> None:
        """Wait, do it."""
        self.gate.wait(60)
        self._real(file)


def test_nobody_is_acknowledged_before_the_disk_has_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Four callers, one of them wrong: two commits, three kept, all told after the last fsync."""
    lance = pytest.importorskip("daneel.memory.lance.store")
    fsync = Fsync(os.fsync)
    monkeypatch.setattr(os, "fsync", fsync)
    store = lance.LanceStore(tmp_path / "a", DIM, durability="disk")
    with ExitStack() as stack:
        server = stack.enter_context(serving(MemoryServer(FixedShelf({"a": store}))))
        pool = stack.enter_context(ThreadPoolExecutor(4))
        client = stack.enter_context(RemoteMemory(f"{server.address}/a"))
        where = server.address.removeprefix("grpc://")
        call = rpc(stack.enter_context(grpc.insecure_channel(where)), "Push")
        fsync.gate.clear()
        stack.callback(fsync.gate.set)
        first = pool.submit(client.add, names("first"), ROWS)
        until_waiting(server, "write", len(ROWS))
        more = [pool.submit(client.add, names(f"more{at}"), ROWS) for at in range(2)]
        bad = call.future(push(1, ("bad", "bad")), timeout=20)
        until_waiting(server, "write", 3 * len(ROWS) + 2)
        time.sleep(0.3)
        assert not any(each.done() for each in (first, bad, *more))
        fsync.gate.set()
        for each in (first, *more):
            each.result()
        assert refused(bad.result).code() is grpc.StatusCode.INVALID_ARGUMENT
        assert store.stats()["commit"] == 2
    with lance.LanceStore(tmp_path / "a") as found:
        assert len(found) == 3 * len(ROWS)
