"""What compressed memories lose and save: T-38, T-41, T-44, T-48, R-1's working set, and T-54.

Rows are clustered unit vectors, as embeddings are: 2,000 centres, and half of a centre's spread
about each. A question is a stored row with noise; it is answered when the row's id is among the
eight best. "Kept" compares with exact search of the exact vectors, on the same questions.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from daneel.evaluation.bench import memory_disk
from daneel.evaluation.bench.memory import Options, figure
from daneel.evaluation.bench.memory_stream import nearest
from daneel.evaluation.evidence import Evidence
from daneel.memory.compression import (
    AdaptiveCompressor,
    CodecSummariser,
    ContextSummaryMemory,
    StreamingCompressor,
    SummarizingMemory,
    TemporalVectorCompressor,
)
from daneel.memory.in_memory import InMemoryStore
from daneel.memory.lance.store import LanceStore
from daneel.memory.opening import open_store
from daneel.memory.profiler import MemoryProfiler
from daneel.memory.protocol import VectorStore

ROWS, QUESTIONS, DIM, K, CENTRES, NOISE = 20_000, 1000, 128, 8, 2000, 0.2
STREAM, REHEARSED = 1 << 20, 1 << 12
"""Rows of the stream of R-1; rows of everything in a rehearsal."""
BYTES, SEGMENT = 32, 1024
"""Of a code (a raw row has 512), and rows summarised together."""
DECAY, SUMMARY, SAVED, CONTEXT, RATIO, OVERHEAD = 3.0, 5.0, 50.0, 95.0, 100.0, 5.0
"""Asked: points lost by T-38 and T-41, percent saved, percent kept and ratio of T-48, percent."""
HALF_LIVES = 4
"""Half-life of T-38 in lengths of the stream, where a bar is set; one length is shown beside it."""


def measure(options: Options) -> list[Evidence]:
    """All rows."""
    parts = (temporal, summarising, adaptive, context, working_set, profiler)
    return [item for part in parts for item in part(options)]


def clustered(count: int, dim: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Unit vectors `[count, dim]`."""
    centres = rng.standard_normal((CENTRES, dim), np.float32)
    rows = centres[rng.integers(0, CENTRES, count)]
    rows = rows + 0.5 * rng.standard_normal((count, dim), np.float32)
    return _unit(rows)


def _unit(rows: NDArray[np.floating]) -> NDArray[np.float32]:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


class Task:
    """Rows, and questions whose answers are known."""

    def __init__(self, options: Options, dim: int = DIM) -> None:
        """The same for the same seed."""
        rng, rows = np.random.default_rng(options.seed), options.sized(ROWS, REHEARSED)
        self.rows = clustered(rows, dim, rng)
        self.gold = rng.choice(rows, min(QUESTIONS, rows), replace=False)
        noise = rng.standard_normal((len(self.gold), dim), np.float32) / np.sqrt(dim)
        self.questions = _unit(self.rows[self.gold] + NOISE * noise.astype(np.float32))
        self.exact = self._right(nearest(self.questions, self.rows, K))

    @property
    def recent(self) -> int:
        """How many rows stay exact: a twentieth."""
        return len(self.rows) // 20

    def _right(self, found: NDArray[np.int64]) -> float:
        """Percent of questions that are answered."""
        return 100 * float((found == self.gold[:, None]).any(1).mean())

    def fill(self, store: VectorStore, timed: bool = False) -> None:
        """Adds all rows, in order; with `timed`, row number n at second n."""
        for start in range(0, len(self.rows), SEGMENT):
            part = self.rows[start : start + SEGMENT]
            entries = [{"time": start + at} for at in range(len(part))] if timed else None
            store.add([str(start + at) for at in range(len(part))], part, entries)

    def answered(self, store: VectorStore) -> float:
        """Percent of questions that a store answers."""
        starts = range(0, len(self.questions), 50)
        found = [store.search(self.questions[at : at + 50], K).ids for at in starts]
        ids = [[int(n) if n is not None else -1 for n in row] for part in found for row in part]
        return self._right(np.array(ids))


def codec(dim: int, size: int, levels: int = 1) -> StreamingCompressor:
    """The codec that all rows use."""
    return StreamingCompressor(dim, size, levels, per_epoch=1024)


