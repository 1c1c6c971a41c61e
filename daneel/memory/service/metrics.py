"""Counters and histograms of a server, in the format of Prometheus."""

from __future__ import annotations

from collections.abc import Callable
from threading import Thread
from typing import Any

from daneel.errors import ConfigError
from daneel.memory.service.extra import require
from daneel.memory.service.tls import is_loopback

LOOPBACK = "127.0.0.1"

SECONDS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 5.0)
ROWS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 4096, 16384)


class ServiceMetrics:
    """What a server counts; a registry of its own, so that two servers may share a process."""

    def __init__(self) -> None:
        """All at zero."""
        require("prometheus_client")
        import prometheus_client as prometheus

        self.registry = prometheus.CollectorRegistry()
        kept: dict[str, Any] = {"registry": self.registry, "namespace": "daneel_memory"}
        self._calls = prometheus.Histogram(
            "call_seconds", "Time of a call.", ["method", "code"], buckets=SECONDS, **kept
        )
        self._engine = prometheus.Histogram(
            "engine_seconds", "Time of an engine call.", ["kind"], buckets=SECONDS, **kept
        )
        self._batches = prometheus.Histogram(
            "engine_rows", "Rows of an engine call.", ["kind"], buckets=ROWS, **kept
        )
        self._waiting = prometheus.Gauge(
            "waiting_rows", "Rows that wait for the engine.", ["collection", "kind"], **kept
        )
        self._series: dict[tuple[str, str], Any] = {}
        kinds = ("read", "write")
        self._kinds = {
            each: (self._engine.labels(each), self._batches.labels(each)) for each in kinds
        }

    def observe_call(self, method: str, code: str, seconds: float) -> None:
        """Count a call that ended."""
        series = self._series.get((method, code))
        if series is None:  # `labels` costs more than `observe`
            series = self._series[method, code] = self._calls.labels(method, code)
        series.observe(seconds)

    def observe_engine(self, kind: str, rows: int, seconds: float) -> None:
        """Count an engine call; kind is "read" or "write"."""
        engine, batches = self._kinds[kind]
        engine.observe(seconds)
        batches.observe(rows)

    def watch_waiting(self, collection: str, kind: str, count: Callable[[], int]) -> None:
        """Have the number of waiting rows looked up when somebody asks for it."""
        self._waiting.labels(collection, kind).set_function(count)

    def text(self) -> bytes:
        """Everything, as Prometheus scrapes it."""
        import prometheus_client as prometheus

        return prometheus.generate_latest(self.registry)

    def listen(self, port: int, host: str = LOOPBACK) -> MetricsPort:
        """Answer scrapes on a thread, in plain text and to whoever asks.

        Args:
            port: Port; 0 takes a free one.
            host: Address to listen on, one of this machine's own.

        Raises:
            ConfigError: Other machines could reach the address, or the port cannot be had.
        """
        import prometheus_client as prometheus

        if not is_loopback(host):
            raise ConfigError(
                f"host of the metrics is {host!r}, which other machines can reach. Expected "
                f"{LOOPBACK}, as metrics have neither TLS nor tokens. Scrape them from this "
                "machine, or through a proxy on it that asks who is there."
            )
        try:
            server, thread = prometheus.start_http_server(port, host, self.registry)
        except OSError as error:
            raise ConfigError(
                f"Cannot listen on {host}:{port} for metrics: {error.strerror}. Expected a free "
                "port. Take another, or 0 for any."
            ) from None
        return MetricsPort(server, thread, f"http://{host}:{server.server_port}/metrics")


class MetricsPort:
    """A port that answers scrapes."""

    def __init__(self, server: Any, thread: Thread, address: str) -> None:
        """Made by `ServiceMetrics.listen`."""
        self._server, self._thread, self.address = server, thread, address

    def stop(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
