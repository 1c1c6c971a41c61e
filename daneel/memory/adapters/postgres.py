"""Rows in a table of Postgres with pgvector: durable at every commit, replicated by the server.

A write is one transaction. The table's comment holds dimension, metric and the format of the table.
Conditions use a GIN index over the tokens of `needed`; `index="hnsw"` adds a graph of pgvector.
"""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from daneel.errors import MemoryStoreError
from daneel.memory.adapters import postgres_statements as statements
from daneel.memory.adapters.engine import Stored
from daneel.memory.adapters.needed import Needed, Terms
from daneel.memory.adapters.postgres_address import Address, read_address
from daneel.memory.adapters.shapes import agreed_shape, check_durability, check_index, missing
from daneel.memory.adapters.store import EngineStore

FORMAT = 1
MOST_DIMS, MOST_DIMS_HNSW = 16_000, 2_000
"""What pgvector's type and its graphs can hold."""


def open_postgres(
    address: str,
    dim: int | None = None,
    metric: str | None = None,
    *,
    index: str = "flat",
    recall: float = 0.95,
    durability: str = "disk",
) -> EngineStore:
    """Open the store in a table, making it when there is none.

    Args:
        address: `postgresql://user:password@host:port/database?table=NAME`; the table is
            `daneel_memory` unless named, all other parameters are libpq's.
        dim: Dimension of the vectors; may be None when the table exists.
        metric: `cosine`, `dot` or `l2`; None takes that of the table, or `cosine`.
        index: `flat` searches exactly; `hnsw` keeps a graph.
        recall: What the graph is tuned to.
        durability: `disk` refuses a server that acknowledges before it has written to disk.

    Raises:
        ValueError: An argument is wrong.
        MemoryStoreError: The server cannot be reached or lacks pgvector, or the table is another's.
        MissingExtraError: `psycopg` or `pgvector` is not installed.
    """
    approximate, on_disk = check_index(index), check_durability(durability)
    engine = PostgresEngine(read_address(address))
    try:
        shape = agreed_shape(engine.name, engine.shape(), dim, metric)
        _check_width(shape[0], approximate)
        engine.prepare(*shape, graph=approximate, on_disk=on_disk)
        return EngineStore(engine, *shape, approximate=approximate, recall=recall)
    except BaseException:
        engine.close()
        raise


def _check_width(dim: int, approximate: bool) -> None:
    most = MOST_DIMS_HNSW if approximate else MOST_DIMS
    if dim > most:
        hint = " Open it with index='flat'." if approximate else ""
        raise ValueError(f"dim is {dim}. Expected at most {most} in pgvector.{hint}")


