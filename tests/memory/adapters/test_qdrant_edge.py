"""The embedded engine of Qdrant behind the contract, and what is its own."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from daneel.errors import MemoryStoreError
from daneel.memory.adapters.qdrant_edge import EdgeEngine, open_edge
from daneel.memory.adapters.store import EngineStore
from daneel.memory.in_memory import InMemoryStore
from daneel.memory.protocol import VectorStore
from tests.memory.contract import DIM, Factory, StoreContract, assert_hits, refused, rows_of

pytest.importorskip("qdrant_edge")


class TestContract(StoreContract):
    """What every store must do."""

    @pytest.fixture
    def factory(self, tmp_path: Path) -> Factory:
        """Folders."""

        def make(name: str = "a", dim: int = DIM, metric: str = "cosine") -> VectorStore:
            return open_edge(f"qdrant-edge://{tmp_path / name}", dim, metric)

        return make


def test_a_graph_gives_the_hits_of_the_oracle(tmp_path: Path) -> None:
    """Tuned at the flush, whole after opening again without naming the shape."""
    ids, vectors = rows_of(400, 8)
    entries = [{"even": i % 2 == 0, "i": i} for i in range(400)]
    oracle = InMemoryStore(8, "l2")
    oracle.add(ids, vectors, entries)
    with open_edge(str(tmp_path / "a"), 8, "l2", index="hnsw", recall=1.0) as store:
        store.add(ids, vectors, entries)
        store.flush()
    with open_edge(str(tmp_path / "a"), index="hnsw", recall=1.0) as store:
        assert (store.dim, store.metric, len(store)) == (8, "l2", 400)
        for where in (None, {"even": True}, {"i": {"lt": 7}}, {"even": {"ne": True}}):
            found = store.search(vectors[:5] + 0.1, 10, where)
            assert_hits(found, oracle.search(vectors[:5] + 0.1, 10, where))


def test_many_equal_rows_come_in_the_order_of_ids(tmp_path: Path) -> None:
    """The engine has no second order: the store asks until nothing that ties is left out."""
    with open_edge(str(tmp_path / "a"), 4) as store:
        store.add([f"{i:03}" for i in reversed(range(200))], np.ones((200, 4)))
        assert store.search(np.ones(4), 3).ids[0].tolist() == ["000", "001", "002"]


def test_folders_that_are_no_store(tmp_path: Path) -> None:
    """Foreign, damaged, newer, absent, or open already: nothing is changed."""
    with refused(words="there is no store"):
        open_edge(str(tmp_path / "none"))
    assert not (tmp_path / "none").exists()
    (tmp_path / "foreign").mkdir()
    (tmp_path / "foreign/a.txt").write_text("mine")
    with refused(MemoryStoreError, words="no store of Qdrant Edge"):
        open_edge(str(tmp_path / "foreign"), 4)
    assert [each.name for each in (tmp_path / "foreign").iterdir()] == ["a.txt"]
    with open_edge(str(tmp_path / "a"), 4), refused(MemoryStoreError, words="Close the other"):
        open_edge(str(tmp_path / "a"), 4)
    config = tmp_path / "a/edge_config.json"
    text = config.read_text()
    for broken in (text[:20], "[]", text.replace("cosine-1", "cosine-2")):
        config.write_text(broken)
        with refused(MemoryStoreError, words="another folder|update Daneel"):
            open_edge(str(tmp_path / "a"), 4)


def test_arguments(tmp_path: Path) -> None:
    """Each with what is expected."""
    for options, words in (
        ({"index": "ivf"}, "index is 'ivf'"), ({"recall": 0.0}, "recall is 0"),
        ({"durability": "none"}, "durability is 'none'"),
    ):  # fmt: skip
        with refused(words=words):
            open_edge(str(tmp_path / "a"), 4, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(("durability", "flushes"), [("process", 0), ("disk", 2)])
def test_disk_means_a_flush_before_the_answer(
    tmp_path: Path, durability: str, flushes: int
) -> None:
    """One for each write and each delete; none otherwise."""
    shape = (4, "cosine")
    engine = EdgeEngine(tmp_path / "a", *shape, flush_writes=durability == "disk")
    engine._shard = counted = Counted(engine._shard)
    with EngineStore(engine, *shape, approximate=False, recall=0.95) as store:
        store.add(["a", "b"], np.eye(4)[:2])
        store.delete(["a"])
        store.search(np.ones(4), 1)
        assert counted.flushes == flushes


class Counted:
    """A shard that counts its flushes."""

    def __init__(self, shard: Any) -> None:
        """The shard."""
        self._shard, self.flushes = shard, 0

    def __getattr__(self, name: str) -> Any:
        """All else is the shard's."""
        return getattr(self._shard, name)

    def flush(self) -> None:
        """Counts."""
        self.flushes += 1
        self._shard.flush()


WRITER = """
import sys
import numpy as np
from daneel.memory.adapters.qdrant_edge import open_edge
store = open_edge(sys.argv[1], 4)
for turn in range(int(sys.argv[2]), 10**6):
    ids = [f"{turn}-{row}" for row in range(20)]
    store.add(ids, np.full((20, 4), turn + 1.0), [{"turn": turn}] * 20)
    print(turn, flush=True)
"""


@pytest.mark.slow
def test_a_kill_loses_nothing_acknowledged(tmp_path: Path) -> None:
    """Three kills at moments of a seeded clock; no batch is torn."""
    acknowledged, clock = -1, random.Random(0)
    for _ in range(3):
        words = [sys.executable, "-c", WRITER, str(tmp_path / "a"), str(acknowledged + 1)]
        with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as writer:
            assert writer.stdout is not None
            for _ in range(clock.randrange(3, 40)):
                acknowledged = int(writer.stdout.readline())
            writer.kill()
            acknowledged = max([acknowledged, *map(int, writer.stdout.read().split())])
        with open_edge(str(tmp_path / "a")) as store:
            whole = [20] * (acknowledged + 1)
            names = [[f"{turn}-{row}" for row in range(20)] for turn in range(acknowledged + 1)]
            assert [len(store.get(ids).ids) for ids in names] == whole
            assert len(store) in (20 * len(whole), 20 * (len(whole) + 1))
