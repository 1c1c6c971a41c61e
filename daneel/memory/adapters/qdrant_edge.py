"""Rows in the embedded engine of Qdrant (Qdrant Edge): one folder, one process at a time.

Every write is one record of its log, so a killed process finds all rows of a call or none. With
`durability="disk"` the log and the segments are flushed before a write is acknowledged.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from daneel.errors import MemoryStoreError
from daneel.memory.adapters import qdrant_rows as rows_in
from daneel.memory.adapters.engine import Stored
from daneel.memory.adapters.needed import Needed, Terms
from daneel.memory.adapters.shapes import agreed_shape, check_durability, check_index, missing
from daneel.memory.adapters.store import EngineStore

_CONFIG = "edge_config.json"


def open_edge(
    address: str,
    dim: int | None = None,
    metric: str | None = None,
    *,
    index: str = "flat",
    recall: float = 0.95,
    durability: str = "process",
) -> EngineStore:
    """Open the store in a folder, making it when there is none.

    Args:
        address: `qdrant-edge://PATH`, or the path.
        dim: Dimension of the vectors; may be None when the store exists.
        metric: `cosine`, `dot` or `l2`; None takes that of the store, or `cosine`.
        index: `flat` searches exactly; `hnsw` builds a graph at every `flush`.
        recall: What the graph is tuned to.
        durability: What an acknowledged write survives: `process` or `disk`.

    Raises:
        ValueError: An argument is wrong.
        MemoryStoreError: The folder is of another shape, damaged, or open in another process.
        MissingExtraError: `qdrant-edge-py` is not installed.
    """
    path = Path(address.removeprefix("qdrant-edge://")).expanduser()
    approximate, every_write = check_index(index), check_durability(durability)
    shape = agreed_shape(str(path), _shape_in(path), dim, metric)
    engine = EdgeEngine(path, *shape, flush_writes=every_write)
    return EngineStore(engine, *shape, approximate=approximate, recall=recall)


def _shape_in(path: Path) -> tuple[int, str] | None:
    """Dimension and metric of the store in a folder; None when it is empty or absent."""
    if not path.exists() or (path.is_dir() and not any(path.iterdir())):
        return None
    try:
        vectors = json.loads((path / _CONFIG).read_text(encoding="utf-8"))["vectors"]
        found = {name: int(each["size"]) for name, each in vectors.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise MemoryStoreError(
            f"{path} is no store of Qdrant Edge: {error}. Expected {_CONFIG} of one. "
            "Name another folder, or restore this one from a copy."
        ) from error
    return rows_in.shape_of(found, str(path))


class EdgeEngine:
    """A shard of Qdrant Edge."""

    def __init__(self, path: Path, dim: int, metric: str, *, flush_writes: bool) -> None:
        """Opens the shard in `path`, making it when there is none."""
        self._models, self._path = _package(), path
        self._using, self._flush_writes = rows_in.vector_name(metric), flush_writes
        with self._said():
            if (path / _CONFIG).exists():
                self._shard: Any = self._models.EdgeShard.load(str(path))
            else:
                self._shard = self._made(dim, metric)

    def _made(self, dim: int, metric: str) -> Any:
        models = self._models
        self._path.mkdir(parents=True, exist_ok=True)
        distance = models.Distance.Euclid if metric == "l2" else models.Distance.Dot
        vectors = {self._using: models.EdgeVectorParams(size=dim, distance=distance)}
        shard = models.EdgeShard.create(str(self._path), models.EdgeConfig(vectors=vectors))
        kind = models.PayloadSchemaType.Keyword
        shard.update(models.UpdateOperation.create_field_index(rows_in.TOKENS, kind))
        return shard

    def write(
        self, rows: Sequence[Stored], keys: NDArray[np.float32], terms: Sequence[Terms]
    ) -> None:
        """See `Engine.write`: one record of the log."""
        points = [
            self._models.Point(
                rows_in.point_id(row.id), {self._using: key}, rows_in.payload(row, found)
            )
            for row, key, found in zip(rows, keys.tolist(), terms, strict=True)
        ]
        self._update(self._models.UpdateOperation.upsert_points(points))

    def near(
        self, keys: NDArray[np.float32], limit: int, needed: Needed, effort: int | None
    ) -> list[list[Stored]]:
        """See `Engine.near`."""
        models = self._models
        exact = effort is None
        params = models.SearchParams(hnsw_ef=None if exact else max(effort, limit), exact=exact)
        condition = rows_in.filter_of(models, models.RangeFloat, needed)
        wanted = models.PayloadSelector.Include(rows_in.ROW)
        asked = [
            models.QueryRequest(
                limit=limit, query=models.Query.Nearest(key, using=self._using),
                filter=condition, params=params, with_payload=wanted,
            )
            for key in keys.tolist()
        ]  # fmt: skip
        with self._said():
            found = self._shard.query_batch(models.QueryBatchRequest(asked))
            return [[rows_in.row_of(point.payload) for point in points] for points in found]

    def read(self, ids: Sequence[str]) -> list[Stored]:
        """See `Engine.read`."""
        with self._said():
            points = list(map(rows_in.point_id, ids))
            found = self._shard.retrieve(points, with_payload=True, with_vector=False)
            return [rows_in.row_of(point.payload) for point in found]

    def sample(self, count: int) -> list[Stored]:
        """See `Engine.sample`."""
        with self._said():
            request = self._models.ScrollRequest(limit=count, with_payload=True)
            return [rows_in.row_of(point.payload) for point in self._shard.scroll(request)[0]]

    def remove(self, ids: Sequence[str]) -> int:
        """See `Engine.remove`."""
        points = list(map(rows_in.point_id, ids))
        with self._said():
            there = len(self._shard.retrieve(points, with_payload=False, with_vector=False))
        self._update(self._models.UpdateOperation.delete_points(points))
        return there

    def count(self) -> int:
        """See `Engine.count`."""
        with self._said():
            return self._shard.count(self._models.CountRequest(exact=True))

    def flush(self) -> None:
        """See `Engine.flush`: builds graphs, merges segments."""
        with self._said():
            self._shard.optimize()
            self._shard.flush()

    def close(self) -> None:
        """See `Engine.close`."""
        with self._said():
            self._shard.flush()
            self._shard.close()

    def _update(self, operation: Any) -> None:
        with self._said():
            self._shard.update(operation)
            if self._flush_writes:
                self._shard.flush()

    @contextlib.contextmanager
    def _said(self) -> Iterator[None]:
        """The engine raises bare `Exception`s: here they become ours."""
        try:
            yield
        except Exception as error:
            if type(error) is not Exception:
                raise  # a mistake of ours
            raise MemoryStoreError(
                f"Qdrant Edge cannot go on with {self._path}: {error}. Expected a folder that no "
                "other process has open, on a disk with room. Close the other one, or free space."
            ) from error


def _package() -> ModuleType:
    try:
        import qdrant_edge
    except ImportError as error:
        raise missing("qdrant-edge-py", "qdrant-edge", "qdrant") from error
    return qdrant_edge
