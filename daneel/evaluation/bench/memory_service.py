"""The service part of `daneel bench memory`: gRPC rates, four nodes (C-8), GraphQL (T-62).

Servers are processes of their own on this machine, clients run here. Rates are by the wall clock,
the cost of four nodes is in CPU seconds of all processes, so that it does not depend on how many
cores they share.
"""

from __future__ import annotations

import base64
import http.client
import json
import os
import shutil
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray

from daneel.evaluation.bench.memory import Options, figure
from daneel.evaluation.bench.memory_nodes import Node, nodes
from daneel.evaluation.evidence import Evidence
from daneel.memory.protocol import VectorStore
from daneel.memory.service.client import RemoteMemory
from daneel.memory.service.distributed import DistributedMemory
from daneel.memory.service.placement import CentroidPlacement, HashPlacement, Placement

DIM, K = 128, 10
GRPC_ROWS, NODE_ROWS = 40_000, 200_000
NODES, CORES_WANTED = 4, 8
PUSH, ASK, BATCH = 100, 300, 64
"""Rows of a push, queries of a batched query, and queries of a call to the nodes."""

Vectors = NDArray[np.float32]


def measure(options: Options) -> list[Evidence]:
    """Every figure of the service."""
    work = options.work / "service"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    return [*grpc_rates(options, work), *four_nodes(options, work), *graphql(options, work)]