def summarised(store: VectorStore, size: int, recent: int) -> SummarizingMemory:
    """A memory of codes."""
    summariser = CodecSummariser(codec(store.dim, size))
    return SummarizingMemory(store, summariser, recent=recent, segment=SEGMENT)


def temporal(options: Options) -> list[Evidence]:
    """T-38: what decay and codes together cost when questions are about all ages alike."""
    task, made = Task(options), []
    for lengths, bar in ((HALF_LIVES, DECAY), (1, None)):
        began, base = time.perf_counter(), summarised(InMemoryStore(DIM), BYTES, task.recent)
        half_life = float(lengths * len(task.rows))
        memory = TemporalVectorCompressor(base, half_life, clock=lambda: float(len(task.rows)))
        task.fill(memory, timed=True)
        lost = task.exact - task.answered(memory)
        what = f"answers lost, half-life of {lengths} stream lengths"
        details = {"exact": task.exact, "bytes_per_row": BYTES, "rows": len(task.rows)}
        made.append(
            figure("T-38", what, "codes and decay", [lost], "points", bar, "lower",
                   seeds=(options.seed,), seconds=time.perf_counter() - began, details=details)
        )  # fmt: skip
    return made


def summarising(options: Options) -> list[Evidence]:
    """T-41: bytes on disk of the same rows as codes and as they are, both compacted."""
    task, began = Task(options), time.perf_counter()
    with _folder(options, "summarising") as folder:
        raw, exact = _on_disk(options, task, folder / "raw", lambda store: store)
        size, answered = _on_disk(
            options,
            task,
            folder / "summarised",
            lambda store: summarised(store, BYTES, task.recent),
        )
    saved, lost, seeds = 100 * (1 - size / raw), exact - answered, (options.seed,)
    seconds = time.perf_counter() - began
    details = {"raw_bytes": raw, "bytes": size, "exact": exact}
    return [
        figure("T-41", "storage saved", "summaries", [saved], "% of bytes on disk", SAVED,
               seeds=seeds, seconds=seconds, details=details),
        figure("T-41", "answers lost", "summaries", [lost], "points", SUMMARY, "lower",
               seeds=seeds, seconds=seconds, details=details),
    ]  # fmt: skip


def _on_disk(
    options: Options, task: Task, folder: Path, wrapped: Callable[[VectorStore], VectorStore]
) -> tuple[int, float]:
    """Bytes of all rows in a folder, compacted, and the percent of questions they answer."""
    store = open_store(folder, DIM, "cosine", index="flat")
    assert isinstance(store, LanceStore)
    with wrapped(store) as memory:
        task.fill(memory)
        answered = task.answered(memory)
        memory_disk.compact(store, options)
    return memory_disk.bytes_in(folder), answered


def adaptive(options: Options) -> list[Evidence]:
    """T-44: at equal bytes, error over what is retrieved; retrievals follow Zipf's law."""
    began, rng = time.perf_counter(), np.random.default_rng(options.seed)
    count = options.sized(ROWS, REHEARSED)
    rows, names = clustered(count, DIM, rng), [str(at) for at in range(count)]
    store = InMemoryStore(DIM)
    store.add(names, rows)
    codes = AdaptiveCompressor(codec(DIM, 2 * BYTES, levels=4), BYTES, store.get)
    codes.add(names, rows)
    chances = 1 / (1 + rng.permutation(count))
    chances /= chances.sum()
    for _ in range(40):
        codes.get([names[at] for at in np.unique(rng.choice(count, 500, p=chances))])
    codes.rebalance()
    size = np.array([4 * DIM / codes.ratio(name) for name in names])
    counts = [codes.frequency.count(name) for name in names]
    equal = codec(DIM, BYTES, levels=2)
    equal.observe(rows)
    lost = ((codes.get(names).vectors - rows) ** 2).sum(1) @ chances
    even = ((equal.decode(equal.encode(rows)) - rows) ** 2).sum(1) @ chances
    details = {"bytes_per_row": float(size.mean()), "error": float(lost), "even": float(even)}
    common = {"seeds": (options.seed,), "seconds": time.perf_counter() - began, "details": details}
    rank = float(np.corrcoef(rankdata(counts), rankdata(size))[0, 1])
    return [
        figure("T-44", "error over retrievals, times that of equal codes", "adaptive",
               [float(lost / even)], "x", 1.0, "lower", **common),
        figure("T-44", "rank correlation of bytes and retrievals", "adaptive", [rank], "rho",
               **common),
    ]  # fmt: skip


