"""The cache on disk: what it keeps, what it throws away."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from daneel.errors import MemoryStoreError
from daneel.memory.hierarchy import SSDCache
from daneel.memory.hierarchy.working_set import Kept


def kept(*names: str) -> list[Kept]:
    """Rows of two dimensions."""
    return [(name, np.array([len(name), 1], np.float32), f'{{"n": "{name}"}}') for name in names]


def names(cache: SSDCache, *wanted: str) -> list[str]:
    """Which are there."""
    return sorted(row[0] for row in cache.get(wanted))


def test_rows_come_back_exactly(tmp_path: Path) -> None:
    """Ids of any kind, vectors bit for bit, metadata; more ids than SQLite takes at once."""
    cache, odd = SSDCache(tmp_path / "new" / "c", 2), ["\x00'\"", "\ud800", "ключ"]
    rows = [(name, np.array([np.pi, -0.0], np.float32), "{}") for name in odd]
    cache.put(rows, [0, 0, 0])
    found = {name: vector for name, vector, _ in cache.get(odd)}
    assert set(found) == set(odd)
    assert all(vector.tobytes() == rows[0][1].tobytes() for vector in found.values())
    many = [f"x{n}" for n in range(1200)]
    cache.put(kept(*many), [0] * 1200)
    assert len(cache.get(many)) == 1200 and cache.holds(["x3", "none"]) == {"x3"}
    cache.drop(["x3"])
    assert names(cache, "x3", "x4") == ["x4"]
    cache.clear()
    assert len(cache) == 0


def test_the_coldest_leave_first(tmp_path: Path) -> None:
    """By heat, then by when they were last used; reading warms."""
    cache = SSDCache(tmp_path / "c", 2, rows=3)
    cache.put(kept("a", "b", "c"), [5, 1, 1])
    cache.get(["b"])
    cache.put(kept("d"), [4])
    assert cache.holds("abcd") == {"a", "b", "d"}
    cache.put(kept("e", "f"), [9, 9])
    assert cache.holds("abdef") == {"a", "e", "f"}


def test_kept_after_a_clean_closing_only(tmp_path: Path) -> None:
    """With its stamp; not when another process was killed meanwhile."""
    path = tmp_path / "c"
    cache = SSDCache(path, 2)
    cache.put(kept("a"), [1])
    cache.close("stamp 1")
    cache.close()
    again = SSDCache(path, 2)
    assert again.stamp == "stamp 1" and names(again, "a") == ["a"]
    again.close("stamp 2")
    script = (
        "import os, signal, sys, numpy\n"
        "from daneel.memory.hierarchy import SSDCache\n"
        "cache = SSDCache(sys.argv[1], 2)\n"
        "assert len(cache) == 1\n"
        "cache.put([('b', numpy.ones(2, 'f4'), '{}')], [1])\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    child = subprocess.run([sys.executable, "-c", script, str(path)], env=environment, check=False)
    assert child.returncode == -signal.SIGKILL
    after = SSDCache(path, 2)
    assert after.stamp == "" and len(after) == 0


@pytest.mark.parametrize("spoil", ["file", "marker", "dim", "rows"])
def test_damage_means_empty(tmp_path: Path, spoil: str) -> None:
    """Whatever is wrong with the files."""
    path, marker = tmp_path / "c", tmp_path / "c.clean"
    cache = SSDCache(path, 2)
    cache.put(kept("a"), [1])
    cache.close("s")
    if spoil == "file":
        path.write_bytes(b"no database" * 500)
    elif spoil == "marker":
        marker.write_text("[")
    elif spoil == "rows":
        marker.write_text('{"dim": 2, "rows": 7, "stamp": "s"}')
    again = SSDCache(path, 3 if spoil == "dim" else 2)
    assert len(again) == 0 and again.stamp == ""
    again.put([("x", np.ones(again.dim, np.float32), "{}")], [1])
    assert len(again) == 1


def test_one_process_at_a_time(tmp_path: Path) -> None:
    """The second is told so, and the first is not disturbed."""
    cache = SSDCache(tmp_path / "c", 2)
    cache.put(kept("a"), [1])
    with pytest.raises(MemoryStoreError, match="locked"):
        SSDCache(tmp_path / "c", 2)
    assert names(cache, "a") == ["a"]
    (tmp_path / "file").write_text("")
    with pytest.raises(MemoryStoreError, match="folder that can be written"):
        SSDCache(tmp_path / "file" / "c", 2)
    with pytest.raises(ValueError, match="rows 0"):
        SSDCache(tmp_path / "d", 2, rows=0)
