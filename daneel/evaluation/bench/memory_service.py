"""The service part of `daneel bench memory`: gRPC rates, four nodes (C-8), GraphQL (T-62).

Servers are processes of their own on this machine, clients run here. Rates are by the wall clock.
"""

from __future__ import annotations

import base64
import http.client
import json
import shutil
import statistics
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from daneel.evaluation.bench.memory import Options, figure
from daneel.evaluation.bench.memory_cluster import cluster
from daneel.evaluation.bench.memory_load import (
    DIM,
    K,
    Sizes,
    Vectors,
    batches,
    clustered,
    latency,
    milliseconds,
    timed,
)
from daneel.evaluation.bench.memory_nodes import Node, nodes
from daneel.evaluation.evidence import Evidence
from daneel.memory.service.client import RemoteMemory

ENGINE_THREADS = ("--threads", "2")
TIMEOUT_S = 600


def measure(options: Options, sizes: Sizes | None = None) -> list[Evidence]:
    """Every figure of the service.

    Args:
        options: Of the bench.
        sizes: Smaller ones for a trial; None is what the bars ask for.
    """
    sizes, work = sizes or Sizes(), options.work / "service"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    try:
        return [
            *_rates(options, sizes, work),
            *cluster(options, sizes, work),
            *_graphql(options, sizes, work),
        ]
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _rates(options: Options, sizes: Sizes, work: Path) -> list[Evidence]:
    """Rows and queries a second over one connection; the engine on disk, and one in RAM."""
    vectors, queries = clustered(options.seed, sizes.rows, 20 * sizes.ask)
    found = list[Evidence]()
    for subject, folder in (("on disk", str(work / "grpc")), ("in RAM", "memory://")):
        with nodes([folder], *ENGINE_THREADS) as (node,):
            found += _push_rates(options, sizes, subject, node, vectors)
            if subject == "on disk":  # the store in RAM is the oracle: no index, no speed
                found += _query_rates(options, sizes, node, vectors, queries)
    return found


def _push_rates(
    options: Options, sizes: Sizes, subject: str, node: Node, vectors: Vectors
) -> list[Evidence]:
    parts, streamed = batches(vectors, sizes.push), list[float]()
    batched: dict[int, list[float]] = {sizes.push: [], sizes.large_push: []}
    for repeat in range(options.repeats):
        for size, rates in batched.items():
            quarter = batches(vectors[: len(vectors) // 4], size)
            with _store(node, f"batched{size}-{repeat}") as store:
                rates.append(len(vectors) // 4 / timed(partial(_add, store, quarter)))
        with _store(node, f"streamed{repeat}") as store:
            streamed.append(len(vectors) / timed(lambda: store.push_stream(parts)))
    stream = f"push, {sizes.push} a message, streamed"
    return [
        *(
            figure("gRPC", f"push, {size} a call", subject, rates, "vectors/s", 25_000)
            for size, rates in batched.items()
        ),
        figure("gRPC", stream, subject, streamed, "vectors/s", 90_000),
    ]


def _query_rates(
    options: Options, sizes: Sizes, node: Node, vectors: Vectors, queries: Vectors
) -> list[Evidence]:
    with _store(node, "queries") as store:
        store.push_stream(batches(vectors, sizes.push))
        store.flush()
        store.search(queries[: sizes.ask], K)
        parts = [queries[at : at + sizes.ask] for at in range(0, len(queries), sizes.ask)]
        rates = [
            len(queries) / timed(lambda: [store.search(part, K, bare=True) for part in parts])
            for _ in range(options.repeats)
        ]
        single = [latency(store, queries[: sizes.single]) for _ in range(options.repeats)]
    row, subject = "gRPC", "on disk"
    return [
        figure(row, f"query, {sizes.ask} a call", subject, rates, "queries/s", 5000),
        figure(row, "query, one a call, p50", subject, [each[0] for each in single], "ms"),
        figure(row, "query, one a call, p95", subject, [each[1] for each in single], "ms"),
    ]


def _graphql(options: Options, sizes: Sizes, work: Path) -> list[Evidence]:
    """The latency of one query over GraphQL against one over gRPC, of one server, by turns."""
    vectors, queries = clustered(options.seed, sizes.rows, sizes.single)
    ratios = list[float]()
    with (
        nodes([str(work / "graphql")], "--graphql-port", "0", "--threads", "1") as (node,),
        _store(node, "rows") as store,
    ):
        store.push_stream(batches(vectors, sizes.push))
        store.flush()
        asker = Asker(node.graphql)
        for _ in range(options.repeats):
            pairs = [_pair(store, asker, query) for query in queries]
            grpc_ms, graphql_ms = (statistics.median(each) for each in zip(*pairs, strict=True))
            ratios.append(graphql_ms / grpc_ms)
        asker.close()
    row, measure = "T-62", "p50 of one query, of gRPC's"
    return [figure(row, measure, "GraphQL", ratios, "x", 1.2, "lower")]


def _pair(store: RemoteMemory, asker: Asker, query: Vectors) -> tuple[float, float]:
    over_grpc = milliseconds(lambda: store.search(query, K))
    return over_grpc, milliseconds(lambda: asker.search(query))


class Asker:
    """A GraphQL client on one kept connection, in the standard library."""

    QUERY = f"""query($q: Base64!) {{
      search(collection: "rows", queries: $q, dim: {DIM}, k: {K}) {{ ids scores metadata }}
    }}"""

    def __init__(self, address: str) -> None:
        """Connect to `http://HOST:PORT/graphql`."""
        parts = urlsplit(address)
        self._connection, self._path = http.client.HTTPConnection(parts.netloc), parts.path

    def search(self, query: Vectors) -> tuple[Any, Vectors]:
        """Ids and scores of the nearest rows.

        Raises:
            RuntimeError: The gateway answers with an error.
        """
        packed = base64.b64encode(query.astype("<f4").tobytes()).decode()
        body = json.dumps({"query": self.QUERY, "variables": {"q": packed}})
        self._connection.request("POST", self._path, body, {"content-type": "application/json"})
        reply = json.loads(self._connection.getresponse().read())
        if "errors" in reply:
            raise RuntimeError(f"GraphQL: {reply['errors']}")
        answer = reply["data"]["search"]
        return answer["ids"], np.frombuffer(base64.b64decode(answer["scores"]), "<f4")

    def close(self) -> None:
        """Let go."""
        self._connection.close()


def _store(node: Node, name: str) -> RemoteMemory:
    return RemoteMemory(f"{node.address}/{name}", DIM, timeout_s=TIMEOUT_S, **node.client)


def _add(store: RemoteMemory, parts: Sequence[tuple[list[str], Vectors, None]]) -> None:
    for ids, vectors, metadata in parts:
        store.add(ids, vectors, metadata)
