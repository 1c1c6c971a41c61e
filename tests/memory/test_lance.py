"""What only the durable store promises: fsyncs, indexes that are never trusted, other processes."""

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
from daneel.memory.indexes import files as indexes_files
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


def test_damaged_indexes_are_made_again(tmp_path: Path) -> None:
    """Each file with a bit turned, cut short or missing: the answers are those of the table."""
    made(tmp_path)
    names = [file.name for file in index_of(tmp_path).iterdir()]
    assert "stamp.json" in names and "vectors.f32" in names
    for number, name in enumerate(sorted(names)):
        file = index_of(tmp_path) / name
        if number % 3 == 0 or not file.stat().st_size:
            file.unlink()
        elif number % 3 == 1:
            damage(file)
        else:
            os.truncate(file, file.stat().st_size - 1)
        with LanceStore(tmp_path) as store:
            assert_same(store, oracle())
            assert store.stats()["indexed"] == 0
            store.compact()
            assert store.stats()["indexed"] == 37 and store.verify() == ()


def test_missing_foreign_and_outdated_indexes(tmp_path: Path) -> None:
    """None of them is believed."""
    made(tmp_path / "a")
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


def test_a_long_log_is_indexed_at_opening(tmp_path: Path) -> None:
    """Without an index and with more rows than are scanned, opening makes one."""
    made(tmp_path)
    shutil.rmtree(tmp_path / "index")
    with LanceStore(tmp_path, tail_rows=10) as store:
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


def test_disk_flushes_every_new_file_before_it_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Data, manifest and transaction of an add, and the folders that name them."""
    flushed: list[str] = []
    real = os.fsync

    def counted(descriptor: int) -> None:
        flushed.append(os.readlink(f"/proc/self/fd/{descriptor}"))
        real(descriptor)

    store = LanceStore(tmp_path, DIM, durability="disk")
    store.add(*rows_of(5))
    before = {str(file) for file in tmp_path.rglob("*")}
    monkeypatch.setattr(os, "fsync", counted)
    store.add(["x"], np.ones((1, DIM)))
    new = {str(file) for file in tmp_path.rglob("*")} - before
    kinds = {Path(name).suffix for name in new}
    assert {".lance", ".manifest"} <= kinds and new <= set(flushed)
    assert {str(Path(name).parent) for name in new} <= set(flushed)
    flushed.clear()
    with LanceStore(tmp_path / "fast", DIM) as fast:
        fast.add(["y"], np.ones((1, DIM)))
        flushed.clear()
        fast.add(["x"], np.ones((1, DIM)))
        assert flushed == []
    store.close()


def test_a_failing_disk_is_said_and_nothing_is_acknowledged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The add raises; the next look shows the row whole or not at all."""
    with LanceStore(tmp_path, DIM, durability="disk") as store:
        store.add(*rows_of(5))

        def full(descriptor: int) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(MemoryStoreError, match="No space left"):
            store.add(["x", "y"], np.ones((2, DIM)))
        monkeypatch.undo()
        assert len(store) in (5, 7)
        store.add(["z"], np.ones((1, DIM)))
        assert len(store) in (6, 8)


def test_an_index_that_does_not_fit_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Building fails, the folder is as before, searches go on exactly."""
    ids, vectors = rows_of(40)
    with LanceStore(tmp_path, DIM) as store:
        store.add(ids, vectors, [{"n": i} for i in range(40)])

        def full(path: Path) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(indexes_files, "flush_to_disk", full)
        with pytest.raises(MemoryStoreError, match="No space left"):
            store.compact()
        monkeypatch.undo()
        assert [each.name for each in (tmp_path / "index").iterdir()] == ["lock"]
        assert store.search(vectors[0], 1).ids[0, 0] == "row0"


def test_two_stores_on_one_path_see_each_other(tmp_path: Path) -> None:
    """Writers take turns and readers follow, also over a compaction and an index of the other."""
    ids, vectors = rows_of(30)
    with LanceStore(tmp_path, DIM, refresh_s=0) as one, LanceStore(tmp_path, refresh_s=0) as two:
        one.add(ids[:20], vectors[:20])
        assert len(two) == 20
        two.add(ids[20:], vectors[20:])
        assert one.search(vectors[25], 1).ids[0, 0] == "row25"
        two.delete(ids[:10])
        one.add(ids[9:11], vectors[:2])
        assert two.get(ids[8:11]).vectors.tolist() == vectors[:2].tolist()
        one.compact()
        one.delete(["row29"])
        assert len(two) == len(one) == 20
        assert two.get(["row29"]).ids == []
        assert two.verify() == ()


def test_refused_paths(tmp_path: Path) -> None:
    """Newer formats, foreign folders and missing dimensions, with nothing written."""
    made(tmp_path / "store")
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


def test_verify_sees_what_is_wrong(tmp_path: Path) -> None:
    """A damaged index and a damaged table are said."""
    made(tmp_path)
    with LanceStore(tmp_path) as store:
        assert store.verify() == ()
        damage(index_of(tmp_path) / "ids.bytes")
        assert "damaged" in store.verify()[0]
    for file in (tmp_path / "rows.lance" / "data").iterdir():
        os.truncate(file, file.stat().st_size // 2)
    shutil.rmtree(tmp_path / "index")
    with pytest.raises(MemoryStoreError, match="could not be read"):
        LanceStore(tmp_path)
