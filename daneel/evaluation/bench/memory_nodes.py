"""Server processes for the memory bench: started, asked for their CPU time, ended."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

SERVE = """
import sys
from daneel.memory.service.serving import ServeOptions, serve
serve(ServeOptions(path=sys.argv[1], port=0, graphql_port=0, threads=int(sys.argv[2])))
"""
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Node:
    """A server process that listens."""

    process: subprocess.Popen[str]
    address: str
    """`grpc://HOST:PORT`."""
    graphql: str
    """`http://HOST:PORT/graphql`."""

    def cpu_s(self) -> float:
        """CPU time of the process so far, of user and system."""
        text = Path(f"/proc/{self.process.pid}/stat").read_text(encoding="ascii")
        fields = text.rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS


@contextmanager
def nodes(folders: Sequence[str], threads: int = 1) -> Iterator[list[Node]]:
    """A server for each folder (`memory://` for RAM), ended with the block.

    Each runs `threads` engine calls at a time and one thread in a library.
    """
    single = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "RAYON", "TOKIO", "OPENBLAS")}
    environment = {**os.environ, **single, "PYTHONPATH": os.pathsep.join(sys.path)}
    running = [
        subprocess.Popen(
            [sys.executable, "-c", SERVE, folder, str(threads)],
            stdout=subprocess.PIPE, text=True, env=environment,
        )
        for folder in folders
    ]  # fmt: skip
    try:
        yield [_listening(each) for each in running]
    finally:
        for each in running:
            each.terminate()
        for each in running:
            each.wait(60)


def _listening(process: subprocess.Popen[str]) -> Node:
    assert process.stdout is not None
    found: dict[str, str] = {}
    while "memory" not in found:
        kind, _, address = process.stdout.readline().strip().partition(" ")
        if not kind:
            raise RuntimeError("A server ended before it listened. See the lines above.")
        found[kind] = address
    return Node(process, found["memory"], found["graphql"])
