"""A disk that takes no more: an error, nothing acknowledged, all of it kept once there is room."""

import errno
import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from daneel.errors import DaneelError
from daneel.memory import open_store
from daneel.memory.protocol import VectorStore
from daneel.memory.service.client import RemoteMemory
from daneel.memory.service.server import MemoryServer
from daneel.memory.service.shelf import FixedShelf
from daneel.memory.service.threaded import serving

DIM = 64


@contextmanager
def files_up_to(size: int) -> Iterator[None]:
    """The system refuses this process any file above `size` bytes, as a full disk would."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def rows(first: int, count: int) -> tuple[list[str], np.ndarray]:
    """Ids and vectors."""
    generator = np.random.default_rng(first)
    vectors = generator.standard_normal((count, DIM), dtype=np.float32)
    return [f"r{first + n}" for n in range(count)], vectors


def check(store: VectorStore, behind: VectorStore) -> None:
    """What is written while there is no room is refused; what was there and comes later is kept."""
    store.add(*rows(0, 50))
    with files_up_to(100_000), pytest.raises((DaneelError, OSError)) as caught:
        store.add(*rows(1000, 5000))
    assert str(caught.value)
    assert len(behind) == 50
    store.add(*rows(50, 50))
    ids, vectors = rows(50, 50)
    assert [row[0] for row in store.search(vectors, 1).ids] == ids
    assert len(behind) == 100


def embedded(folder: Path) -> None:
    """The store itself, and again after it is opened anew."""
    with open_store(str(folder / "store"), DIM, "l2") as store:
        check(store, store)
    with open_store(str(folder / "store"), DIM, "l2") as store:
        assert len(store) == 100


def served(folder: Path) -> None:
    """The same through a server, which lives on."""
    with open_store(str(folder / "store"), DIM, "l2") as behind:
        with serving(MemoryServer(FixedShelf({"a": behind}))) as server:
            with RemoteMemory(f"{server.address}/a") as client:
                check(client, behind)


@pytest.mark.parametrize("form", ["embedded", "served"])
def test_a_full_disk_loses_nothing_and_acknowledges_nothing(form: str, tmp_path: Path) -> None:
    """In a process of its own: the limit holds for every file that it writes."""
    code = f"from tests.memory.test_disk_full import {form}; import pathlib, sys; "
    code += f"{form}(pathlib.Path(sys.argv[1]))"
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr[-2000:]


def test_the_limit_is_what_a_full_disk_is(tmp_path: Path) -> None:
    """A plain write fails with an error of the system."""
    code = "from tests.memory.test_disk_full import *; import pathlib, sys\n"
    code += "with files_up_to(1000):\n pathlib.Path(sys.argv[1]).write_bytes(bytes(2000))"
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "x")], capture_output=True, text=True
    )
    assert f"[Errno {errno.EFBIG}]" in done.stderr
