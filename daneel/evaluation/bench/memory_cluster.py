"""Four nodes against one (C-8): what a query costs, how long it takes, and what a kill loses.

All of them ask for client certificates and bearer tokens. Cost is in CPU seconds of all processes,
so that it does not depend on how many cores they share; latency and rates are measured only where
every process has a core.

Tried to bring the cost of a query on four nodes near that on one: centroids tuned to the number of
rows to come (one shard a query instead of 2.7), a thousand of them instead of 256, and blocking
calls from threads instead of hedged futures (2.3 instead of 3.1 times one node's), and a stream to
each shard that stays open instead of a call each: 64 queries took 10.1 ms of CPU and take 7.3, one
node's 3.2. What is left, in ms: the engine 0.8 a shard for 16 queries, half of it cold caches as
five processes share two cores (0.43 in a loop of its own; one node 2.1 for 64); a server's event
loop 0.43 and gRPC's threads 0.1; the client 2.0, of which 0.3 are centroids and 0.4 unpacking.
"""

from __future__ import annotations

import itertools
import os
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from daneel.evaluation.bench.memory import Options, figure
from daneel.evaluation.bench.memory_load import (
    DIM,
    K,
    Sizes,
    Vectors,
    batches,
    clustered,
    latency,
    nearest,
    timed,
)
from daneel.evaluation.bench.memory_nodes import Node, nodes
from daneel.evaluation.bench.memory_trust import Trust, make_trust
from daneel.evaluation.evidence import Evidence
from daneel.memory.protocol import VectorStore
from daneel.memory.service.client import RemoteMemory
from daneel.memory.service.distributed import DistributedMemory
from daneel.memory.service.placement import CentroidPlacement, HashPlacement, Placement

NODES, CORES_WANTED = 4, 8
ONE_THREAD = ("--threads", "1")
TIMEOUT_S, LOAD = 600, 10_000


@dataclass
class Subject:
    """A store, its servers, and what was measured of it: one value a repeat."""

    store: VectorStore
    servers: Sequence[Node]
    cost_ms: list[float] = field(default_factory=list)
    """CPU of a query."""
    rate: list[float] = field(default_factory=list)
    """Queries a second."""
    latency: list[tuple[float, float, float]] = field(default_factory=list)
    """p50, p95, p99 in ms."""


def cluster(options: Options, sizes: Sizes, work: Path) -> list[Evidence]:
    """Every figure of the nodes."""
    trust = make_trust(work)
    return [*_four_nodes(options, sizes, work, trust), *_killed(options, sizes, work, trust)]


