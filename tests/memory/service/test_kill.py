"""Servers that are killed under load: real processes, real SIGKILL, one shared folder."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from daneel.memory.opening import open_store
from daneel.memory.service.distributed import DistributedMemory

ROWS, DIM = 20, 8
SERVE = """
import sys
from daneel.memory.service.serving import ServeOptions, serve
serve(ServeOptions(path=sys.argv[1], port=int(sys.argv[2])))
"""


class Node:
    """A server process."""

    def __init__(self, folder: Path, port: int = 0) -> None:
        """Started; it may not listen yet."""
        arguments = [sys.executable, "-c", SERVE, str(folder), str(port)]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        self.process = subprocess.Popen(
            arguments, stdout=subprocess.PIPE, text=True, env=environment
        )

    def address(self) -> str:
        """Where it listens, once it does."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line.startswith("memory grpc://"), line
        return line.split()[1]

    def kill(self) -> None:
        """At once, without a chance to do anything."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(120)


@contextmanager
def nodes(folder: Path, count: int) -> Iterator[list[Node]]:
    """Servers of one folder, none of which is left behind."""
    made = [Node(folder) for _ in range(count)]
    try:
        yield made
    finally:
        for each in made:
            each.kill()


@pytest.mark.slow
def test_a_killed_node_loses_no_acknowledged_write(tmp_path: Path) -> None:
    """Two servers of one folder, one killed while rows come in, the other one asked to end.

    Every acknowledged batch is at the other one and in the folder; SIGTERM drains: the process ends
    by itself with 0, its last rows kept.
    """
    pytest.importorskip("lancedb")
    with nodes(tmp_path, 2) as (first, second):
        addresses = [f"{each.address()}/rows" for each in (first, second)]
        with DistributedMemory([addresses], DIM, timeout_s=120) as store:
            kept = _write_until_killed(store, first, batches=16)
            assert store.live == [addresses[1:]]
            assert len(store) == ROWS * len(kept)
            names = [f"{batch}-{row}" for batch in kept for row in range(ROWS)]
            assert store.get(names).ids == names
            _write(store, 16)
            second.process.terminate()
            assert second.process.wait(120) == 0
    with open_store(tmp_path / "rows") as store:
        found = store.get([*names, *(f"16-{row}" for row in range(ROWS))])
        assert (found.vectors[:, 0] == np.repeat([*kept, 16], ROWS)).all()
        assert len(store) == len(found.ids) == ROWS * (len(kept) + 1)


def _write_until_killed(store: DistributedMemory, node: Node, batches: int) -> list[int]:
    """Write batches; the node dies in the middle, while one is on its way."""
    kept = list[int]()
    for batch in range(batches):
        if batch == batches // 2:
            threading.Timer(0.01, node.kill).start()
        _write(store, batch)
        kept.append(batch)
    node.process.wait(120)
    _write(store, batches - 1)  # whatever happened before, the other one is asked now
    return kept


def _write(store: DistributedMemory, batch: int) -> None:
    ids = [f"{batch}-{row}" for row in range(ROWS)]
    store.add(ids, np.full((ROWS, DIM), batch, np.float32))
