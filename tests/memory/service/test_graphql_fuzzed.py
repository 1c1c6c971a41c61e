"""Schemathesis against the GraphQL gateway on a port: whatever fits its schema is answered."""

from __future__ import annotations

import asyncio
import base64
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis.graphql import nodes

from daneel.memory.in_memory import InMemoryStore
from daneel.memory.service.graphql_server import listen
from daneel.memory.service.server import MemoryServer
from daneel.memory.service.shelf import FixedShelf
from tests.memory.contract import DIM, rows_of

SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]

schemathesis.graphql.scalar(
    "Base64",
    st.binary(max_size=40).map(lambda data: nodes.String(base64.b64encode(data).decode())),
)
schemathesis.graphql.scalar("JSON", st.text("ab{}[]", max_size=5).map(nodes.String))


@pytest.fixture(scope="module")
def gateway() -> Iterator[Any]:
    """The schema as a gateway over a store of 20 rows tells it by introspection."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    def run(job: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(job, loop).result()

    store = InMemoryStore(DIM)
    store.add(*rows_of(20))
    server = MemoryServer(FixedShelf({"a": store}, InMemoryStore))
    run(server.start())
    listening = run(listen(server))
    yield schemathesis.graphql.from_url(listening.address)
    run(listening.stop())
    run(server.drain(1))
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


def test_every_operation_answers(gateway: Any) -> None:
    """Queries and mutations of the schema: data, or errors that are said to be the caller's."""
    operations = [found.ok() for found in gateway.get_all_operations()]
    assert {"Query.search", "Mutation.add"} <= {operation.label for operation in operations}
    for operation in operations:
        answers(operation)


def answers(operation: Any) -> None:
    """Documents that Schemathesis makes for one operation."""

    @settings(max_examples=10, deadline=None, suppress_health_check=SLOW)
    @given(case=operation.as_strategy())
    def ask(case: Any) -> None:
        response = case.call()  # its own check takes every error of the caller's for the server's
        assert response.status_code == 200
        for error in response.json().get("errors", []):
            assert error.get("extensions", {}).get("code") != "INTERNAL", error

    ask()
