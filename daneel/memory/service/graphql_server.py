"""The GraphQL gateway on a port, served by uvicorn on the event loop of a memory server."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from daneel.errors import ConfigError
from daneel.memory.service.address import joined
from daneel.memory.service.extra import require
from daneel.memory.service.graphql_gateway import GraphQLMemoryGateway
from daneel.memory.service.server import MemoryServer
from daneel.memory.service.tls import ServerTls


class GatewayServer:
    """A gateway that listens."""

    def __init__(self, server: Any, task: asyncio.Task[None], address: str) -> None:
        """Made by `listen`."""
        self._server, self._task, self.address = server, task, address

    async def stop(self) -> None:
        """Let requests in progress end, and stop listening."""
        self._server.should_exit = True
        await self._task


async def listen(
    server: MemoryServer,
    host: str = "127.0.0.1",
    port: int = 0,
    tls: ServerTls | None = None,
    **options: Any,
) -> GatewayServer:
    """Put a gateway in front of a started server.

    Args:
        server: Whose queues and access rules it uses.
        host: Address to listen on.
        port: Port; 0 takes a free one.
        tls: Certificates; None is plain text, for this machine only.
        options: Those of `GraphQLMemoryGateway`: cost, timeout_s, body_bytes.

    Raises:
        ConfigError: The port cannot be had, other machines could get in, or callers are known only
            by certificates, whose names do not come through HTTP here.
    """
    require("uvicorn")
    import uvicorn

    access = server.access
    if access.has_rules and not access.tokens:
        raise ConfigError(
            "Callers are known by their certificates alone. Expected tokens for GraphQL. "
            "Give some callers a token in the access file, or leave graphql_port out."
        )
    server.check_bind(host, tls)
    gateway: Any = GraphQLMemoryGateway(server.servicer, access, **options)
    config = uvicorn.Config(
        gateway, log_level="error", access_log=False, ws="none", lifespan="off", **_tls(tls)
    )
    listener = _bind(host, port)
    running = _server(config)
    task = asyncio.create_task(running.serve([listener]))
    while not running.started and not task.done():
        await asyncio.sleep(0.005)
    if task.done():
        await task
    where = joined(host, listener.getsockname()[1])
    return GatewayServer(running, task, f"{'https' if tls else 'http'}://{where}/graphql")


def _server(config: Any) -> Any:
    import uvicorn

    class Server(uvicorn.Server):
        """Leaves the signals to whoever runs the loop."""

        @contextmanager
        def capture_signals(self) -> Generator[None, None, None]:
            yield

    return Server(config)


def _bind(host: str, port: int) -> socket.socket:
    """A listening socket; its protocol is named, or asyncio would leave Nagle's algorithm on."""
    tcp = socket.SOCK_STREAM, socket.IPPROTO_TCP
    try:
        family, *_, where = socket.getaddrinfo(host, port, 0, *tcp, socket.AI_PASSIVE)[0]
        listener = socket.socket(family, *tcp)
    except OSError as error:
        raise _refused(host, port, error) from None
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(where)
        listener.listen()
    except OSError as error:
        listener.close()
        raise _refused(host, port, error) from None
    return listener


def _refused(host: str, port: int, error: OSError) -> ConfigError:
    return ConfigError(
        f"Cannot listen on {joined(host, port)} for GraphQL: {error.strerror}. Expected a free "
        "port of this machine. Take another, or 0 for any."
    )


def _tls(tls: ServerTls | None) -> dict[str, Any]:
    if tls is None:
        return {}
    asked = ssl.CERT_REQUIRED if tls.client_ca else ssl.CERT_NONE
    files = {"ssl_certfile": tls.certificate, "ssl_keyfile": tls.private_key}
    return {**files, "ssl_ca_certs": tls.client_ca, "ssl_cert_reqs": asked}
