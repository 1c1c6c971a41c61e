"""The GraphQL gateway: answers as gRPC, bounds on documents and requests, fuzzed documents."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import Iterator
from typing import Any

import httpx
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis_graphql import from_schema
from strawberry.extensions import ValidationCache

from daneel.memory.in_memory import InMemoryStore
from daneel.memory.service.access import make_access
from daneel.memory.service.graphql_gateway import GraphQLMemoryGateway
from daneel.memory.service.graphql_schema import make_schema
from daneel.memory.service.graphql_server import listen
from daneel.memory.service.server import MemoryServer
from daneel.memory.service.shelf import FixedShelf
from tests.memory.contract import DIM, rows_of

TOKEN = "a-token-of-many-letters"
ACCESS = make_access([{"name": "reader", "token": TOKEN, "rules": {"a": "read"}}])
SEARCH = """query Q($q: Base64!, $k: Int!, $where: JSON) {
  search(collection: "a", queries: $q, dim: 4, k: $k, where: $where) { ids scores metadata }
}"""


class Service:
    """A gateway over a server that runs on a loop of the test's own."""

    def __init__(self, access: Any = None, **options: Any) -> None:
        """Start both."""
        self.loop = asyncio.new_event_loop()
        self.store = InMemoryStore(DIM)
        shelf = FixedShelf({"a": self.store}, InMemoryStore)
        self.server = MemoryServer(shelf, access=access)
        self.loop.run_until_complete(self.server.start())
        self.app: Any = GraphQLMemoryGateway(self.server.servicer, access, **options)

    def post(self, query: Any, variables: Any = None, token: str = "", **raw: Any) -> Any:
        """The response of a request."""
        headers = {"authorization": f"Bearer {token}"} if token else {}
        body = raw or {"json": {"query": query, "variables": variables}}

        async def send() -> httpx.Response:
            transport = httpx.ASGITransport(self.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://memory") as client:
                return await client.post("/", headers=headers | raw.pop("headers", {}), **body)

        return self.loop.run_until_complete(send())

    def close(self) -> None:
        """Stop both."""
        self.loop.run_until_complete(self.server.drain(1))
        self.loop.close()


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    """One without access rules."""
    service = Service(cost=1000, body_bytes=50_000)
    ids, vectors = rows_of(20)
    service.store.add(ids, vectors, [{"n": n} for n in range(20)])
    yield service
    service.close()


def packed(vectors: Any) -> str:
    """Base64 of float32."""
    return base64.b64encode(np.asarray(vectors, "<f4").tobytes()).decode()


def code_of(response: Any) -> str:
    """The code of the first error."""
    return response.json()["errors"][0]["extensions"]["code"]


def test_search_answers_as_the_store(service: Service) -> None:
    """Ids, scores and metadata, gaps included."""
    queries = rows_of(3, seed=1)[1]
    where = {"n": {"lt": 4}}
    asked = {"q": packed(queries), "k": 6, "where": where}
    found = service.post(SEARCH, asked).json()["data"]["search"]
    expected = service.store.search(queries, 6, where)
    assert found["ids"] == expected.ids.tolist()
    scores = np.frombuffer(base64.b64decode(found["scores"]), "<f4").reshape(3, 6)
    np.testing.assert_allclose(scores, expected.scores, rtol=1e-6)
    assert found["metadata"][0][:4] == expected.metadata[0][:4]


def test_everything_else(service: Service) -> None:
    """Make, add, get, list, describe, delete."""
    made = service.post('mutation { create(name: "b", dim: 2, metric: "l2") { dim metric rows } }')
    assert made.json()["data"]["create"] == {"dim": 2, "metric": "l2", "rows": 0}
    add = """mutation A($v: Base64!, $m: JSON) {
      add(collection: "b", ids: ["x", "y"], vectors: $v, dim: 2, metadata: $m) }"""
    asked = {"v": packed([[1, 2], [3, 4]]), "m": [{"a": 1}, {}]}
    assert service.post(add, asked).json() == {"data": {"add": 2}}
    got = service.post('{ get(collection: "b", ids: ["y", "no", "x"]) { ids vectors metadata } }')
    rows = got.json()["data"]["get"]
    assert rows == {
        "ids": ["y", "x"],
        "vectors": packed([[3, 4], [1, 2]]),
        "metadata": [{}, {"a": 1}],
    }
    assert service.post("{ collections }").json()["data"]["collections"] == ["a", "b"]
    delete = 'mutation { delete(collection: "b", ids: ["x", "no"]) }'
    assert service.post(delete).json() == {"data": {"delete": 1}}
    described = service.post('{ collection(name: "b") { name rows } }').json()
    assert described["data"]["collection"] == {"name": "b", "rows": 1}


def test_rows_without_metadata() -> None:
    """Null stands for entries that are all empty, and for those that were not asked for."""
    service = Service()
    try:
        add = 'mutation A($v: Base64!) { add(collection: "a", ids: ["x"], vectors: $v, dim: 4) }'
        asked = {"v": packed([[1] * 4]), "q": packed([[1] * 4]), "k": 2}
        assert service.post(add, asked).json() == {"data": {"add": 1}}
        found = service.post(SEARCH, asked).json()["data"]["search"]
        assert found["ids"] == [["x", None]] and found["metadata"] is None
        got = service.post('{ get(collection: "a", ids: ["x"]) { ids metadata } }').json()
        assert got == {"data": {"get": {"ids": ["x"], "metadata": None}}}
        service.store.add(["x"], np.ones((1, DIM)), [{"n": 1}])
        assert service.post(SEARCH, asked).json()["data"]["search"]["metadata"] == [[{"n": 1}, {}]]
        bare = SEARCH.replace("where: $where", "where: $where, metadata: false")
        assert service.post(bare, asked).json()["data"]["search"] == {**found, "metadata": None}
    finally:
        service.close()


def test_wrong_arguments_say_what_is_wrong(service: Service) -> None:
    """With the code of gRPC."""
    nan = {"q": packed([[np.nan] * 4]), "k": 1}
    assert code_of(service.post(SEARCH, nan)) == "INVALID_ARGUMENT"
    short = {"q": base64.b64encode(b"abc").decode(), "k": 1}
    assert code_of(service.post(SEARCH, short)) == "INVALID_ARGUMENT"
    good = {"q": packed([[1] * 4]), "k": 1}
    assert code_of(service.post(SEARCH, {**good, "where": ["x"]})) == "INVALID_ARGUMENT"
    assert code_of(service.post(SEARCH.replace('"a"', '"no"'), good)) == "NOT_FOUND"
    assert "k is 0" in service.post(SEARCH, {**good, "k": 0}).text


def test_bounds(service: Service) -> None:
    """Rows, bytes, depth, aliases and length of documents."""
    many = {"q": packed(np.ones((20, 4))), "k": 100}
    assert code_of(service.post(SEARCH, many)) == "RESOURCE_EXHAUSTED"
    several = " ".join(
        f's{n}: get(collection: "a", ids: ["{"x" * 9}"]) {{ ids }}' for n in range(20)
    )
    assert "alias" in service.post(f"{{ {several} }}").text
    assert "tokens" in service.post("{ " + "collections " * 3000 + "}").text
    assert service.post("x" * 60_000).status_code == 413
    assert service.post("{ nothing }").json()["data"] is None


def test_a_document_is_validated_once(service: Service) -> None:
    """The second request with the same one finds what was said of it."""
    remembered: Any = ValidationCache().cached_validate_document
    asked = {"q": packed(np.ones((1, 4))), "k": 1}
    service.post(SEARCH, asked)
    before = remembered.cache_info()
    service.post(SEARCH, {**asked, "k": 2})
    after = remembered.cache_info()
    assert (after.hits, after.misses) == (before.hits + 1, before.misses)


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{", b'{"query": 1}', b'{"query": "{a}", "variables": 3}']
)
def test_bodies_that_are_no_request(service: Service, body: bytes) -> None:
    """400, and a sentence."""
    response = service.post(None, content=body, headers={"content-type": "application/json"})
    assert response.status_code == 400 and "Expected" in response.text
    assert service.post(None, content=body).status_code == 415


def test_tokens_and_rights() -> None:
    """No token, a wrong one, and one that may only read."""
    service = Service(ACCESS)
    try:
        ask = '{ collection(name: "a") { rows } }'
        assert code_of(service.post(ask)) == "UNAUTHENTICATED"
        assert code_of(service.post(ask, token=TOKEN + "x")) == "UNAUTHENTICATED"
        assert service.post(ask, token=TOKEN).json()["data"]["collection"] == {"rows": 0}
        write = 'mutation { delete(collection: "a", ids: ["x"]) }'
        assert code_of(service.post(write, token=TOKEN)) == "PERMISSION_DENIED"
        assert service.post("{ collections }", token=TOKEN).json()["data"]["collections"] == ["a"]
    finally:
        service.close()


SCHEMA = str(make_schema())


def text_node(value: str) -> Any:
    """A literal of the schema's own scalars."""
    import graphql

    return graphql.StringValueNode(value=value)


scalars: Any = {
    "Base64": st.binary(max_size=40).map(lambda data: text_node(base64.b64encode(data).decode())),
    "JSON": st.text("ab{}[]", max_size=5).map(text_node),
}


SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]


