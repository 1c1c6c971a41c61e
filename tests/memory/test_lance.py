"""What only the durable store promises: indexes that are never trusted, compactions that stop."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from daneel.errors import MemoryStoreError
from daneel.memory.in_memory import InMemoryStore
from daneel.memory.lance import compaction
from daneel.memory.lance.settings import FORMAT
from daneel.memory.lance.store import LanceStore
from daneel.memory.opening import open_store
from tests.memory.contract import DIM, assert_hits, rows_of


def made(path: Path, count: int = 40) -> None:
    """A store of `count` rows with some replaced, some deleted and an index."""
    ids, vectors = rows_of(count)
    with LanceStore(path, DIM) as store:
        store.add(ids, vectors, [{"n": i} for i in range(count)])
        store.delete(ids[:3])
        store.add(ids[3:5], vectors[:2])
        store.compact()


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `made` makes; only ever copied."""
    path = tmp_path_factory.mktemp("kept") / "store"
    made(path)
    return path


def oracle(count: int = 40) -> InMemoryStore:
    """The same rows in memory."""
    ids, vectors = rows_of(count)
    store = InMemoryStore(DIM)
    store.add(ids, vectors, [{"n": i} for i in range(count)])
    store.delete(ids[:3])
    store.add(ids[3:5], vectors[:2])
    return store


def assert_same(store: LanceStore, expected: InMemoryStore) -> None:
    """Same rows by search, with and without a condition."""
    queries = np.random.default_rng(5).normal(size=(3, DIM))
    assert len(store) == len(expected)
    for where in (None, {"n": {"gte": 20}}):
        assert_hits(store.search(queries, 50, where), expected.search(queries, 50, where))


def index_of(path: Path) -> Path:
    """The folder of the newest index."""
    return max(each for each in (path / "index").iterdir() if each.is_dir())


def damage(file: Path) -> None:
    """Turn one bit in the middle."""
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def test_damaged_indexes_are_made_again(kept: Path, tmp_path: Path) -> None:
    """Each file with a bit turned, cut short or missing: the answers are those of the table."""
    names = sorted(file.name for file in index_of(kept).iterdir())
    assert "stamp.json" in names and "vectors.f32" in names
    for number, name in enumerate(names):
        path = shutil.copytree(kept, tmp_path / name)
        file = index_of(path) / name
        if number % 3 == 0 or not file.stat().st_size:
            file.unlink()
        elif number % 3 == 1:
            damage(file)
        else:
            os.truncate(file, file.stat().st_size - 1)
        with LanceStore(path) as store:
            assert_same(store, oracle())
            assert (
                store.stats()["indexed"] == 0 and not (path / "index" / file.parent.name).exists()
            )
    with LanceStore(tmp_path / names[-1]) as store:
        store.compact()
        assert store.stats()["indexed"] == 37 and store.verify() == ()


def test_missing_foreign_and_outdated_indexes(kept: Path, tmp_path: Path) -> None:
    """None of them is believed."""
    shutil.copytree(kept, tmp_path / "a")
    made(tmp_path / "b", 30)
    shutil.rmtree(tmp_path / "b" / "index")
    shutil.copytree(tmp_path / "a" / "index", tmp_path / "b" / "index")  # of another store
    with LanceStore(tmp_path / "b") as store:
        assert_same(store, oracle(30))
    old = tmp_path / "old"
    shutil.copytree(tmp_path / "a" / "index", old)
    with LanceStore(tmp_path / "a") as store:
        store.delete(["row7"])
        store.compact()
    shutil.rmtree(tmp_path / "a" / "index")
    shutil.copytree(old, tmp_path / "a" / "index")  # from before the row was dropped
    with LanceStore(tmp_path / "a") as store:
        assert store.get(["row7"]).ids == [] and len(store) == 36


def test_a_long_log_is_indexed_at_opening(kept: Path, tmp_path: Path) -> None:
    """Without an index and with more rows than are scanned, opening makes one."""
    path = shutil.copytree(kept, tmp_path / "store")
    shutil.rmtree(path / "index")
    with LanceStore(path, tail_rows=10) as store:
        assert store.stats()["indexed"] == 37
        assert_same(store, oracle())


@pytest.mark.parametrize("step", ["before", "between", "after"])
def test_a_compaction_that_stops_brings_nothing_back(
    tmp_path: Path, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped after the mark, after the replaced rows, or before the index."""
    ids, vectors = rows_of(40)
    store = LanceStore(tmp_path, DIM)
    store.add(ids, vectors, [{"n": i} for i in range(40)])
    store.delete(ids[:3])
    store.add(ids[3:5], vectors[:2])

    class Stopped(Exception):
        """The process is gone."""

    drops: list[int] = []

    def drop(log: Any, rows: Any) -> None:
        drops.append(len(rows))
        if len(drops) == {"before": 1, "between": 2, "after": 3}[step]:
            raise Stopped
        original(log, rows)

    original = compaction.Log.drop
    monkeypatch.setattr(compaction.Log, "drop", drop)
    if step == "after":
        monkeypatch.setattr(compaction.Log, "tidy", lambda *_: (_ for _ in ()).throw(Stopped))
    with pytest.raises(Stopped):
        store.compact()
    monkeypatch.undo()
    with LanceStore(tmp_path) as after:
        assert_same(after, oracle())
        after.compact()
        assert_same(after, oracle())
        assert after.verify() == ()


def test_refused_paths(kept: Path, tmp_path: Path) -> None:
    """Newer formats, foreign folders and missing dimensions, with nothing written."""
    shutil.copytree(kept, tmp_path / "store")
    file = tmp_path / "store" / "store.json"
    settings = json.loads(file.read_text())
    file.write_text(json.dumps({**settings, "format": FORMAT + 1, "new": 1}))
    before = {str(each): each.stat().st_mtime_ns for each in tmp_path.rglob("*")}
    with pytest.raises(MemoryStoreError, match="format 2"):
        open_store(tmp_path / "store")
    assert before == {str(each): each.stat().st_mtime_ns for each in tmp_path.rglob("*")}
    file.write_text("{")
    with pytest.raises(MemoryStoreError, match="damaged"):
        open_store(tmp_path / "store")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "letter").touch()
    with pytest.raises(MemoryStoreError, match=r"no store\.json"):
        open_store(tmp_path / "other", DIM)
    with pytest.raises(ValueError, match="dim is None"):
        open_store(tmp_path / "absent")
    assert not (tmp_path / "absent").exists()
    with pytest.raises(ValueError, match="durability"):
        open_store(tmp_path / "absent", DIM, durability="wish")


def test_verify_sees_what_is_wrong(kept: Path, tmp_path: Path) -> None:
    """A damaged index and a damaged table are said."""
    path = shutil.copytree(kept, tmp_path / "store")
    with LanceStore(path) as store:
        assert store.verify() == ()
        damage(index_of(path) / "ids.bytes")
        assert "damaged" in store.verify()[0]
    for file in (path / "rows.lance" / "data").iterdir():
        os.truncate(file, file.stat().st_size // 2)
    shutil.rmtree(path / "index")
    with pytest.raises(MemoryStoreError, match="could not be read"):
        LanceStore(path)
