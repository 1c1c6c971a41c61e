"""Writing to the durable store: what reaches the disk when, a full one, other writers, closing."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from daneel.errors import MemoryStoreError
from daneel.memory.indexes import files as indexes_files
from daneel.memory.indexes.base import Base
from daneel.memory.lance import builder
from daneel.memory.lance.derived import Derived
from daneel.memory.lance.store import LanceStore
from daneel.memory.lance.table import Log
from tests.memory.contract import DIM, rows_of


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


def test_closing_waits_for_an_index_in_the_making(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Searches and writes go on meanwhile; what was written then is there after opening."""
    monkeypatch.setattr(builder, "SMALL", 10)
    begun, real = threading.Event(), Derived.build

    def slow(derived: Derived, log: Log) -> Base:
        begun.set()
        time.sleep(0.3)
        return real(derived, log)

    monkeypatch.setattr(Derived, "build", slow)
    ids, vectors = rows_of(40)
    store = LanceStore(tmp_path, DIM, tail_rows=10)
    store.add(ids[:20], vectors[:20])
    assert begun.wait(10)
    store.add(ids[20:], vectors[20:])
    store.delete(ids[:1])
    assert store.stats()["indexed"] == 0 and len(store) == 39
    assert store.search(vectors[25], 1).ids[0, 0] == "row25"
    closer = threading.Thread(target=store.close, daemon=True)
    closer.start()
    closer.join(30)
    assert not closer.is_alive()
    with LanceStore(tmp_path) as store:
        assert (len(store), store.stats()["indexed"]) == (39, 20)
        assert store.search(vectors[25], 1).ids[0, 0] == "row25"
