"""What a store does and how long it takes, as Prometheus metrics; T-54.

No spans: a span a query costs tens of microseconds where a histogram costs one.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike

from daneel.errors import MissingExtraError
from daneel.memory.protocol import Hits, Metadata, Metric, Rows, VectorStore, Where

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

OPERATIONS = ("add", "search", "get", "delete", "flush")
TIERS = ("ram", "ssd", "store", "missing", "prefetched")
BUCKETS = tuple(scale * 10.0**power for power in range(-5, 1) for scale in (1, 2, 5))
"""Seconds, 10 us to 5 s: three a decade."""


@runtime_checkable
class Tiered(Protocol):
    """A store that counts from which tier it answered, as `HierarchicalMemory` does."""

    @property
    def tier_counts(self) -> Any:
        """An object with the `TIERS` as integers."""
        ...


@dataclass(frozen=True)
class Profile:
    """All that was counted since the profiler was made."""

    calls: dict[str, int]
    """Calls by operation."""
    seconds: dict[str, float]
    """Seconds spent by operation."""
    errors: dict[str, int]
    """Calls that raised, by operation."""
    hits: int
    """Rows found by `search` and `get`."""
    misses: int
    """Rows asked for and not found: places of a search without a hit, unknown ids."""
    tiers: dict[str, int]
    """Rows by the tier that had them; empty when the store has no tiers."""

    @property
    def hit_rate(self) -> float | None:
        """Share of what was asked for that was found; None when nothing was asked for."""
        asked = self.hits + self.misses
        return self.hits / asked if asked else None


class MemoryProfiler:
    """A vector store that measures the one it is put around, and answers the same.

    Metrics, all with the label `store`: `daneel_memory_seconds` (histogram, by `operation`),
    `daneel_memory_errors_total` (by `operation`), `daneel_memory_hits_total`,
    `daneel_memory_misses_total`, and `daneel_memory_tier_rows` (by `tier`) for stores that
    have tiers.

    Args:
        store: What is measured.
        name: Value of the label `store`.
        beside: Another profiler, to whose registry and metrics this one is added.
    """

    def __init__(
        self, store: VectorStore, name: str = "memory", beside: MemoryProfiler | None = None
    ) -> None:
        """Registers the metrics, in a new `registry` unless `beside` has one.

        Raises:
            MissingExtraError: prometheus-client is not installed.
        """
        self.store, self.dim, self.name = store, store.dim, name
        self.metric: Metric = store.metric
        self._metrics = _registered() if beside is None else beside._metrics
        self.registry: CollectorRegistry = self._metrics["registry"]
        seconds, errors = self._metrics["seconds"], self._metrics["errors"]
        # Children are looked up once: `labels` costs more than an observation.
        self._seconds = {each: seconds.labels(name, each) for each in OPERATIONS}
        self._errors = {each: errors.labels(name, each) for each in OPERATIONS}
        self._hits, self._misses = (self._metrics[e].labels(name) for e in ("hits", "misses"))
        if isinstance(store, Tiered):
            for tier in TIERS:
                # Read when somebody looks: counting twice would cost twice.
                child = self._metrics["tier_rows"].labels(name, tier)
                child.set_function(lambda t=tier: getattr(store.tier_counts, t))

    @contextmanager
    def _timed(self, operation: str) -> Iterator[None]:
        began = time.perf_counter()
        try:
            yield
        except BaseException:
            self._errors[operation].inc()
            raise
        finally:
            self._seconds[operation].observe(time.perf_counter() - began)

    def _found(self, hits: int, asked: int) -> None:
        self._hits.inc(hits)
        self._misses.inc(asked - hits)

    def add(
        self, ids: Sequence[str], vectors: ArrayLike, metadata: Sequence[Metadata] | None = None
    ) -> None:
        """See `VectorStore.add`."""
        with self._timed("add"):
            self.store.add(ids, vectors, metadata)

    def search(self, queries: ArrayLike, k: int, where: Where | None = None) -> Hits:
        """See `VectorStore.search`."""
        with self._timed("search"):
            hits = self.store.search(queries, k, where)
        self._found(int(np.isfinite(hits.scores).sum()), hits.scores.size)
        return hits

    def get(self, ids: Sequence[str]) -> Rows:
        """See `VectorStore.get`."""
        with self._timed("get"):
            rows = self.store.get(ids)
        self._found(len(rows.ids), len(ids))
        return rows

    def delete(self, ids: Sequence[str]) -> int:
        """See `VectorStore.delete`."""
        with self._timed("delete"):
            return self.store.delete(ids)

    def profile(self) -> Profile:
        """All that was counted so far."""
        tiers = {}
        if isinstance(self.store, Tiered):
            tiers = {tier: int(getattr(self.store.tier_counts, tier)) for tier in TIERS}
        return Profile(
            calls={each: int(self._value("seconds_count", each)) for each in OPERATIONS},
            seconds={each: self._value("seconds_sum", each) for each in OPERATIONS},
            errors={each: int(self._value("errors_total", each)) for each in OPERATIONS},
            hits=int(self._value("hits_total")),
            misses=int(self._value("misses_total")),
            tiers=tiers,
        )

    def _value(self, what: str, operation: str | None = None) -> float:
        labels = {"store": self.name} | ({"operation": operation} if operation else {})
        return self.registry.get_sample_value(f"daneel_memory_{what}", labels) or 0.0

    def report(self) -> str:
        """The metrics in Prometheus' text format."""
        return _client().generate_latest(self.registry).decode()

    def __len__(self) -> int:
        """Number of rows."""
        return len(self.store)

    def flush(self) -> None:
        """See `VectorStore.flush`."""
        with self._timed("flush"):
            self.store.flush()

    def close(self) -> None:
        """Closes the store; the metrics stay."""
        self.store.close()

    def __enter__(self) -> Self:
        """The profiler itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close."""
        self.close()


def _registered() -> dict[str, Any]:
    """A new registry and the metrics in it."""
    client = _client()
    registry = client.CollectorRegistry()
    spec: dict[str, tuple[Any, str, tuple[str, ...], dict[str, Any]]] = {
        "seconds": (client.Histogram, "Time of a call", ("operation",), {"buckets": BUCKETS}),
        "errors": (client.Counter, "Calls that raised", ("operation",), {}),
        "hits": (client.Counter, "Rows found", (), {}),
        "misses": (client.Counter, "Rows asked for and not found", (), {}),
        "tier_rows": (client.Gauge, "Rows by the tier that had them", ("tier",), {}),
    }
    made = {
        what: kind(f"daneel_memory_{what}", text, ("store", *labels), registry=registry, **options)
        for what, (kind, text, labels, options) in spec.items()
    }
    return {"registry": registry, **made}


def _client() -> Any:
    try:
        import prometheus_client
    except ImportError as error:
        raise MissingExtraError(
            "MemoryProfiler needs the Python package 'prometheus_client', which is not installed. "
            "It comes with the extra 'memory'. Type `pip install \"daneel[memory]\"`."
        ) from error
    return prometheus_client
