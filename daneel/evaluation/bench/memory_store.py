"""Part `store` of `daneel bench memory`: search, filtered search, ingest, opening, kills.

Search is a ratio of CPU time to FAISS's own IVF in the same process on the same rows, one thread,
interleaved. That reference is `IVF1024,Flat` at nprobe 8, the setting whose near 9,600 queries per
second the bar was written for; the store's own index without the store is printed next to it.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from daneel.evaluation.bench.memory import Options, figure
from daneel.evaluation.bench.memory_kill import kill_again_and_again
from daneel.evaluation.evidence import Evidence
from daneel.memory.indexes import exact
from daneel.memory.indexes.kind import prepared
from daneel.memory.indexes.store import FaissVectorStore
from daneel.memory.lance.store import LanceStore

K, LABELS = 10, 10
CENTRES, SPREAD = 2_000, 0.5
REFERENCE, REFERENCE_PROBES = "IVF1024,Flat", 8
BATCH = 10_000
KINDS = ("hnsw", "pq", "lsh")


@dataclass(frozen=True)
class Sizes:
    """How much is measured."""

    rows: int = 200_000
    dim: int = 128
    queries: int = 1_000
    opened_rows: int = 1_000_000
    kills: int = 50
    disk_kills: int = 10
    kinds_rows: int = 20_000


def measure(options: Options, sizes: Sizes | None = None) -> list[Evidence]:
    """Every figure of the part.

    Args:
        options: Of the bench.
        sizes: Smaller ones for a test; None is what the bars ask for.
    """
    sizes, work = sizes or Sizes(), options.work / "store"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    threads = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    try:
        return [
            *_ingest(options, sizes, work),
            *_searches(options, sizes, work),
            *_kinds(options, sizes),
            *_opening(options, sizes, work),
            *_kills(options, sizes, work),
        ]
    finally:
        faiss.omp_set_num_threads(threads)
        shutil.rmtree(work, ignore_errors=True)


def clustered(
    count: int, dim: int, rng: np.random.Generator, centres: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Unit vectors `[count, dim]` around centres."""
    noise = np.float32(SPREAD) * rng.standard_normal((count, dim), np.float32)
    found = centres[rng.integers(0, len(centres), count)] + noise
    return prepared(found.astype(np.float32, copy=False), "cosine")


