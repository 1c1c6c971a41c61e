"""`GraphQLMemoryGateway`: the memory service for speakers of GraphQL, an ASGI application."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

from daneel.memory.service.access import Access
from daneel.memory.service.extra import require
from daneel.memory.service.servicer import MemoryServicer

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

JSON_TYPE = b"application/json"


class GraphQLMemoryGateway:
    """Answers POST requests with a JSON body `{"query": ..., "variables": ...}` on any path.

    It runs on the server's event loop and uses the server's queues, batches and access rules.
    Documents are bounded in depth, aliases and length, requests in bytes, rows and time.
    """

    def __init__(
        self,
        servicer: MemoryServicer,
        access: Access | None = None,
        *,
        cost: int = 100_000,
        timeout_s: float = 30.0,
        body_bytes: int = 8 << 20,
    ) -> None:
        """An application in front of a started `MemoryServer`.

        Args:
            servicer: `server.servicer`.
            access: Who may do what, by bearer token; anyone may do all when left out.
            cost: Rows that one request may read (queries times k) or write in all.
            timeout_s: How long a request may take.
            body_bytes: Largest request.

        Raises:
            MissingExtraError: strawberry-graphql is not installed.
        """
        require("strawberry")
        from daneel.memory.service.graphql_schema import make_schema

        self._servicer, self._access = servicer, access or Access()
        self._cost, self._timeout_s, self._body_bytes = cost, timeout_s, body_bytes
        self.schema = make_schema()

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """See the ASGI specification, version 3."""
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
        elif scope["type"] != "http":
            await send({"type": "websocket.close"})
        else:
            status, answer = await self._answer(scope, receive)
            body = json.dumps(answer, separators=(",", ":")).encode()
            headers = [(b"content-type", JSON_TYPE), (b"content-length", b"%d" % len(body))]
            await send({"type": "http.response.start", "status": status, "headers": headers})
            await send({"type": "http.response.body", "body": body})

    async def _answer(self, scope: dict[str, Any], receive: Receive) -> tuple[int, Any]:
        """Status and body of the response."""
        headers = dict(scope["headers"])
        if scope["method"] != "POST":
            return 405, _problem("Expected a POST request.")
        if not headers.get(b"content-type", b"").startswith(JSON_TYPE):
            return 415, _problem("Expected the content type application/json.")
        body = await self._body(receive)
        if body is None:
            return 413, _problem(f"Expected at most {self._body_bytes} bytes.")
        try:
            asked = json.loads(body)
            query, variables = asked["query"], asked.get("variables") or {}
            name = asked.get("operationName")
        except (ValueError, KeyError, TypeError, AttributeError):
            return 400, _problem("Expected a JSON object with `query`.")
        right = isinstance(query, str) and isinstance(variables, dict)
        if not right or not (name is None or isinstance(name, str)):
            return 400, _problem("Expected texts in `query` and `operationName`, and an object "
                                 "in `variables`.")  # fmt: skip
        return await self._execute(query, variables, name, headers.get(b"authorization"))

    async def _execute(
        self, query: str, variables: dict[str, Any], name: str | None, token: bytes | None
    ) -> tuple[int, Any]:
        from daneel.memory.service.graphql_call import GraphQLCall

        said = None if token is None else token.decode("latin-1")
        call = GraphQLCall(self._servicer, self._access, said, self._cost, self._timeout_s)
        result: Any = await self.schema.execute(
            query, variable_values=variables, context_value=call, operation_name=name
        )
        answer: dict[str, Any] = {"data": result.data}
        if result.errors:
            answer["errors"] = [each.formatted for each in result.errors]
        return 200, answer

    async def _body(self, receive: Receive) -> bytes | None:
        """The whole body, or None when it is too large."""
        parts, size = list[bytes](), 0
        while True:
            event = await receive()
            part = event.get("body", b"")
            size += len(part)
            if size > self._body_bytes:
                return None
            parts.append(part)
            if not event.get("more_body"):
                return b"".join(parts)


def _problem(message: str) -> dict[str, Any]:
    return {"errors": [{"message": message}]}


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        kind = (await receive())["type"]
        await send({"type": f"{kind}.complete"})
        if kind == "lifespan.shutdown":
            return
