"""`MemoryServer`: collections of vectors over gRPC, on one event loop and a few engine threads."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import grpc.aio

from daneel.errors import ConfigError
from daneel.memory.service import streams
from daneel.memory.service.access import Access
from daneel.memory.service.address import joined
from daneel.memory.service.admission import Call, admit
from daneel.memory.service.collection import Collection, Collections
from daneel.memory.service.extra import require
from daneel.memory.service.limits import Limits
from daneel.memory.service.messages import SERVICE, Method, message, methods
from daneel.memory.service.metrics import ServiceMetrics
from daneel.memory.service.refusal import refusal_of
from daneel.memory.service.servicer import MemoryServicer
from daneel.memory.service.shelf import Shelf
from daneel.memory.service.tls import ServerTls, check_bind
from daneel.memory.service.tracing import BatchTracer


class MemoryServer:
    """Serves the collections of a shelf.

    Use it inside a running event loop: `await server.start()`, later `await server.drain(10)`.
    `daneel.memory.service.threaded:serving` runs one on a thread for code without a loop.
    """

    def __init__(
        self,
        shelf: Shelf,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        tls: ServerTls | None = None,
        access: Access | None = None,
        limits: Limits | None = None,
        trace_ratio: float = 0.0,
    ) -> None:
        """A server that does not listen yet.

        Args:
            shelf: Where its collections are.
            host: Address to listen on.
            port: Port; 0 takes a free one.
            tls: Certificates; None is plain text, for this machine only.
            access: Who may do what; None lets anyone who can connect do all.
            limits: Bounds of what it takes on.
            trace_ratio: Share of engine batches that become spans.

        Raises:
            ConfigError: Other machines could connect without TLS or without saying who they are.
            MissingExtraError: A package is not installed.
        """
        require("grpc_health", "grpc_reflection")
        self.access, self._tls = access or Access(), tls
        self.check_bind(host, tls)
        self._host, self._port = host, port
        self.limits, self.metrics = limits or Limits(), ServiceMetrics()
        self._shelf, self._tracer = shelf, BatchTracer(trace_ratio)
        self._server: Any = None
        self._health: Any = None

    @property
    def port(self) -> int:
        """Where it listens, once started."""
        return self._port

    @property
    def address(self) -> str:
        """What clients put before the name of a collection."""
        scheme = "grpcs" if self._tls else "grpc"
        return f"{scheme}://{joined(self._host, self._port)}"

    def check_bind(self, host: str, tls: ServerTls | None) -> None:
        """Refuse an address where others could get in without saying who they are.

        Raises:
            ConfigError: They could.
        """
        check_bind(host, tls, self.access.has_rules)

    async def start(self) -> None:
        """Listen.

        Raises:
            ConfigError: The port cannot be had.
        """
        self._draining = asyncio.Event()
        self._pool = ThreadPoolExecutor(self.limits.threads, "memory-engine")
        self.collections = Collections(
            self._shelf, self._pool, self.limits, self._observe, self._watch
        )
        self.servicer = MemoryServicer(self.collections, self._pool, self.limits)
        self._server = grpc.aio.server(
            options=_options(self.limits), maximum_concurrent_rpcs=self.limits.calls
        )
        handlers = {each.name: self._handler(each) for each in methods().values()}
        generic = grpc.method_handlers_generic_handler(SERVICE, handlers)
        self._server.add_generic_rpc_handlers((generic,))
        await self._add_operations()
        self._bind()
        await self._server.start()

    async def drain(self, grace_s: float = 10.0) -> None:
        """Take no new calls, let those in progress end, keep what they wrote, let go.

        Args:
            grace_s: After this time calls that still run are cut off.
        """
        self._draining.set()  # streams of queries stay open between them: end those
        await self._health.enter_graceful_shutdown()
        await self._server.stop(grace_s)
        try:
            await self.collections.close()
        finally:
            self._pool.shutdown()

    async def _add_operations(self) -> None:
        from grpc_health.v1 import health as untyped
        from grpc_health.v1 import health_pb2, health_pb2_grpc
        from grpc_reflection.v1alpha import reflection

        health: Any = untyped
        self._health = health.aio.HealthServicer()
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        for name in (SERVICE, ""):
            await self._health.set(name, health_pb2.HealthCheckResponse.SERVING)
        if not self.access.has_rules:  # strangers need not know what is spoken here
            names = (SERVICE, health.SERVICE_NAME, reflection.SERVICE_NAME)
            reflection.enable_server_reflection(names, self._server)

    def _bind(self) -> None:
        where = joined(self._host, self._port)
        try:
            if self._tls is None:
                self._port = self._server.add_insecure_port(where)
            else:
                self._port = self._server.add_secure_port(where, self._tls.credentials())
        except RuntimeError as error:
            raise ConfigError(
                f"Cannot listen on {where}: {error}. Expected a free port of this machine. "
                "Take another, or 0 for any."
            ) from None

    def _handler(self, method: Method) -> grpc.RpcMethodHandler:
        codec = {
            "request_deserializer": method.request.FromString,
            "response_serializer": method.reply.SerializeToString,
        }
        if method.name == "PushStream":
            return grpc.stream_stream_rpc_method_handler(
                self._guarded(method, self._pushes), **codec
            )
        if method.name == "QueryStream":
            return grpc.stream_stream_rpc_method_handler(
                self._guarded(method, self._queries), **codec
            )
        handle = getattr(self.servicer, method.name.lower())

        async def unary(request: Any, call: Call, context: Any) -> Any:
            return await handle(request, call)

        return grpc.unary_unary_rpc_method_handler(self._guarded(method, unary), **codec)

    def _guarded(self, method: Method, handle: Callable[..., Awaitable[Any]]) -> Any:
        """The handler with admission, statuses for errors, and counting around it."""

        async def guarded(request: Any, context: Any) -> Any:
            began, code = time.perf_counter(), "CANCELLED"
            try:
                found = await handle(request, admit(self.access, context), context)
                code = "OK"
                return found
            except Exception as error:
                refusal = refusal_of(error)
                code = refusal.code.name
                await context.abort(refusal.code, refusal.message, refusal.trailing)
            finally:
                self.metrics.observe_call(method.name, code, time.perf_counter() - began)

        return guarded

    async def _pushes(self, requests: Any, call: Call, context: Any) -> None:
        async def start(request: Any) -> asyncio.Future[int]:
            return await self.servicer.start_push(request, call, wait=True)

        await streams.serve_pushes(requests, context, start, self.limits.credits)

    async def _queries(self, requests: Any, call: Call, context: Any) -> None:
        async def ask(request: Any) -> Any:
            if not request.timeout_ms:
                return await self.servicer.query(request, call, wait=True)
            return await self._answered(request, call)

        await streams.serve_queries(requests, context, ask, self.limits.credits, self._draining)

    async def _answered(self, request: Any, call: Call) -> Any:
        """The reply to a query of a stream that goes on when one fails; counted as a `Query`."""
        began, code = time.perf_counter(), "OK"
        try:
            async with asyncio.timeout(request.timeout_ms / 1000):
                return await self.servicer.query(request, call, wait=True)
        except Exception as error:
            refusal = refusal_of(error)
            code = refusal.code.name
            number, details = refusal.code.value[0], refusal.message
            return message("QueryReply")(tag=request.tag, code=number, details=details)
        finally:
            self.metrics.observe_call("Query", code, time.perf_counter() - began)

    def _observe(self, kind: str, rows: int, seconds: float) -> None:
        self.metrics.observe_engine(kind, rows, seconds)
        self._tracer.observe(kind, rows, seconds)

    def _watch(self, name: str, collection: Collection) -> None:
        self.metrics.watch_waiting(name, "read", lambda: collection.read_room.used)
        self.metrics.watch_waiting(name, "write", lambda: collection.write_room.used)


def _options(limits: Limits) -> list[tuple[str, int]]:
    return [
        ("grpc.max_receive_message_length", limits.message_bytes),
        ("grpc.max_send_message_length", limits.message_bytes),
        ("grpc.so_reuseport", 0),  # two servers on one port would answer by turns
        # The engine drops calls without a hint when 1000 of them wait for Python to take them up.
        ("grpc.server.max_pending_requests", limits.calls),
        ("grpc.server.max_pending_requests_hard_limit", limits.calls),
    ]
