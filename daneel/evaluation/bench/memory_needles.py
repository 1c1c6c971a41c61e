"""Row C-7: needles in a stream of a million words, after compression, eviction and reopening.

Every chunk of the stream is a row of a `HierarchicalMemory` over a `SummarizingMemory` over a store
on disk. All but the newest rows are reduced to codes, the tiers are closed, and another process
opens the store and asks. A hit is the id of the needle's chunk among the eight best. The same keys
are searched exactly, which shows what compression loses, and the words by BM25, which shows what
the keys lose. RAM is what the asking process grows by, from an empty store opened and asked to all
questions answered, over the bytes of the raw float32 keys.
"""

from __future__ import annotations

import multiprocessing
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from daneel.evaluation.bench import memory_disk
from daneel.evaluation.bench.memory import Options, figure
from daneel.evaluation.bench.memory_shares import share
from daneel.evaluation.bench.memory_stream import Encoder, Question, make_stream, nearest
from daneel.evaluation.evidence import Evidence
from daneel.memory.compression import CodecSummariser, StreamingCompressor, SummarizingMemory
from daneel.memory.hierarchy import HierarchicalMemory, SSDCache
from daneel.memory.lance.store import LanceStore
from daneel.memory.opening import open_store

ROW = "C-7"
TOKENS, NEEDLES, DIM, K = 1_000_000, 1000, 512, 8
REHEARSAL = (40_000, 50)
"""Tokens and needles."""
BYTES, RECENT, SEGMENT, RAM_ROWS, BATCH = 64, 256, 1024, 128, 1024
"""Bytes of a row's code (its raw key has 4 * DIM), rows kept exact, of a segment, in RAM."""
HIT, P95_MS, RAM = 95.0, 20.0, 25.0
"""What is asked: percent, milliseconds, percent of the raw keys."""
DECILES = 10


@dataclass(frozen=True)
class Answers:
    """What the asking process found."""

    ids: list[list[str | None]]
    milliseconds: list[float]
    grown: int
    """Bytes that the process grew by."""
    opened_s: float


def measure(options: Options) -> list[Evidence]:
    """Row C-7."""
    return measured(options, *options.sized((TOKENS, NEEDLES), REHEARSAL))


def measured(options: Options, tokens: int, needles: int) -> list[Evidence]:
    """The row for a stream of `tokens` words."""
    began = time.perf_counter()
    stream = make_stream(tokens, needles, np.random.default_rng(options.seed))
    encoder = Encoder(stream.chunks, DIM, options.seed)
    keys, asked = encoder.vectors(), [*stream.needles, *stream.natural]
    queries = encoder.vectors([question.words for question in asked])
    folder = options.work / "needles"
    shutil.rmtree(folder, ignore_errors=True)
    spent, working_set = fill(folder, keys, options)
    disk = memory_disk.bytes_in(folder)
    context = multiprocessing.get_context("spawn")
    with context.Pool(1) as pool:
        answers = pool.apply(answer, (folder, queries))
    found = np.array([[int(n) if n else -1 for n in row] for row in answers.ids])
    results = {
        "memory": hits(found, asked),
        "exact search on the same keys": hits(nearest(queries, keys, K), asked),
        "BM25": hits(encoder.bm25(asked, K), asked),
    }
    shutil.rmtree(folder)
    seconds = time.perf_counter() - began
    made = [
        item
        for subject, right in results.items()
        for item in recalls(subject, right, stream.needles, options.seed, seconds)
    ]
    p95 = float(np.percentile(answers.milliseconds, 95))
    details = {
        "tokens": tokens, "chunks": len(keys), "dim": DIM, "bytes_per_row": BYTES,
        "p50_ms": float(np.median(answers.milliseconds)), "opened_s": answers.opened_s,
        "rows_per_s": len(keys) / spent, "raw_bytes": keys.nbytes,
    }  # fmt: skip
    seeds = (options.seed,)
    made += [
        figure(ROW, "p95 of one query", "memory", [p95], "ms", P95_MS, "lower", seeds=seeds,
               seconds=seconds, details=details),
        figure(ROW, "RAM to open and answer", "memory", [100 * answers.grown / keys.nbytes],
               "% of the raw keys", RAM, "lower", seeds=seeds, seconds=seconds, details=details),
        figure(ROW, "disk", "memory", [disk / tokens], "bytes a token", seeds=seeds,
               seconds=seconds, details={"disk_bytes": disk, **details}),
        figure(ROW, "working set of the codec while it learns", "memory",
               [100 * working_set / keys.nbytes], "% of the raw keys", seeds=seeds,
               seconds=seconds, details=details),
    ]  # fmt: skip
    return made