def _data(options: Options, sizes: Sizes) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Rows and queries."""
    rng = np.random.default_rng(options.seed)
    centres = rng.standard_normal((CENTRES, sizes.dim), np.float32)
    rows = clustered(sizes.rows, sizes.dim, rng, centres)
    return rows, clustered(sizes.queries, sizes.dim, rng, centres)


def _names(count: int) -> list[str]:
    return [f"row{i:08d}" for i in range(count)]


def _fill(store: LanceStore, ids: list[str], vectors: NDArray[np.float32]) -> None:
    for start in range(0, len(ids), BATCH):
        part = slice(start, start + BATCH)
        labels = [{"label": i % LABELS} for i in range(start, min(start + BATCH, len(ids)))]
        store.add(ids[part], vectors[part], labels)


def _ingest(options: Options, sizes: Sizes, work: Path) -> list[Evidence]:
    vectors, ids = _data(options, sizes)[0], _names(sizes.rows)
    found = []
    for durability in ("process", "disk"):
        rates = []
        for turn in range(options.repeats):
            store = LanceStore(work / f"in-{durability}-{turn}", sizes.dim, durability=durability)
            began = time.perf_counter()
            _fill(store, ids, vectors)
            rates.append(sizes.rows / (time.perf_counter() - began))
            store.close()
        bar = 50_000 if durability == "process" else None
        found.append(
            figure("ingest", f"acknowledged, {durability}", "LanceStore", rates, "vectors/s", bar)
        )
    return found


def _searches(options: Options, sizes: Sizes, work: Path) -> list[Evidence]:
    vectors, queries = _data(options, sizes)
    raw: Any = faiss.index_factory(sizes.dim, REFERENCE, faiss.METRIC_INNER_PRODUCT)
    raw.train(vectors)
    raw.add(vectors)
    raw.nprobe = REFERENCE_PROBES
    with LanceStore(work / "in-process-0") as store:
        truth = exact.scan(queries, vectors, K, "cosine")[0]
        found = store.search(queries, K).scores
        recall = _recall(found, truth)
        about = {"recall": recall, "index": store.stats()["index"]}
        rates = _rates(options, _askers(store, raw, queries))
        one, own = _ratios(rates, "store", "faiss"), _ratios(rates, "store", "own")
        many = _ratios(rates, "store many", "faiss many")
        row = "search"
        return [
            figure(row, "recall@10", "LanceStore ivf", [recall], "of 1", 0.95, details=about),
            figure(row, "one at a time", REFERENCE, rates["faiss"], "q/CPU-s"),
            figure(row, "one at a time", "LanceStore ivf", rates["store"], "q/CPU-s"),
            figure(row, "one at a time", "times FAISS", one, "ratio", 0.85),
            figure(row, "one at a time", "times its own index alone", own, "ratio"),
            figure(row, "batched", "times FAISS", many, "ratio", 0.9),
            *_filtered(options, store, queries, vectors),
        ]


def _askers(
    store: LanceStore, raw: Any, queries: NDArray[np.float32]
) -> dict[str, Callable[[], Any]]:
    view, rows = store._rows.live().view, [query[None] for query in queries]
    plan = view.base.index.plan(K, None)
    index, near = view.base.index, plan.near
    assert near is not None, "nothing to compare: the index scans exactly"
    return {
        "store": lambda: [store.search(query, K) for query in rows],
        "faiss": lambda: [raw.search(query, K) for query in rows],
        "own": lambda: [index._search(query, K, near, None) for query in rows],
        "store many": lambda: store.search(queries, K),
        "faiss many": lambda: raw.search(queries, K),
    }


def _filtered(
    options: Options, store: LanceStore, queries: NDArray[np.float32], vectors: NDArray[np.float32]
) -> list[Evidence]:
    where = {"label": 3}
    keep = np.arange(len(vectors)) % LABELS == 3
    truth = exact.scan(queries, vectors, K, "cosine", keep)[0]
    recall = _recall(store.search(queries, K, where).scores, truth)
    rows = [query[None] for query in queries]
    rates = _rates(options, {"one": lambda: [store.search(query, K, where) for query in rows]})
    return [
        figure("filtered, 10 %", "recall@10", "LanceStore ivf", [recall], "of 1", 0.95),
        figure("filtered, 10 %", "one at a time", "LanceStore ivf", rates["one"], "q/CPU-s", 500),
    ]


def _rates(options: Options, askers: dict[str, Callable[[], Any]]) -> dict[str, list[float]]:
    """Queries per CPU second of each, interleaved; the first round warms up and is not counted."""
    rates: dict[str, list[float]] = {name: [] for name in askers}
    for turn in range(options.repeats + 1):
        for name, ask in askers.items():
            began = time.process_time()
            answer = ask()
            seconds = time.process_time() - began
            count = len(answer) if isinstance(answer, list) else len(_ids_of(answer))
            if turn:
                rates[name].append(count / seconds)
    return rates


def _ratios(rates: dict[str, list[float]], ours: str, theirs: str) -> list[float]:
    return [one / other for one, other in zip(rates[ours], rates[theirs], strict=True)]


def _ids_of(answer: Any) -> Any:
    return answer[1] if isinstance(answer, tuple) else answer.ids


def _recall(scores: NDArray[np.float32], truth: NDArray[np.float32]) -> float:
    """Share of the hits that score no worse than the last true one."""
    return float((scores >= truth[:, -1:] - 1e-5).mean())


def _kinds(options: Options, sizes: Sizes) -> list[Evidence]:
    """What the other kinds reach, with and without scoring candidates by their vectors."""
    smaller = Sizes(rows=sizes.kinds_rows, dim=sizes.dim, queries=min(200, sizes.queries))
    vectors, queries = _data(options, smaller)
    truth = exact.scan(queries, vectors, K, "cosine")[0]
    found = []
    for kind in KINDS:
        store = FaissVectorStore(sizes.dim, index=kind)
        store.add(_names(len(vectors)), vectors)
        store.flush()
        plan = store.stats()["index"]["plans"]["10"]
        recall = _recall(store.search(queries, K).scores, truth)
        subject = f"FaissVectorStore {kind}"
        row, rough = f"recall, {len(vectors)} rows", plan["rough"]
        found.append(figure(row, "recall@10", subject, [recall], "of 1", 0.95))
        if rough is not None:
            found.append(figure(row, "without scoring again", subject, [rough], "of 1"))
    return found


def _opening(options: Options, sizes: Sizes, work: Path) -> list[Evidence]:
    """Seconds from the call to the first answer, of a store whose index is whole."""
    rng, path = np.random.default_rng(options.seed), work / "million"
    centres = rng.standard_normal((CENTRES, sizes.dim), np.float32)
    ids = _names(sizes.opened_rows)
    with LanceStore(path, sizes.dim) as store:
        for start in range(0, len(ids), BATCH):
            part = ids[start : start + BATCH]
            store.add(part, clustered(len(part), sizes.dim, rng, centres))
        store.compact()
    seconds = []
    for _ in range(options.repeats + 1):
        began = time.perf_counter()
        store = LanceStore(path)
        store.search(centres[0], K)
        seconds.append(time.perf_counter() - began)
        store.close()
    row = f"open, {len(ids)} rows"
    return [figure(row, "to the first answer", "LanceStore ivf", seconds[1:], "s", 2, "lower")]


def _kills(options: Options, sizes: Sizes, work: Path) -> list[Evidence]:
    found: list[Evidence] = []
    for durability, kills in (("process", sizes.kills), ("disk", sizes.disk_kills)):
        path = work / f"kills-{durability}"
        outcome = kill_again_and_again(str(path), 32, kills, options.seed, durability)
        with LanceStore(path) as store:
            problems = store.verify()
        about = {"kills": kills, "acknowledged rows": outcome.acknowledged, "problems": problems}
        row, subject = f"kill -9, {kills} times", f"LanceStore, {durability}"
        counts: Sequence[tuple[str, int]] = (
            ("acknowledged rows lost", len(outcome.lost)),
            ("torn batches", len(outcome.torn)),
            ("problems found by verify", len(problems)),
        )
        for name, count in counts:
            found.append(figure(row, name, subject, [count], "rows", 0, "lower", details=about))
    return found