def clustered(rows: int, seed: int) -> Vectors:
    """Unit vectors around 2,000 centres, sigma 0.5 (as in `memory_store`)."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(2000, DIM))
    found = centres[rng.integers(2000, size=rows)] + rng.normal(size=(rows, DIM), scale=0.5)
    return (found / np.linalg.norm(found, axis=1, keepdims=True)).astype(np.float32)


def grpc_rates(options: Options, work: Path) -> list[Evidence]:
    """Rows and queries a second over one connection; the engine on disk, and one in RAM."""
    vectors, found = clustered(GRPC_ROWS, options.seed), list[Evidence]()
    for subject, folder in (("on disk", str(work / "grpc")), ("in RAM", "memory://")):
        with nodes([folder], threads=2) as (node,):
            found += _push_rates(options, subject, node, vectors)
            if subject == "on disk":  # the store in RAM is the oracle: no index, no speed
                found += _query_rates(options, subject, node, vectors)
    return found


def _push_rates(options: Options, subject: str, node: Node, vectors: Vectors) -> list[Evidence]:
    batched, streamed = list[float](), list[float]()
    for repeat in range(options.repeats):
        with RemoteMemory(f"{node.address}/batched{repeat}", DIM, timeout_s=600) as store:
            batches = [(*each, None) for each in _batches(vectors)]
            quarter = batches[: len(batches) // 4]
            seconds = _timed(lambda: [store.add(*each) for each in quarter])  # noqa: B023
            batched.append(PUSH * len(quarter) / seconds)
        with RemoteMemory(f"{node.address}/streamed{repeat}", DIM, timeout_s=600) as store:
            seconds = _timed(lambda: store.push_stream(batches))  # noqa: B023
            streamed.append(len(vectors) / seconds)
    row = "gRPC"
    return [
        figure(row, f"push, {PUSH} a call", subject, batched, "vectors/s", 25_000),
        figure(row, f"push, {PUSH} a message, streamed", subject, streamed, "vectors/s", 90_000),
    ]


def _query_rates(options: Options, subject: str, node: Node, vectors: Vectors) -> list[Evidence]:
    queries = clustered(20 * ASK, options.seed + 1)
    with RemoteMemory(f"{node.address}/queries", DIM, timeout_s=600) as store:
        store.push_stream((*each, None) for each in _batches(vectors))
        store.flush()
        store.search(queries[:ASK], K)
        parts = [queries[at : at + ASK] for at in range(0, len(queries), ASK)]
        rates = [
            len(queries) / _timed(lambda: [store.search(part, K, bare=True) for part in parts])
            for _ in range(options.repeats)
        ]
        single = [_latency(store, queries[:300]) for _ in range(options.repeats)]
    row = "gRPC"
    return [
        figure(row, f"query, {ASK} a call", subject, rates, "queries/s", 5000),
        figure(row, "query, one a call, p50", subject, [each[0] for each in single], "ms"),
        figure(row, "query, one a call, p95", subject, [each[1] for each in single], "ms"),
    ]


def four_nodes(options: Options, work: Path) -> list[Evidence]:
    """One node with all rows against four with a quarter each: cost, recall, and latency (C-8)."""
    vectors, queries = clustered(NODE_ROWS, options.seed), clustered(6400, options.seed + 1)
    truth = _nearest(queries[:640], vectors)
    sample = vectors[np.random.default_rng(options.seed).choice(NODE_ROWS, 20_000, replace=False)]
    by_centroid = CentroidPlacement.fit(sample, NODES, recall=0.97, seed=options.seed)
    folders = [str(work / f"node{at}") for at in range(NODES + 1)]
    with nodes(folders) as (one, *four):
        stores: dict[str, tuple[VectorStore, list[Node]]] = {
            "1 node": (RemoteMemory(f"{one.address}/rows", DIM, timeout_s=600), [one])
        }
        placements: dict[str, Placement] = {
            "4 nodes, by centroid": by_centroid, "4 nodes, by hash": HashPlacement(NODES),
        }  # fmt: skip
        for name, placement in placements.items():
            shards = [f"{each.address}/{name[9:].replace(' ', '')}" for each in four]
            store = DistributedMemory(shards, DIM, placement=placement, timeout_s=600)
            stores[name] = (store, four)
        for store, _ in stores.values():
            for at in range(0, NODE_ROWS, 10_000):
                ids = [f"r{n}" for n in range(at, at + 10_000)]
                store.add(ids, vectors[at : at + 10_000])
            store.flush()
        found = _compare(options, stores, queries, truth)
        for store, _ in stores.values():
            store.close()
    return found


def _compare(
    options: Options,
    stores: dict[str, tuple[VectorStore, list[Node]]],
    queries: Vectors,
    truth: NDArray[np.int64],
) -> list[Evidence]:
    costs: dict[str, list[float]] = {name: [] for name in stores}
    latencies: dict[str, list[tuple[float, float, float]]] = {name: [] for name in stores}
    parts = [queries[at : at + BATCH] for at in range(0, len(queries), BATCH)]
    for store, _ in stores.values():
        store.search(parts[0], K)
    for _ in range(options.repeats):
        for name, (store, servers) in stores.items():
            costs[name].append(_cpu_ms(store, servers, parts) / len(queries))
            latencies[name].append(_latency(store, queries[:300]))
    found, row = list[Evidence](), f"C-8, {NODE_ROWS} rows"
    enough = len(os.sched_getaffinity(0)) >= CORES_WANTED
    for name, (store, _) in stores.items():
        ids = store.search(queries[: len(truth)], K).ids
        recall = np.mean([len({f"r{n}" for n in t} & set(i)) / K
                          for t, i in zip(truth, ids, strict=True)])  # fmt: skip
        found.append(figure(row, "recall@10", name, [float(recall)], "share", 0.95))
        found.append(figure(row, f"CPU a query, {BATCH} a call", name, costs[name], "ms"))
        for at, measure in enumerate(("p50", "p95", "p99")):
            values = [each[at] for each in latencies[name]] if enough else []
            found.append(figure(row, measure, name, values, "ms"))
        if name != "1 node":
            found.append(_ratio(row, "CPU a query", name, costs, 1.3))
            p50 = {key: [each[0] for each in latencies[key]] for key in ("1 node", name)}
            found.append(_ratio(row, "p50", name, p50 if enough else {}, 1.2))
    return found


def _ratio(
    row: str, measure: str, name: str, values: dict[str, list[float]], bar: float
) -> Evidence:
    pairs = zip(values.get(name, []), values.get("1 node", []), strict=True)
    ratios = [mine / one for mine, one in pairs]
    details = {"cores wanted": CORES_WANTED} if measure == "p50" else {}
    return figure(
        row, f"{measure}, of one node's", name, ratios, "x", bar, "lower", details=details
    )


def graphql(options: Options, work: Path) -> list[Evidence]:
    """The latency of one query over GraphQL against one over gRPC, of one server, by turns."""
    vectors = clustered(GRPC_ROWS, options.seed)
    queries, ratios = clustered(400, options.seed + 1), list[float]()
    with (
        nodes([str(work / "graphql")]) as (node,),
        RemoteMemory(f"{node.address}/rows", DIM, timeout_s=600) as store,
    ):
        store.push_stream((*each, None) for each in _batches(vectors))
        store.flush()
        asker = _Asker(node.graphql)
        for _ in range(options.repeats):
            pairs = [(_ms(lambda: store.search(one, K)), _ms(lambda: asker.search(one)))  # noqa: B023
                     for one in queries]  # fmt: skip
            grpc_ms, graphql_ms = (statistics.median(each) for each in zip(*pairs, strict=True))
            ratios.append(graphql_ms / grpc_ms)
        asker.close()
    row, measure = "T-62", "p50 of one query, of gRPC's"
    return [figure(row, measure, "GraphQL", ratios, "x", 1.2, "lower")]


class _Asker:
    """A GraphQL client on one kept connection, in the standard library."""

    QUERY = """query($q: Base64!) {
      search(collection: "rows", queries: $q, dim: %d, k: %d) { ids scores metadata }
    }""" % (DIM, K)  # noqa: UP031 - braces are GraphQL's

    def __init__(self, address: str) -> None:
        parts = urlsplit(address)
        self._connection, self._path = http.client.HTTPConnection(parts.netloc), parts.path

    def search(self, query: Vectors) -> tuple[Any, Vectors]:
        """Ids and scores of the nearest rows."""
        packed = base64.b64encode(query.astype("<f4").tobytes()).decode()
        body = json.dumps({"query": self.QUERY, "variables": {"q": packed}})
        self._connection.request("POST", self._path, body, {"content-type": "application/json"})
        answer = json.loads(self._connection.getresponse().read())["data"]["search"]
        return answer["ids"], np.frombuffer(base64.b64decode(answer["scores"]), "<f4")

    def close(self) -> None:
        self._connection.close()


def _batches(vectors: Vectors) -> list[tuple[list[str], Vectors]]:
    starts = range(0, len(vectors), PUSH)
    return [([f"r{n}" for n in range(at, at + PUSH)], vectors[at : at + PUSH]) for at in starts]


def _nearest(queries: Vectors, vectors: Vectors) -> NDArray[np.int64]:
    return np.argsort(-(queries @ vectors.T), axis=1)[:, :K]


def _timed(work: Callable[[], Any]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _ms(work: Callable[[], Any]) -> float:
    return 1000 * _timed(work)


def _latency(store: VectorStore, queries: Vectors) -> tuple[float, float, float]:
    """p50, p95 and p99 of single queries, in ms."""
    times = [_ms(lambda: store.search(each, K)) for each in queries]  # noqa: B023
    p50, p95, p99 = np.quantile(times, [0.5, 0.95, 0.99]).tolist()
    return p50, p95, p99


def _cpu_ms(store: VectorStore, servers: Sequence[Node], parts: Sequence[Vectors]) -> float:
    """CPU time of the client and the servers for all parts, in ms."""
    before = time.process_time() + sum(each.cpu_s() for each in servers)
    for part in parts:
        store.search(part, K)
    return 1000 * (time.process_time() + sum(each.cpu_s() for each in servers) - before)
