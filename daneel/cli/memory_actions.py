"""What the actions of `daneel memory` on a store do."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.console import Console
from rich.table import Table

from daneel.cli.memory_rows import batches, read_queries
from daneel.errors import ConfigError, DaneelError
from daneel.memory.opening import open_store
from daneel.memory.protocol import Hits, VectorStore

if TYPE_CHECKING:
    from daneel.cli.memory import (
        AddOptions,
        CompactOptions,
        SearchOptions,
        StatsOptions,
        StoreOptions,
        VerifyOptions,
    )

NOT_SOUND = 1
"""Exit code when a store is damaged."""

_JSON: dict[str, Any] = {"indent": 2, "ensure_ascii": False}


def add(options: AddOptions) -> int:
    """Adds the rows of files, a batch at a time."""
    began, added = time.perf_counter(), 0
    store: VectorStore | None = None
    try:
        for file in options.files:
            for batch in batches(file, options.batch):
                store = store or _opened(options, batch.dim)
                with _told(batch.where):
                    store.add(batch.ids, batch.vectors, batch.metadata)
                added += len(batch.ids)
        total = len(store) if store else 0
    except DaneelError:
        if added:
            print(f"{added:,} rows before that are kept.", file=sys.stderr)
        raise
    finally:
        if store:
            store.close()
    seconds = time.perf_counter() - began
    if options.json:
        print(json.dumps({"added": added, "rows": total, "seconds": seconds}, **_JSON))
    else:
        print(f"{added:,} rows added in {seconds:,.1f} s; {options.address} has {total:,}")
    return 0


def search(options: SearchOptions) -> int:
    """Prints the nearest rows."""
    where = _where(options.where)
    with _opened(options) as store, _told("search"):
        hits = store.search(_queries(options, store), options.k, where)
    found = [_found(hits, query) for query in range(len(hits.ids))]
    if options.json:
        print(json.dumps({"hits": found}, **_JSON))
    else:
        _print_hits(found)
    return 0


def _queries(options: SearchOptions, store: VectorStore) -> Any:
    if options.queries is not None:
        return read_queries(options.queries)
    if options.vector is not None:
        try:
            return np.array([float(number) for number in options.vector.strip("[]").split(",")])
        except ValueError:
            raise ConfigError(
                f"vector is {options.vector!r}. Expected numbers with commas between them: 0.1,0.2."
            ) from None
    rows = store.get([str(options.like)])
    if not rows.ids:
        raise ConfigError(f"No row has the id {options.like!r}. Expected one of {options.address}.")
    return rows.vectors


def _where(text: str | None) -> dict[str, Any] | None:
    if text is None:
        return None
    try:
        found = json.loads(text)
    except ValueError as error:
        raise ConfigError(
            f'where is no JSON: {error}. Expected --where \'{{"room": "kitchen"}}\'.'
        ) from None
    if not isinstance(found, dict):
        raise ConfigError(f"where is {text!r}. Expected a JSON object of fields.")
    return found


def _found(hits: Hits, query: int) -> list[dict[str, Any]]:
    rows = zip(hits.ids[query], hits.scores[query].tolist(), hits.metadata[query], strict=True)
    return [{"id": name, "score": score, "metadata": entry} for name, score, entry in rows if name]


def _print_hits(found: Sequence[Sequence[dict[str, Any]]]) -> None:
    table = Table(box=None, pad_edge=False)
    if len(found) > 1:
        table.add_column("query", justify="right")
    table.add_column("score", justify="right")
    table.add_column("id")
    table.add_column("metadata")
    for query, rows in enumerate(found):
        for row in rows:
            cells = [f"{row['score']:.6g}", row["id"], json.dumps(row["metadata"])]
            table.add_row(*([str(query)] if len(found) > 1 else []), *cells)
    if table.row_count:
        Console(highlight=False, soft_wrap=True, markup=False).print(table)
    else:
        print("Nothing found.")


def stats(options: StatsOptions) -> int:
    """Prints what the store holds."""
    with _opened(options) as store, _told(options.address):
        facts = {"rows": len(store), "dim": store.dim, "metric": store.metric}
        own: Callable[[], dict[str, Any]] | None = getattr(store, "stats", None)
        facts |= own() if own else {}
    if options.json:
        print(json.dumps({"address": options.address, **facts}, **_JSON))
    else:
        _print_facts(facts)
    return 0


def _print_facts(facts: dict[str, Any]) -> None:
    table = Table(box=None, pad_edge=False, show_header=False)
    for name, value in facts.items():
        inner = value.items() if isinstance(value, Mapping) else [("", value)]
        for detail, each in inner:
            shown = f"{each:,}" if type(each) is int else str(each)
            table.add_row(f"{name} {detail}".strip().replace("_", " "), shown)
    Console(highlight=False, soft_wrap=True, markup=False).print(table)


def compact(options: CompactOptions) -> int:
    """Merges, drops, indexes."""
    began = time.perf_counter()
    with _opened(options) as store, _told(options.address):
        compact: Callable[[], Any] = getattr(store, "compact", store.flush)
        compact()
        store.flush()
        rows = len(store)
    seconds = time.perf_counter() - began
    if options.json:
        print(json.dumps({"address": options.address, "rows": rows, "seconds": seconds}, **_JSON))
    else:
        print(f"{options.address} is compact: {rows:,} rows, {seconds:,.1f} s")
    return 0


def verify(options: VerifyOptions) -> int:
    """Prints what is wrong; 1 if anything is."""
    with _opened(options) as store, _told(options.address):
        verify: Callable[[], Sequence[str]] | None = getattr(store, "verify", None)
        if verify is None:
            raise ConfigError(
                f"{options.address} cannot be verified from here. Expected the path of a store on "
                "this machine; a database has a checker of its own (pg_amcheck, for one)."
            )
        problems, rows = list(verify()), len(store)
    if options.json:
        print(json.dumps({"address": options.address, "rows": rows, "problems": problems}, **_JSON))
    else:
        print(f"{options.address}: {'not sound' if problems else f'sound, {rows:,} rows'}")
        for problem in problems:
            print(f"  {problem}")
    return NOT_SOUND if problems else 0


def _opened(options: StoreOptions, dim: int | None = None) -> VectorStore:
    """The store; made when it is absent and `dim` is known."""
    with _told(options.address):
        return open_store(options.address, dim, options.metric, **_remote(options))


def _remote(options: StoreOptions) -> dict[str, Any]:
    """What only a memory server is told."""
    given = {"token_file": options.token_file, "server_ca": options.server_ca}
    named = [name for name, value in given.items() if value is not None]
    if not named:
        return {}
    if not options.address.startswith(("grpc://", "grpcs://")):
        raise ConfigError(
            f"{' and '.join(named)} given for {options.address}. Expected grpc:// or grpcs:// "
            "with it. Leave it out."
        )
    from daneel.memory.service.tls import ClientTls

    token = None if options.token_file is None else _token(options.token_file)
    return {"token": token, "tls": ClientTls(options.server_ca) if options.server_ca else None}


def _token(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be read: {error.strerror}. Expected the file of a token."
        ) from None


@contextmanager
def _told(where: str) -> Iterator[None]:
    """Bad values found by a store are the user's to mend here."""
    try:
        yield
    except ValueError as error:
        if isinstance(error, DaneelError):
            raise
        raise ConfigError(f"{where}: {error}") from error
