"""Data and server processes of `daneel bench memory --parts service`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from daneel.errors import MemoryStoreError
from daneel.evaluation.bench.memory_load import DIM, batches, clustered, latency, nearest
from daneel.evaluation.bench.memory_nodes import nodes
from daneel.evaluation.bench.memory_trust import make_trust
from daneel.memory.in_memory import InMemoryStore
from daneel.memory.service.client import RemoteMemory


def test_queries_are_like_the_rows() -> None:
    """They are around the same centres: with some rows a centre, most have a near one."""
    rows, queries = clustered(0, 8000, 50)
    assert rows.shape == (8000, DIM) and np.allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
    best = (queries @ rows.T).max(1)
    assert np.mean(best > 0.7) > 0.9
    assert (nearest(rows[:5], rows)[:, 0] == np.arange(5)).all()


def test_batches_hold_every_row_once() -> None:
    """Ids count on; the last batch may be smaller."""
    rows, queries = clustered(1, 25, 10)
    parts = batches(rows, 10)
    assert [len(ids) for ids, _, _ in parts] == [10, 10, 5]
    store = InMemoryStore(DIM)
    for part in parts:
        store.add(*part)
    assert (store.get([f"r{n}" for n in range(25)]).vectors == rows).all()
    p50, p95, p99 = latency(store, queries)
    assert 0 < p50 <= p95 <= p99


@pytest.mark.slow
def test_a_node_asks_who_is_there_and_can_be_replaced(tmp_path: Path) -> None:
    """A certificate alone is too little; after a kill its port answers again."""
    pytest.importorskip("cryptography")
    trust = make_trust(tmp_path)
    with nodes(["memory://"], "--threads", "1", trust=trust) as (node,):
        address = f"{node.address}/a"
        with pytest.raises(MemoryStoreError, match="unauthenticated"):
            RemoteMemory(address, 2, tls=trust.client["tls"])
        RemoteMemory(address, 2, **trust.client).close()
        assert node.cpu_s() > 0
        node.kill()
        with pytest.raises(MemoryStoreError, match="cannot be reached"):
            RemoteMemory(address, 2, timeout_s=5, **trust.client)
        node.replace()
        assert node.address == address.removesuffix("/a")
        RemoteMemory(address, 2, **trust.client).close()
