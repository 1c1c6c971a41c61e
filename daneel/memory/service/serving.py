"""`serve(options)`: what `daneel memory serve` does."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from daneel.errors import ConfigError
from daneel.memory.in_memory import InMemoryStore
from daneel.memory.protocol import Durability, Metric, VectorStore
from daneel.memory.service.access import Access, load_access
from daneel.memory.service.extra import require
from daneel.memory.service.limits import Limits
from daneel.memory.service.server import MemoryServer
from daneel.memory.service.shelf import FixedShelf, FolderShelf, Shelf
from daneel.memory.service.tls import ServerTls

RAM = "memory://"


@dataclass(frozen=True)
class ServeOptions:
    """Serve the collections of a folder over gRPC, until SIGTERM or Ctrl-C."""

    path: str = "memory"
    """Folder of the collections, each a store in a folder of its own; `memory://` keeps rows in RAM
    only. Several servers may serve one folder."""

    host: str = "127.0.0.1"
    """Address to listen on. One that other machines reach needs TLS and either client certificates
    or tokens."""

    port: int = 7420
    """Port for gRPC; 0 takes a free one, printed at start."""

    certificate: Path | None = None
    """The server's certificate chain (PEM); switches TLS on."""

    private_key: Path | None = None
    """Key of that certificate (PEM)."""

    client_ca: Path | None = None
    """Authority whose client certificates are asked for and accepted (PEM): mutual TLS."""

    access: Path | None = None
    """JSON file of bearer tokens or certificate names and what each may do, by collection."""

    index: str | None = None
    """Index of the collections; each keeps its own when left out (`ivf` for a new one)."""

    recall: float | None = None
    """Recall that their searches are tuned to; each keeps its own when left out."""

    durability: Durability = "process"
    """What an acknowledged write survives."""

    threads: int = 2
    """Engine calls that run at a time."""

    queue_rows: int = 65_536
    """Rows that may wait for the engine, of writes and of queries each; beyond that unary calls are
    refused with a hint when to come back."""

    max_message_mb: int = 32
    """Largest message in MiB."""

    max_calls: int = 20_000
    """Calls in progress at a time; more are refused."""

    metrics_port: int | None = None
    """Port for Prometheus on 127.0.0.1, whatever `host` is, as it has neither TLS nor tokens; none
    when left out, 0 takes a free one."""

    graphql_port: int | None = None
    """Port for the GraphQL gateway on `host`; none when left out, 0 takes a free one."""

    trace_ratio: float = 0.0
    """Share of engine batches that become OpenTelemetry spans."""

    drain_s: float = 10.0
    """How long calls in progress may take to end after SIGTERM."""


def serve(options: ServeOptions, say: Callable[[str], None] | None = None) -> None:
    """Serve until SIGTERM or Ctrl-C, then end the calls in progress and keep what they wrote.

    Args:
        options: What and where.
        say: Told each address it listens on, one line each; printed when left out.

    Raises:
        ConfigError: An option is wrong, a file cannot be read, or a port cannot be had.
    """
    asyncio.run(_serve(options, say or _print))


async def _serve(options: ServeOptions, say: Callable[[str], None]) -> None:
    server, stop = make_server(options), asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with AsyncExitStack() as stack:
        await server.start()
        stack.push_async_callback(server.drain, options.drain_s)
        if options.metrics_port is not None:
            metrics = server.metrics.listen(options.metrics_port)
            stack.callback(metrics.stop)
            say(f"metrics {metrics.address}")
        if options.graphql_port is not None:
            from daneel.memory.service.graphql_server import listen

            port = options.graphql_port
            gateway = await listen(server, options.host, port, tls_of(options))
            stack.push_async_callback(gateway.stop)
            say(f"graphql {gateway.address}")
        say(f"memory {server.address}")
        await stop.wait()


def make_server(options: ServeOptions) -> MemoryServer:
    """The server that options describe; it does not listen yet.

    Raises:
        ConfigError: An option is wrong or a file cannot be read.
    """
    return MemoryServer(
        make_shelf(options),
        host=options.host,
        port=options.port,
        tls=tls_of(options),
        access=load_access(options.access) if options.access else Access(),
        limits=Limits(
            queue_rows=options.queue_rows,
            threads=options.threads,
            message_bytes=options.max_message_mb << 20,
            calls=options.max_calls,
        ),
        trace_ratio=options.trace_ratio,
    )


def make_shelf(options: ServeOptions) -> Shelf:
    """Where the collections are.

    Raises:
        MissingExtraError: The engine is not installed.
    """
    if options.path == RAM:
        return FixedShelf({}, InMemoryStore)

    require("lancedb")
    from daneel.memory.lance.store import LanceStore  # takes seconds: now, not in the first call

    def opened(address: str, dim: int | None, metric: Metric | None) -> VectorStore:
        return LanceStore(
            address,
            dim,
            metric,
            index=options.index,
            recall=options.recall,
            durability=options.durability,
        )

    return FolderShelf(Path(options.path), opened)


def tls_of(options: ServeOptions) -> ServerTls | None:
    """The certificates of options; None for plain text.

    Raises:
        ConfigError: Only some of what goes together is given.
    """
    if options.certificate is None and options.private_key is None:
        if options.client_ca is not None:
            raise ConfigError("client_ca is given without certificate and private_key. Give all.")
        return None
    if options.certificate is None or options.private_key is None:
        raise ConfigError("certificate and private_key go together. Expected both.")
    return ServerTls(options.certificate, options.private_key, options.client_ca)


def _print(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