@settings(max_examples=25, deadline=None, suppress_health_check=SLOW)
@given(query=from_schema(SCHEMA, custom_scalars=scalars))
def test_any_document_of_the_schema_is_answered(service: Service, query: str) -> None:
    """Generated documents give data or errors with a known code, never one of ours' making."""
    response = service.post(query)
    assert response.status_code == 200
    for error in response.json().get("errors", []):
        assert error.get("extensions", {}).get("code") != "INTERNAL", error
        assert "Cannot return null" not in error["message"], error


def test_over_http() -> None:
    """On a port, with uvicorn, and stopped again; no answer waits for an acknowledgement of TCP."""

    async def use() -> None:
        server = MemoryServer(FixedShelf({"a": InMemoryStore(DIM)}))
        await server.start()
        gateway = await listen(server)
        async with httpx.AsyncClient() as client:
            seconds = list[float]()
            for _ in range(20):
                began = time.perf_counter()
                response = await client.post(gateway.address, json={"query": "{ collections }"})
                seconds.append(time.perf_counter() - began)
                assert json.loads(response.text) == {"data": {"collections": ["a"]}}
            assert min(seconds) < 0.03  # Nagle's algorithm and a delayed ACK: 0.04
        await gateway.stop()
        await server.drain(1)

    asyncio.run(use())
