"""Every kind of index reaches its recall on easy and on hostile vectors, filtered or not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from daneel.errors import MemoryStoreError, UnknownNameError
from daneel.memory.in_memory import InMemoryStore, score_all
from daneel.memory.indexes import exact, files, gpu, index, tuning
from daneel.memory.indexes.base import Base
from daneel.memory.indexes.index import SMALL, TunedIndex
from daneel.memory.indexes.keep import SELECTIVE, Keep
from daneel.memory.indexes.kind import Kind
from daneel.memory.indexes.store import (
    FaissVectorStore,
    LocalitySensitiveHashIndex,
    PQVectorStore,
)
from daneel.memory.protocol import METRICS, Metric
from tests.memory.contract import assert_hits

COUNT, DIM, ASKED, K = 3_000, 16, 100, 10
DATA = ("clustered", "random", "duplicated", "zeros", "scaled")
KINDS = ("ivf", "hnsw", "pq", "lsh")


def data(name: str, seed: int = 0) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Rows `[COUNT, DIM]` and queries `[ASKED, DIM]` of the same sort, half of them strangers."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(60, DIM))
    total = COUNT + ASKED
    points = rng.normal(size=(total, DIM))
    if name != "random":
        points = centres[rng.integers(0, 60, total)] + 0.3 * points
    if name == "duplicated":
        points = points[rng.integers(0, COUNT // 20, total)]
    if name == "zeros":
        points[rng.random(total) < 0.5] = 0
    if name == "scaled":
        points *= 10.0 ** rng.uniform(-3, 3, (total, 1))
    points[-ASKED // 2 :] = 3 * rng.normal(size=(ASKED // 2, DIM))
    vectors = points.astype(np.float32)
    return vectors[:COUNT], vectors[COUNT:]


def indexed(kind: str, vectors: NDArray[np.float32], metric: Metric, target: float) -> TunedIndex:
    """As `TunedIndex.build` makes it, but tuned for `K` hits alone: 100 would take longer."""
    made: Kind = index.KINDS.load(kind)()
    tuned = TunedIndex(made, made.build(vectors, metric, 0), vectors, metric, target)
    tuned.plan(K, None)
    return tuned


def recall(
    tuned: TunedIndex, queries: NDArray[np.float32], keep: NDArray[np.bool_] | None = None
) -> float:
    """Share of hits no worse than the last true one, and they are what they say they are."""
    truth, _ = exact.scan(queries, tuned.vectors, K, tuned.metric, keep)
    scores, at = tuned.search(queries, K, None if keep is None else Keep(keep))
    assert at.min() >= 0 and (keep is None or keep[at].all())
    assert all(len(set(row)) == K for row in at.tolist())
    for query, row, found in zip(queries, at, scores, strict=True):
        told = score_all(query[None], tuned.vectors[row], tuned.metric)[0]
        np.testing.assert_allclose(found, told, rtol=2e-3, atol=1e-4 * max(1, abs(told).max()))
    return tuning._recall(scores, truth)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", DATA)
def test_recall_reaches_the_target(kind: str, name: str) -> None:
    """Queries like the rows and strangers, on all rows and on a part of them, by every metric."""
    vectors, queries = data(name)
    every = name == "clustered" and kind in ("ivf", "hnsw")
    for metric in METRICS if every else (METRICS[DATA.index(name) % 3],):
        tuned = indexed(kind, vectors, metric, 0.95)
        assert recall(tuned, queries) >= 0.95
        kept = np.random.default_rng(1).random(COUNT) < 0.85
        kept[: COUNT // 8] = False
        assert kept.sum() > SELECTIVE
        assert recall(tuned, queries, kept) >= 0.95


@pytest.mark.parametrize("metric", METRICS)
def test_scan_equals_the_oracle(metric: Metric) -> None:
    """Over several blocks, with equal rows, tiny and huge ones, and rows left out."""
    rng = np.random.default_rng(2)
    vectors = rng.normal(size=(exact.BLOCK + 300, 4)).astype(np.float32)
    vectors[rng.integers(0, len(vectors), 3000)] = vectors[7]
    vectors[5:9] *= np.float32(1e-20) if metric == "cosine" else 1
    vectors[100:110] *= np.float32(1e25 if metric == "cosine" else 1e15)
    keep = rng.random(len(vectors)) < 0.5
    queries = np.concatenate([vectors[[7, 3, 100]], np.zeros((1, 4), np.float32)])
    scores, at = exact.scan(queries, vectors, 25, metric, keep)
    allowed = np.flatnonzero(keep)
    truth = score_all(queries, vectors[allowed], metric)
    order = np.argsort(-truth, axis=1, kind="stable")[:, :25]
    np.testing.assert_array_equal(at, allowed[order])
    np.testing.assert_array_equal(scores, np.take_along_axis(truth, order, 1))


def test_a_tiny_recall_is_cheaper_than_a_high_one() -> None:
    """The target decides how many lists are looked into; the whole ladder ends with exact."""
    vectors, queries = data("random")
    low, high = (indexed("ivf", vectors, "l2", target) for target in (0.3, 0.99))
    near_low, near_high = low.plan(10, None).near, high.plan(10, None).near
    assert near_low is not None and near_high is not None
    assert near_low.probes < near_high.probes
    assert 0.3 <= recall(low, queries) < recall(high, queries)


def test_rough_kinds_report_recall_with_and_without_scoring_again() -> None:
    """Product quantisation alone falls far short of what it finds when vectors are compared."""
    plan = indexed("pq", data("random")[0], "cosine", 0.95).plan(10, None)
    assert plan.rough is not None and plan.rough < 0.9 < plan.recall


def test_few_rows_need_no_index() -> None:
    """Below `SMALL` rows the scan answers."""
    vectors = data("random")[0][: SMALL - 1]
    assert TunedIndex.build("ivf", vectors, "l2", 0.9).kind is None


def test_saved_and_loaded(tmp_path: Path) -> None:
    """A folder gives the same answers and settings, from mapped files; a changed byte is seen."""
    vectors, queries = data("clustered")
    ids = sorted(f"r{i}" for i in range(COUNT))
    for kind in ("flat", *KINDS):
        folder = tmp_path / kind
        built: list[TunedIndex] = []

        def build(
            given: NDArray[np.float32], kind: str = kind, built: list[TunedIndex] = built
        ) -> TunedIndex:
            make = TunedIndex.build if kind == "flat" else indexed
            built.append(make(kind, given, "l2", 0.9))
            return built[0]

        def fill(out: NDArray[np.float32]) -> None:
            out[:] = vectors

        Base.write(folder, ids, ["{}"] * COUNT, fill, build, DIM, {"of": kind})
        base = Base.load(folder, "l2")
        assert base.stamp["of"] == kind
        assert base.vectors.tobytes() == vectors.tobytes()
        assert base.index.description() == built[0].description()
        for found, expected in zip(
            base.index.search(queries, 5), built[0].search(queries, 5), strict=True
        ):
            np.testing.assert_array_equal(found, expected)
        assert base.lookup.find(["r5", "none", "r77"]).tolist() == [
            ids.index("r5"),
            -1,
            ids.index("r77"),
        ]
        (folder / "metadata.bytes").write_bytes(b"{}" * (COUNT - 1) + b"[]")
        with pytest.raises(MemoryStoreError, match="damaged"):
            files.read_folder(folder)


@pytest.mark.parametrize("store", [PQVectorStore, LocalitySensitiveHashIndex])
def test_stores_of_rough_kinds_score_by_the_vectors(store: type[FaissVectorStore]) -> None:
    """Easy questions have the exact answer, scores included, after rows were replaced, too."""
    vectors, _ = data("clustered")
    ids, other = [f"{i:05d}" for i in range(COUNT)], InMemoryStore(DIM, "l2")
    found = store(DIM, "l2")
    for each in (found, other):
        each.add(ids, vectors, [{"n": i % 10} for i in range(COUNT)])
        each.flush()
        each.add(ids[:50], vectors[50:100])
        each.delete(ids[100:120])
    assert len(found) == len(other)
    asked = vectors[500:520]
    assert_hits(found.search(asked, 1), other.search(asked, 1))
    assert_hits(found.search(asked, 3, {"n": 4}), other.search(asked, 3, {"n": 4}))


def test_unknown_kinds_and_bad_numbers() -> None:
    """Refused with the nearest name, or the range."""
    with pytest.raises(UnknownNameError, match="Nearest: hnsw"):
        FaissVectorStore(4, index="hnws")
    wrong: list[dict[str, Any]] = [{"recall": 0}, {"recall": 1.1}, {"tail_rows": -1}]
    for options in wrong:
        with pytest.raises(ValueError, match="Expected"):
            FaissVectorStore(4, **options)
    with pytest.raises(ValueError, match="dim"):
        FaissVectorStore(0)


@pytest.mark.skipif(not gpu.available(), reason="This FAISS has no GPU: faiss-gpu-cu12 and one.")
@pytest.mark.parametrize("metric", METRICS)
def test_lists_on_a_gpu_answer_as_those_on_the_cpu(metric: Metric) -> None:
    """The same scores among all rows; among some rows the CPU answers."""
    vectors, queries = data("random")
    tuned = indexed("ivf", vectors, metric, 0.95)
    assert tuned._gpu is not None
    scores, _ = tuned.search(queries, K)
    tuned._gpu = None
    np.testing.assert_allclose(scores, tuned.search(queries, K)[0], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_without_a_gpu_an_index_stays_on_the_cpu(kind: str) -> None:
    """No copy, and nothing said, where FAISS finds no GPU or the kind is none for GPUs."""
    tuned = indexed(kind, data("random")[0], "l2", 0.9)
    assert (tuned._gpu is not None) == (kind == "ivf" and gpu.available())