class PostgresEngine:
    """One connection and one table; calls of several threads take turns."""

    def __init__(self, address: Address) -> None:
        """Connects.

        Raises:
            MemoryStoreError: The server cannot be reached, or lacks pgvector.
        """
        self.name, self._address = address.shown, address
        self._operator, self._commit_on_disk = "<#>", False
        self._lock = threading.RLock()
        self._sql = statements.of_table(address.table)
        self._connection = self._connected()

    def shape(self) -> tuple[int, str] | None:
        """Dimension and metric of the table; None when there is none.

        Raises:
            MemoryStoreError: The table is not of this class, or of a newer format.
        """
        with self._turn() as connection:
            (there, comment) = connection.execute(self._sql.comment).fetchone()
        if not there:
            return None
        try:
            found = json.loads(comment or "")
            if found["daneel"] == FORMAT:
                return int(found["dim"]), str(found["metric"])
        except (ValueError, KeyError, TypeError):
            found = comment
        raise MemoryStoreError(
            f"{self.name} is a table with the comment {found!r}. Expected one that Daneel made, of "
            f"format {FORMAT}. Name another with ?table=NAME, or update Daneel."
        )

    def prepare(self, dim: int, metric: str, *, graph: bool, on_disk: bool) -> None:
        """Makes the table and its indexes where they are missing.

        Raises:
            MemoryStoreError: `on_disk` is asked of a server that does not wait for its disk.
        """
        self._operator, self._commit_on_disk = "<->" if metric == "l2" else "<#>", on_disk
        comment = json.dumps({"daneel": FORMAT, "dim": dim, "metric": metric})
        with self._turn() as connection:
            if on_disk:
                self._wait_for_disk(connection)
            connection.execute(statements.LOCK, [self._address.table])
            for statement in self._sql.make(dim, comment):
                connection.execute(statement)
            if graph:
                connection.execute(self._sql.graph(self._operator))

    def _wait_for_disk(self, connection: Any) -> None:
        if connection.execute("SHOW fsync").fetchone()[0] != "on":
            raise MemoryStoreError(
                f"{self.name} is on a server with fsync off. Expected one that writes to disk "
                "before it acknowledges. Switch it on, or open with durability='process'."
            )
        if connection.execute("SHOW synchronous_commit").fetchone()[0] == "off":
            connection.execute("SET synchronous_commit = on")

    def write(
        self, rows: Sequence[Stored], keys: NDArray[np.float32], terms: Sequence[Terms]
    ) -> None:
        """See `Engine.write`: one transaction, its rows locked in the order of their ids."""
        from pgvector import Vector

        _check_texts(rows)
        values = [
            (row.id, row.vector.astype("<f4").tobytes(), row.metadata, Vector(key), found.tokens,
             json.dumps(found.numbers))
            for row, key, found in zip(rows, keys, terms, strict=True)
        ]  # fmt: skip
        with self._turn() as connection, connection.cursor() as cursor:
            cursor.executemany(self._sql.upsert, sorted(values, key=lambda each: each[0]))

    def near(
        self, keys: NDArray[np.float32], limit: int, needed: Needed, effort: int | None
    ) -> list[list[Stored]]:
        """See `Engine.near`: all queries in one statement."""
        from pgvector import Vector

        condition, values = statements.condition(needed)
        statement = self._sql.near(self._operator, condition)
        found: list[list[Stored]] = [[] for _ in keys]
        with self._turn() as connection:
            for setting in statements.settings(effort, limit):
                connection.execute(setting)
            asked = [list(map(Vector, keys)), *values, limit]
            for query, *row in connection.execute(statement, asked, binary=True):
                found[query - 1].append(_row(*row))
        return found

    def read(self, ids: Sequence[str]) -> list[Stored]:
        """See `Engine.read`."""
        with self._turn() as connection:
            return [_row(*row) for row in connection.execute(self._sql.read, [_texts(ids)])]

    def sample(self, count: int) -> list[Stored]:
        """See `Engine.sample`."""
        with self._turn() as connection:
            return [_row(*row) for row in connection.execute(self._sql.sample, [count])]

    def remove(self, ids: Sequence[str]) -> int:
        """See `Engine.remove`."""
        with self._turn() as connection:
            return connection.execute(self._sql.remove, [_texts(ids)]).rowcount

    def count(self) -> int:
        """See `Engine.count`."""
        with self._turn() as connection:
            return connection.execute(self._sql.count).fetchone()[0]

    def flush(self) -> None:
        """See `Engine.flush`: the server has it all; its statistics are renewed."""
        with self._turn() as connection:
            connection.execute(self._sql.analyze)

    def close(self) -> None:
        """See `Engine.close`."""
        self._connection.close()

    @contextlib.contextmanager
    def _turn(self) -> Iterator[Any]:
        """The connection, in a transaction; connects again after the server had gone away."""
        import psycopg

        with self._lock:
            try:
                if self._connection.closed:
                    self._connection = self._connected()
                with self._connection.transaction():
                    yield self._connection
            except psycopg.Error as error:
                raise self._failed(error) from error

    def _connected(self) -> Any:
        try:
            import psycopg
            from pgvector.psycopg import register_vector
        except ImportError as error:
            raise missing(error.name or "psycopg", "postgresql", "pgvector") from error
        connection: Any = None
        try:
            connection = psycopg.connect(self._address.libpq, autocommit=True)
            with connection.transaction():
                connection.execute(statements.LOCK, ["vector"])
                connection.execute(statements.EXTENSION)
            register_vector(connection)
            if self._commit_on_disk:
                self._wait_for_disk(connection)
            return connection
        except psycopg.Error as error:
            if connection is not None:
                connection.close()
            raise self._failed(error) from error

    def _failed(self, error: Exception) -> MemoryStoreError:
        return MemoryStoreError(
            f"Postgres cannot go on with {self.name}: {str(error).strip()}. Expected a server that "
            "answers, has pgvector 0.8 or newer and lets you write. Ask it with psql."
        )


def _row(name: str, vector: bytes, metadata: str) -> Stored:
    return Stored(name, np.frombuffer(vector, "<f4").astype(np.float32), metadata)


def _check_texts(rows: Sequence[Stored]) -> None:
    for at, row in enumerate(rows):
        if "\0" in row.id:
            raise ValueError(
                f"ids[{at}] is {row.id!r}. Expected no NUL: Postgres has none in text."
            )


def _texts(ids: Sequence[str]) -> list[str]:
    """The ids that Postgres can know."""
    return [name for name in ids if "\0" not in name]
