"""What a store does and how long it takes, as Prometheus metrics; T-54.

No spans: a span a query costs tens of microseconds. Calls are counted in plain numbers, and made
into metrics when somebody looks: a histogram of the client costs as much as the rest of a search.
"""

from __future__ import annotations

import threading
import time
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from daneel.errors import MissingExtraError
from daneel.memory.closing import Closing
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


class MemoryProfiler(Closing):
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
        self._metrics = _Metrics() if beside is None else beside._metrics
        self._metrics.profilers.append(self)
        self.registry: CollectorRegistry = self._metrics.registry
        self._lock = threading.Lock()
        self._buckets: dict[str, list[int]] = {
            each: [0] * (len(BUCKETS) + 1) for each in OPERATIONS
        }
        self._seconds: dict[str, float] = dict.fromkeys(OPERATIONS, 0.0)
        self._errors: dict[str, int] = dict.fromkeys(OPERATIONS, 0)
        self._hits = self._misses = 0

    @contextmanager
    def _timed(self, operation: str) -> Iterator[None]:
        began = time.perf_counter()
        try:
            yield
        except BaseException:
            self._count(operation, began, errors=1)
            raise
        self._count(operation, began)

    def _count(
        self, operation: str, began: float, errors: int = 0, hits: int = 0, misses: int = 0
    ) -> None:
        spent = time.perf_counter() - began
        with self._lock:
            self._buckets[operation][bisect_left(BUCKETS, spent)] += 1
            self._seconds[operation] += spent
            self._errors[operation] += errors
            self._hits += hits
            self._misses += misses

    def add(
        self, ids: Sequence[str], vectors: ArrayLike, metadata: Sequence[Metadata] | None = None
    ) -> None:
        """See `VectorStore.add`."""
        with self._timed("add"):
            self.store.add(ids, vectors, metadata)

    def search(self, queries: ArrayLike, k: int, where: Where | None = None) -> Hits:
        """See `VectorStore.search`."""
        began = time.perf_counter()
        try:
            hits = self.store.search(queries, k, where)
        except BaseException:
            self._count("search", began, errors=1)
            raise
        misses = _without_a_hit(hits.scores)
        self._count("search", began, hits=hits.scores.size - misses, misses=misses)
        return hits

    def get(self, ids: Sequence[str]) -> Rows:
        """See `VectorStore.get`."""
        began = time.perf_counter()
        try:
            rows = self.store.get(ids)
        except BaseException:
            self._count("get", began, errors=1)
            raise
        self._count("get", began, hits=len(rows.ids), misses=len(ids) - len(rows.ids))
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
        with self._lock:
            return Profile(
                calls={each: sum(counts) for each, counts in self._buckets.items()},
                seconds=dict(self._seconds),
                errors=dict(self._errors),
                hits=self._hits,
                misses=self._misses,
                tiers=tiers,
            )

    def histogram(self, operation: str) -> tuple[list[tuple[str, float]], float]:
        """Calls no longer than each of the `BUCKETS`, by its text, and seconds in all."""
        with self._lock:
            counts, seconds = list(self._buckets[operation]), self._seconds[operation]
        bounds = [str(bound) for bound in BUCKETS] + ["+Inf"]
        return list(zip(bounds, accumulate(map(float, counts)), strict=True)), seconds

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


def _without_a_hit(scores: NDArray[np.float32]) -> int:
    """Places `[Q, k]` of a search that are empty; a query's come last."""
    if scores.shape[0] == 1 and scores.size and scores.item(-1) != -np.inf:
        return 0
    return int(np.isneginf(scores).sum())


class _Metrics:
    """What a registry asks for the metrics of all its profilers."""

    def __init__(self) -> None:
        self.registry = _client().CollectorRegistry()
        self.profilers: list[MemoryProfiler] = []
        self.registry.register(self)

    def collect(self) -> Iterator[Any]:
        """The families of metrics."""
        core = _client().core
        seconds = core.HistogramMetricFamily(
            "daneel_memory_seconds", "Time of a call", labels=("store", "operation")
        )
        errors = core.CounterMetricFamily(
            "daneel_memory_errors", "Calls that raised", labels=("store", "operation")
        )
        found = {
            "hits": core.CounterMetricFamily("daneel_memory_hits", "Rows found", labels=("store",)),
            "misses": core.CounterMetricFamily(
                "daneel_memory_misses", "Rows asked for and not found", labels=("store",)
            ),
        }
        tiers = core.GaugeMetricFamily(
            "daneel_memory_tier_rows", "Rows by the tier that had them", labels=("store", "tier")
        )
        for each in self.profilers:
            profile = each.profile()
            for operation in OPERATIONS:
                seconds.add_metric((each.name, operation), *each.histogram(operation))
                errors.add_metric((each.name, operation), profile.errors[operation])
            found["hits"].add_metric((each.name,), profile.hits)
            found["misses"].add_metric((each.name,), profile.misses)
            for tier, rows in profile.tiers.items():
                tiers.add_metric((each.name, tier), rows)
        yield from (seconds, errors, *found.values(), tiers)


def _client() -> Any:
    try:
        import prometheus_client
        import prometheus_client.core
    except ImportError as error:
        raise MissingExtraError(
            "MemoryProfiler needs the Python package 'prometheus_client', which is not installed. "
            "It comes with the extra 'memory'. Type `pip install \"daneel[memory]\"`."
        ) from error
    return prometheus_client