def _four_nodes(options: Options, sizes: Sizes, work: Path, trust: Trust) -> list[Evidence]:
    vectors, queries = clustered(options.seed, sizes.node_rows, sizes.node_queries)
    with _subjects(options, sizes, work, trust, vectors) as subjects:
        for each in subjects.values():
            for ids, part, _ in batches(vectors, LOAD):
                each.store.add(ids, part)
            each.store.flush()
            each.store.search(queries[: sizes.batch], K)
        for _ in range(options.repeats):
            for each in subjects.values():
                _measure(each, sizes, queries)
        asked = queries[: max(1, len(queries) // 10)]
        truth = nearest(asked, vectors)
        recalls = {name: _recall(each.store, asked, truth) for name, each in subjects.items()}
    one = subjects["1 node"]
    return [
        item
        for name, each in subjects.items()
        for item in _figures(sizes, name, each, recalls[name], one)
    ]


@contextmanager
def _subjects(
    options: Options, sizes: Sizes, work: Path, trust: Trust, vectors: Vectors
) -> Iterator[dict[str, Subject]]:
    rng = np.random.default_rng(options.seed)
    sample = vectors[rng.choice(len(vectors), min(sizes.sample, len(vectors)), replace=False)]
    placements: dict[str, Placement] = {
        "centroid": CentroidPlacement.fit(
            sample, NODES, rows=len(vectors), recall=0.97, seed=options.seed
        ),
        "hash": HashPlacement(NODES),
    }
    folders = [str(work / f"node{at}") for at in range(NODES + 1)]
    with ExitStack() as stack:
        one, *four = stack.enter_context(nodes(folders, *ONE_THREAD, trust=trust))
        known = {"timeout_s": TIMEOUT_S, **trust.client}
        alone = stack.enter_context(RemoteMemory(f"{one.address}/rows", DIM, **known))
        subjects = {"1 node": Subject(alone, [one])}
        for name, placement in placements.items():
            shards = [f"{each.address}/{name}" for each in four]
            store = DistributedMemory(shards, DIM, placement=placement, **known)
            subjects[f"4 nodes, by {name}"] = Subject(stack.enter_context(store), four)
        yield subjects


def _measure(subject: Subject, sizes: Sizes, queries: Vectors) -> None:
    """One repeat."""
    store, parts = subject.store, [each for _, each, _ in batches(queries, sizes.batch)]
    before = _cpu_s(subject)
    seconds = timed(lambda: [store.search(part, K) for part in parts])
    subject.cost_ms.append(1000 * (_cpu_s(subject) - before) / len(queries))
    subject.rate.append(len(queries) / seconds)
    subject.latency.append(latency(store, queries[: sizes.single]))


def _cpu_s(subject: Subject) -> float:
    """CPU time so far, of the client and the servers."""
    return time.process_time() + sum(each.cpu_s() for each in subject.servers)


def _recall(store: VectorStore, queries: Vectors, truth: NDArray[np.int64]) -> float:
    found = store.search(queries, K).ids
    shared = [len({f"r{row}" for row in rows} & set(ids))
              for rows, ids in zip(truth.tolist(), found, strict=True)]  # fmt: skip
    return float(np.mean(shared)) / K


def _figures(
    sizes: Sizes, name: str, subject: Subject, recall: float, one: Subject
) -> list[Evidence]:
    row = f"C-8, {sizes.node_rows} rows, TLS and tokens"
    enough = len(os.sched_getaffinity(0)) >= CORES_WANTED
    rates = subject.rate if enough else []
    found = [
        figure(row, f"recall@{K}", name, [recall], "share", 0.95),
        figure(row, f"CPU a query, {sizes.batch} a call", name, subject.cost_ms, "ms"),
        figure(row, f"queries, {sizes.batch} a call", name, rates, "queries/s"),
    ]
    for at, measure in enumerate(("p50", "p95", "p99")):
        values = [each[at] for each in subject.latency] if enough else []
        found.append(figure(row, measure, name, values, "ms"))
    if subject is not one:
        found.append(_ratio(row, "CPU a query", name, subject.cost_ms, one.cost_ms, 1.3))
        ours, ones = (
            [each[0] for each in part.latency] if enough else [] for part in (subject, one)
        )
        found.append(_ratio(row, "p50", name, ours, ones, 1.2))
    return found


def _ratio(
    row: str, measure: str, name: str, ours: list[float], ones: list[float], bar: float
) -> Evidence:
    ratios = [mine / one for mine, one in zip(ours, ones, strict=True)]
    details = {"cores wanted": CORES_WANTED, "cores": len(os.sched_getaffinity(0))}
    name_of = f"{measure}, of one node's"
    return figure(row, name_of, name, ratios, "x", bar, "lower", details=details)


def _killed(options: Options, sizes: Sizes, work: Path, trust: Trust) -> list[Evidence]:
    """Two shards of two nodes each; one node is killed under load and replaced."""
    folders = [str(work / f"shard{at // 2}") for at in range(NODES)]
    vectors, _ = clustered(options.seed, sizes.kill_batches * sizes.push, 0)
    with nodes(folders, *ONE_THREAD, trust=trust) as running:
        shards = [[f"{each.address}/kill" for each in running[at : at + 2]] for at in (0, 2)]
        with DistributedMemory(shards, DIM, timeout_s=TIMEOUT_S, **trust.client) as store:
            written = threading.Event()
            replacing = threading.Thread(target=_kill_and_replace, args=(running[0], written))
            replacing.start()
            waits = _write(store, sizes, vectors, written)
            replacing.join()
            back = store.live == shards
            lost, wrong = _missing(store, vectors)
    row, subject = "C-8, one of 4 nodes killed and replaced", "DistributedMemory"
    about = {"rows": len(vectors), "replacement in use at the end": back}
    return [
        figure(row, "acknowledged rows lost", subject, [lost], "rows", 0, "lower", details=about),
        figure(row, "rows that came back wrong", subject, [wrong], "rows", 0, "lower"),
        figure(row, "longest wait for an add", subject, [max(waits)], "s"),
    ]


def _kill_and_replace(node: Node, written: threading.Event) -> None:
    written.wait()
    node.kill()
    node.replace()


def _write(
    store: DistributedMemory, sizes: Sizes, vectors: Vectors, written: threading.Event
) -> list[float]:
    """How long each batch took to be acknowledged; `written` is set after a quarter of them.

    All are written, and then again from the first one until every node is in use.
    """
    waits, parts = list[float](), batches(vectors, sizes.push)
    ends = time.monotonic() + TIMEOUT_S
    for at, (ids, part, _) in enumerate(itertools.cycle(parts)):
        if at == len(parts) // 4:
            written.set()
        if at >= len(parts) and (_all_in_use(store) or time.monotonic() > ends):
            return waits
        waits.append(timed(partial(store.add, ids, part)))
    return waits


def _all_in_use(store: DistributedMemory) -> bool:
    return sum(map(len, store.live)) == NODES


def _missing(store: DistributedMemory, vectors: Vectors) -> tuple[int, int]:
    """Rows that are not there, and rows that are not as they were written."""
    lost = wrong = 0
    for ids, part, _ in batches(vectors, LOAD):
        rows = store.get(ids)
        there = {name: at for at, name in enumerate(ids)}
        lost += len(ids) - len(rows.ids)
        wrong += int((rows.vectors != part[[there[name] for name in rows.ids]]).any(1).sum())
    return lost, wrong