def opened(folder: Path) -> HierarchicalMemory:
    """The memory whose store and cache are in a folder."""
    store = open_store(folder / "store", DIM, "cosine", index="flat")
    compressor = StreamingCompressor(DIM, BYTES, per_epoch=1024)
    past = SummarizingMemory(store, CodecSummariser(compressor), recent=RECENT, segment=SEGMENT)
    return HierarchicalMemory(past, ram_rows=RAM_ROWS, cache=SSDCache(folder / "cache", DIM))


def fill(folder: Path, keys: NDArray[np.float32], options: Options) -> tuple[float, int]:
    """Adds all keys, closes, compacts; returns seconds of adding and bytes of learning."""
    began = time.perf_counter()
    with opened(folder) as memory:
        for start in range(0, len(keys), BATCH):
            rows = keys[start : start + BATCH]
            memory.add([str(start + at) for at in range(len(rows))], rows)
        past = memory.store
        assert isinstance(past, SummarizingMemory) and isinstance(past.summariser, CodecSummariser)
        working_set = past.summariser.compressor.working_set_bytes
    spent = time.perf_counter() - began
    with open_store(folder / "store") as store:  # files of rows that were evicted are let go
        assert isinstance(store, LanceStore)
        memory_disk.compact(store, options)
    return spent, working_set


def answer(folder: Path, queries: NDArray[np.float32]) -> Answers:
    """In a process of its own: opens the memory and asks one question at a time."""
    with opened(folder / "empty") as empty:  # what libraries take is no part of the memory
        empty.add(["0"], queries[:1])
        empty.retrieve(queries[:1], K)
    before, began = resident(), time.perf_counter()
    with opened(folder) as memory:
        opened_s, found, milliseconds = time.perf_counter() - began, [], []
        memory.retrieve(queries[:1], K)  # the first call finds cold caches of the machine
        for query in queries:
            began = time.perf_counter()
            hits, _ = memory.retrieve(query, K)
            milliseconds.append(1000 * (time.perf_counter() - began))
            found.append(hits.ids[0].tolist())
        grown = resident() - before
    shutil.rmtree(folder / "empty")
    return Answers(found, milliseconds, grown, opened_s)


def resident() -> int:
    """Bytes of this process that are in RAM and belong to no file."""
    text = Path("/proc/self/status").read_text("ascii")
    return 1024 * int(text.split("RssAnon:")[1].split()[0])


def hits(found: NDArray[np.int64], asked: Sequence[Question]) -> NDArray[np.bool_]:
    """Which questions have a gold chunk among those found, `[Q]`."""
    pairs = zip(found.tolist(), asked, strict=True)
    return np.array([not question.gold.isdisjoint(row) for row, question in pairs])


def recalls(
    subject: str, right: NDArray[np.bool_], needles: Sequence[Question], seed: int, seconds: float
) -> list[Evidence]:
    """Hit rates: of all needles, of each tenth of the stream, of the natural questions."""
    depths = np.array([question.depth for question in needles])
    planted, natural = right[: len(needles)], right[len(needles) :]
    bar = HIT if subject == "memory" else None
    named = [(f"hit@{K}, all depths", planted, bar)]
    for tenth in range(DECILES):
        inside = (depths * DECILES).astype(int) == tenth
        named.append((f"hit@{K}, depth {10 * tenth}-{10 * tenth + 10} %", planted[inside], bar))
    named.append((f"hit@{K}, natural repeats", natural, None))
    return [
        share(ROW, what, subject, int(mine.sum()), len(mine), asked, seed=seed, seconds=seconds)
        for what, mine, asked in named
        if len(mine)
    ]