def context(options: Options) -> list[Evidence]:
    """T-48: a context of a hundred times the exact window, at a hundredth of its bytes."""
    began, dim = time.perf_counter(), 4 * DIM
    task = Task(options, dim)
    count = len(task.rows)
    past = summarised(InMemoryStore(dim), 16, count // 100 - 1)
    memory = ContextSummaryMemory(InMemoryStore(dim), past)
    task.fill(memory)
    kept = 100 * task.answered(memory) / task.exact
    summaries = sum(not past.is_exact(str(at)) for at in range(count))
    ratio = summaries * 4 * dim / memory.context_bytes
    common = {
        "seeds": (options.seed,),
        "seconds": time.perf_counter() - began,
        "details": {"exact": task.exact, "rows": count, "summarised": summaries, "dim": dim},
    }
    return [
        figure("T-48", "answers kept", "summaries, 64 expanded", [kept], "% of exact search",
               CONTEXT, **common),
        figure("T-48", "vector bytes over summary bytes", "summaries, 64 expanded", [ratio], "x",
               RATIO, **common),
    ]  # fmt: skip


def working_set(options: Options) -> list[Evidence]:
    """R-1: bytes that each doubling of a stream of 2^20 rows adds to the compressor."""
    began, dim, per_epoch = time.perf_counter(), 16, 256
    rng = np.random.default_rng(options.seed)
    compressor = StreamingCompressor(dim, 8, per_epoch=per_epoch, seed=options.seed)
    sizes = []
    while compressor.seen < options.sized(STREAM, REHEARSED):
        doubled = max(2 * compressor.seen, per_epoch)
        while compressor.seen < doubled:
            compressor.observe(clustered(min(doubled - compressor.seen, 16_384), dim, rng))
        sizes.append(compressor.working_set_bytes)
    bound = per_epoch * dim * 4 + compressor.codecs[0].nbytes
    share = 100 * sizes[-1] / (compressor.seen * dim * 4)
    details = {"rows": compressor.seen, "bytes": sizes, "versions": len(compressor.codecs)}
    common = {"seeds": (options.seed,), "seconds": time.perf_counter() - began, "details": details}
    most = float(np.diff(sizes).max())
    return [
        figure("R-1", "most bytes added by a doubling of T", "streaming compressor", [most],
               "bytes", bound, "lower", **common),
        figure("R-1", "working set at the end", "streaming compressor", [share],
               "% of the stream", **common),
    ]  # fmt: skip


def profiler(options: Options) -> list[Evidence]:
    """T-54: CPU time of single searches with the profiler, over without; interleaved."""
    task, began = Task(options), time.perf_counter()
    bare, ratios = list[float](), list[float]()
    with _folder(options, "profiler") as folder, open_store(folder / "store", DIM) as store:
        task.fill(store)
        store.flush()
        profiled = MemoryProfiler(store)
        for each in (store, profiled):
            _spent(each.search, task.questions[:50])
        for _ in range(4 * options.repeats + 1):
            bare.append(_spent(store.search, task.questions))
            ratios.append(100 * (_spent(profiled.search, task.questions) / bare[-1] - 1))
    return [
        figure("T-54", "CPU time added to a search", "profiler", ratios, "%", OVERHEAD, "lower",
               seeds=(options.seed,), seconds=time.perf_counter() - began,
               details={"us_per_search": 1e6 * min(bare) / len(task.questions)})
    ]  # fmt: skip


def _spent(search: Callable[..., object], questions: NDArray[np.float32]) -> float:
    began = time.process_time()
    for question in questions:
        search(question, K)
    return time.process_time() - began


@contextmanager
def _folder(options: Options, name: str) -> Iterator[Path]:
    """An empty folder, removed afterwards."""
    folder = options.work / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    yield folder
    shutil.rmtree(folder)
