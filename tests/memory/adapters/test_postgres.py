"""Postgres with pgvector behind the contract, on a real server, and what is its own."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from daneel.errors import MemoryStoreError
from daneel.memory.adapters.postgres import open_postgres
from daneel.memory.adapters.postgres_address import read_address
from daneel.memory.in_memory import InMemoryStore
from daneel.memory.protocol import VectorStore
from tests.memory.adapters.postgres_server import PostgresServer, running
from tests.memory.contract import DIM, Factory, StoreContract, assert_hits, refused, rows_of

_number = itertools.count()


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    """One server for all tests of this file."""
    with running() as found:
        yield found


@pytest.fixture
def table() -> str:
    """A name that no other test has."""
    return f"t{next(_number)}"


class TestContract(StoreContract):
    """What every store must do."""

    @pytest.fixture
    def factory(self, server: PostgresServer, table: str) -> Factory:
        """Tables."""

        def make(name: str = "a", dim: int = DIM, metric: str = "cosine") -> VectorStore:
            return open_postgres(server.address(f"{table}_{name}"), dim, metric)

        return make


def test_the_graph_is_tuned_and_found_again(server: PostgresServer, table: str) -> None:
    """With an index, hits are those of the oracle; without dim and metric the table says them."""
    ids, vectors = rows_of(300, 8)
    oracle = InMemoryStore(8, "l2")
    oracle.add(ids, vectors, [{"even": i % 2 == 0} for i in range(300)])
    with open_postgres(server.address(table), 8, "l2", index="hnsw", recall=1.0) as store:
        store.add(ids, vectors, [{"even": i % 2 == 0} for i in range(300)])
        store.flush()
        for where in (None, {"even": True}, {"even": {"ne": True}}):
            found = store.search(vectors[:5] + 0.1, 10, where)
            assert_hits(found, oracle.search(vectors[:5] + 0.1, 10, where))
    with open_postgres(server.address(table)) as store:
        assert (store.dim, store.metric, len(store)) == (8, "l2", 300)


def test_a_killed_server_keeps_what_it_acknowledged(table: str) -> None:
    """The same store object goes on when the server is back; while it is away, a clear error."""
    with running() as server, open_postgres(server.address(table), DIM) as store:
        ids, vectors = rows_of(20)
        store.add(ids, vectors)
        server.kill()
        with refused(MemoryStoreError, words="Postgres cannot go on"):
            store.add(["late"], vectors[:1])
        with refused(MemoryStoreError):
            len(store)
        server.start()
        assert len(store) == 20 and store.get(["late"]).ids == []
        np.testing.assert_array_equal(store.get(ids).vectors, vectors)


def test_disk_means_disk(server: PostgresServer, table: str) -> None:
    """A server that does not wait for its disk is refused, or told to wait."""
    import psycopg

    def told(statement: str) -> None:
        plain = server.address("x").replace("&table=x", "")
        with psycopg.connect(plain, autocommit=True) as connection:
            sql: Any = connection
            sql.execute(statement)
            sql.execute("SELECT pg_reload_conf()")

    told("ALTER SYSTEM SET synchronous_commit = off")
    with open_postgres(server.address(table), 4) as store:
        engine: Any = store._engine
        asked = engine._connection.execute("SHOW synchronous_commit")
        assert asked.fetchone()[0] == "on"
    told("ALTER SYSTEM SET fsync = off")
    try:
        deadline = time.monotonic() + 30
        while True:  # the server reads its settings when it gets to it
            try:
                open_postgres(server.address(table), 4).close()
            except MemoryStoreError as error:
                assert "fsync off" in str(error)
                break
            assert time.monotonic() < deadline
        open_postgres(server.address(table), 4, durability="process").close()
    finally:
        told("ALTER SYSTEM RESET ALL")


def test_refusals(server: PostgresServer, table: str) -> None:
    """Each before anything is written."""
    import psycopg

    with refused(words="dim is None and there is no store"):
        open_postgres(server.address(table))
    with refused(words="at most 2000"):
        open_postgres(server.address(table), 2001, index="hnsw")
    with refused(words="index is 'ivf'"):
        open_postgres(server.address(table), 4, index="ivf")
    with refused(words="durability is 'none'"):
        open_postgres(server.address(table), 4, durability="none")
    plain = server.address("x").replace("&table=x", "")
    with psycopg.connect(plain, autocommit=True) as connection:
        sql: Any = connection
        sql.execute(f"CREATE TABLE {table} (a int)")
        with refused(MemoryStoreError, words="comment None"):
            open_postgres(server.address(table), 4)
        sql.execute(f"""COMMENT ON TABLE {table} IS '{{"daneel": 2, "dim": 4}}'""")
        with refused(MemoryStoreError, words="update Daneel"):
            open_postgres(server.address(table), 4)
    with open_postgres(server.address(table + "b"), 2) as store:
        with refused(words="no NUL"):
            store.add(["fine", "a\0b"], np.ones((2, 2)))
        assert len(store) == 0 and store.get(["a\0b"]).ids == [] and store.delete(["a\0b"]) == 0


def test_addresses() -> None:
    """The table is taken out; no message shows the password."""
    found = read_address("postgresql://me:secret@db.example:5/d?table=episodes&sslmode=require")
    assert found.libpq == "postgresql://me:secret@db.example:5/d?sslmode=require"
    assert found.table == "episodes" and "secret" not in found.shown + repr(found)
    for table in ("a;drop", "A", "1a", "a" * 49, ""):
        with refused(words="table is"):
            read_address(f"postgresql://h/d?table={table}")
    with refused(words="scheme"):
        read_address("mysql://h/d")
    with pytest.raises(MemoryStoreError, match="Postgres cannot go on") as caught:
        open_postgres("postgresql://me:secret@/d?host=/nowhere", 4)
    assert "secret" not in str(caught.value)
