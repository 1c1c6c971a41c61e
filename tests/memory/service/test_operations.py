"""A server in operation: drain, health, reflection, metrics, spans, wrong options."""

from __future__ import annotations

import threading
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import numpy as np
import pytest

from daneel.errors import ConfigError, MemoryStoreError
from daneel.memory.in_memory import InMemoryStore
from daneel.memory.protocol import VectorStore
from daneel.memory.service.client import RemoteMemory
from daneel.memory.service.limits import Limits
from daneel.memory.service.messages import SERVICE
from daneel.memory.service.server import MemoryServer
from daneel.memory.service.shelf import FixedShelf
from daneel.memory.service.threaded import serving
from daneel.memory.service.tracing import BatchTracer
from tests.memory.contract import DIM, rows_of
from tests.memory.service.gated import Gated, until_waiting


def test_drain_ends_what_is_in_progress(store: Gated) -> None:
    """A call that has begun is answered and kept; later ones find nobody."""
    server = MemoryServer(FixedShelf({"a": store}))
    with ThreadPoolExecutor(1) as pool:
        with serving(server):
            client = RemoteMemory(f"{server.address}/a")
            store.gate.clear()
            running = pool.submit(client.add, ["late"], np.ones((1, DIM)))
            until_waiting(server, "write", 1)
            threading.Timer(0.3, store.gate.set).start()
        running.result()
    assert store.rows_at_end == 21
    with pytest.raises(MemoryStoreError, match="cannot be reached"):
        len(client)
    client.close()


class Unclosable(InMemoryStore):
    """A store whose disk is full when it closes."""

    def close(self) -> None:
        """Refuse."""
        raise MemoryStoreError("The disk is full. Expected room for the index. Free some.")


def test_a_store_that_cannot_be_closed_leaves_no_other_one_open() -> None:
    """All are closed, then the failure is said."""
    other = Gated(DIM)
    other.add(*rows_of(3))
    stores: dict[str, VectorStore] = {"a": Unclosable(DIM), "b": other}
    with pytest.raises(MemoryStoreError, match="disk is full"):
        with serving(MemoryServer(FixedShelf(stores))) as server:
            for name in stores:
                RemoteMemory(f"{server.address}/{name}").close()
    assert other.rows_at_end == 3


def test_health_and_reflection(channel: grpc.Channel) -> None:
    """Their usual clients work."""
    from grpc_health.v1 import health_pb2, health_pb2_grpc
    from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
        ProtoReflectionDescriptorDatabase,
    )

    health: Any = health_pb2_grpc.HealthStub(channel)
    for name in (SERVICE, ""):
        found = health.Check(health_pb2.HealthCheckRequest(service=name), timeout=5)
        assert found.status == health_pb2.HealthCheckResponse.SERVING
    database = ProtoReflectionDescriptorDatabase(channel)
    assert SERVICE in database.get_services()
    assert database.FindFileContainingSymbol(SERVICE).package == "daneel.memory.v1"


def test_metrics(server: MemoryServer) -> None:
    """Scraped over HTTP: calls by method and code, batches, what waits."""
    with RemoteMemory(f"{server.address}/a") as client:
        client.search(np.ones(DIM), 1)
        with pytest.raises(ValueError, match="hits"):
            client.search(np.ones(DIM), 6000)
    port = server.metrics.listen(0)
    with urllib.request.urlopen(port.address, timeout=5) as response:
        text = response.read().decode()
    port.stop()
    for host in ("0.0.0.0", "::", "memory.example"):
        with pytest.raises(ConfigError, match="other machines"):
            server.metrics.listen(0, host)
    assert 'daneel_memory_call_seconds_count{code="OK",method="Query"} 1.0' in text
    assert 'code="INVALID_ARGUMENT",method="Query"' in text
    assert 'daneel_memory_engine_rows_count{kind="read"} 1.0' in text
    assert 'daneel_memory_waiting_rows{collection="a",kind="write"} 0.0' in text


def test_spans_are_sampled_by_batch() -> None:
    """About the asked share, none for 0, and a ratio that is none is refused."""
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    spans, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(spans))
    tracer = BatchTracer(0.2, seed=0, provider=provider)
    for _ in range(500):
        tracer.observe("read", 7, 0.25)
    found = spans.get_finished_spans()
    assert 60 <= len(found) <= 140
    assert found[0].attributes == {"rows": 7}
    assert found[0].start_time is not None and found[0].end_time is not None
    assert found[0].end_time - found[0].start_time == 250_000_000
    assert BatchTracer(0.0)._tracer is None
    with pytest.raises(ValueError, match="trace_ratio"):
        BatchTracer(2)


def test_a_taken_port_and_wrong_limits(server: MemoryServer) -> None:
    """Both are said."""
    with pytest.raises(ConfigError, match="Cannot listen"):
        with serving(MemoryServer(FixedShelf({}), port=server.port)):
            pass
    with pytest.raises(ValueError, match="credits"):
        Limits(credits=0)
