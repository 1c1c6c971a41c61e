"""The SQL of the Postgres engine. Table names are checked (`postgres_address`), values are bound.

The row is `id, vector, metadata`, verbatim; `key`, `tokens` and `numbers` are made from it for
searching. The collation "C" orders ids by code points, as Python does.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from daneel.memory.adapters.needed import Needed

EXTENSION = "CREATE EXTENSION IF NOT EXISTS vector"
LOCK = "SELECT pg_advisory_xact_lock(hashtext(%s))"
"""Two processes that make the same table, or the extension, take turns."""

_OPERATORS = {"<#>": "vector_ip_ops", "<->": "vector_l2_ops"}
_MOST_EFFORT = 1000
"""The most that pgvector takes for hnsw.ef_search."""


@dataclass(frozen=True)
class Statements:
    """What is done to one table."""

    table: str

    comment: str
    """Whether the table is there, and its comment."""

    upsert: str
    read: str
    sample: str
    remove: str
    count: str
    analyze: str

    def make(self, dim: int, comment: str) -> list[str]:
        """Statements that make the table and the index over tokens where they are missing."""
        quoted = comment.replace("'", "''")
        return [
            f'CREATE TABLE IF NOT EXISTS {self.table} (id text COLLATE "C" PRIMARY KEY, '
            f"vector bytea NOT NULL, metadata text NOT NULL, key vector({dim}) NOT NULL, "
            "tokens text[] NOT NULL, numbers jsonb NOT NULL)",
            f"COMMENT ON TABLE {self.table} IS '{quoted}'",
            f"CREATE INDEX IF NOT EXISTS {self.table}_tokens ON {self.table} USING gin (tokens)",
        ]

    def graph(self, operator: str) -> str:
        """The statement that makes the graph where it is missing."""
        return (
            f"CREATE INDEX IF NOT EXISTS {self.table}_hnsw ON {self.table} "
            f"USING hnsw (key {_OPERATORS[operator]})"
        )

    def near(self, operator: str, condition: str) -> str:
        """The nearest rows of each of an array of keys; the number of the key comes first."""
        return (
            "SELECT asked.at, found.id, found.vector, found.metadata "
            "FROM unnest(%s::vector[]) WITH ORDINALITY AS asked(key, at) CROSS JOIN LATERAL ("
            f"SELECT id, vector, metadata, rows.key {operator} asked.key AS distance "
            f"FROM {self.table} AS rows{condition} "
            f"ORDER BY rows.key {operator} asked.key, id LIMIT %s"
            ") AS found ORDER BY asked.at, found.distance, found.id"
        )


def of_table(table: str) -> Statements:
    """The statements of a table."""
    row = "id, vector, metadata"
    return Statements(
        table,
        f"SELECT to_regclass('{table}') IS NOT NULL, "
        f"obj_description(to_regclass('{table}')::oid, 'pg_class')",
        f"INSERT INTO {table} ({row}, key, tokens, numbers) VALUES (%s, %s, %s, %s, %s, %s) "
        "ON CONFLICT (id) DO UPDATE SET vector = excluded.vector, metadata = excluded.metadata, "
        "key = excluded.key, tokens = excluded.tokens, numbers = excluded.numbers",
        f"SELECT {row} FROM {table} WHERE id = ANY(%s::text[])",
        f"SELECT {row} FROM {table} ORDER BY id LIMIT %s",
        f"DELETE FROM {table} WHERE id = ANY(%s::text[])",
        f"SELECT count(*) FROM {table}",
        f"ANALYZE {table}",
    )


def condition(needed: Needed) -> tuple[str, list[Any]]:
    """`WHERE ...` of what a row must have, or nothing, and the values bound in it."""
    parts, values = list[str](), list[Any]()
    for tokens in needed.any_of:
        parts.append("tokens && %s::text[]")
        values.append(list(tokens))
    if needed.none_of:
        parts.append("NOT tokens && %s::text[]")
        values.append(list(needed.none_of))
    for name, (low, high) in (needed.ranges or {}).items():
        parts.append("jsonb_path_exists(numbers, %s::jsonpath, %s::jsonb)")
        values += [f"$.{name} ? (@ >= $low && @ <= $high)", json.dumps({"low": low, "high": high})]
    return " WHERE " + " AND ".join(parts) if parts else "", values


def settings(effort: int | None, limit: int) -> list[str]:
    """What holds for one search: exact, or the graph with this effort, going on if it finds few."""
    if effort is None:
        return ["SET LOCAL enable_indexscan = off"]
    return [
        f"SET LOCAL hnsw.ef_search = {min(max(effort, limit), _MOST_EFFORT)}",
        "SET LOCAL hnsw.iterative_scan = strict_order",
    ]
