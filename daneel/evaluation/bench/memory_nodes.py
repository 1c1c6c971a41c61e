"""Memory servers as processes: started, asked for their CPU time, killed, started again, ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from daneel.evaluation.bench.memory_trust import Trust

TICKS = os.sysconf("SC_CLK_TCK")
LIBRARIES = ("OMP", "RAYON", "TOKIO", "OPENBLAS")
"""Whose threads are one in a node, so that nodes can be compared."""
ENDS_S = 600
"""How long a node may take to end: it builds the indexes of what it was given last."""


class Node:
    """A `daneel memory serve` on this machine."""

    def __init__(self, folder: str, *options: str, trust: Trust | None = None) -> None:
        """Start one; it may not listen yet.

        Args:
            folder: Its collections; `memory://` for RAM.
            options: Further ones of `daneel memory serve`.
            trust: Certificates and tokens; None is plain text and nobody is asked.
        """
        self._folder, self._options = folder, (*options, *(trust.options if trust else ()))
        self.client: dict[str, Any] = trust.client if trust else {}
        self.graphql = ""
        self._start(0)

    def listening(self) -> Node:
        """Wait until it does.

        Raises:
            RuntimeError: It ended before.
        """
        assert self.process.stdout is not None
        found: dict[str, str] = {}
        while "memory" not in found:
            kind, _, address = self.process.stdout.readline().strip().partition(" ")
            if not kind:
                raise RuntimeError("A server ended before it listened. See the lines above.")
            found[kind] = address
        self.address, self.graphql = found["memory"], found.get("graphql", "")
        return self

    def cpu_s(self) -> float:
        """CPU time of the process so far, of user and system."""
        text = Path(f"/proc/{self.process.pid}/stat").read_text(encoding="ascii")
        fields = text.rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def kill(self) -> None:
        """At once, without a chance to do anything."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def replace(self) -> None:
        """Start a process of the same folder on the port of the one that was killed."""
        self._start(int(self.address.rpartition(":")[2]))
        self.listening()

    def _start(self, port: int) -> None:
        command = [sys.executable, "-m", "daneel", "memory", "serve", "--path", self._folder]
        single = {f"{name}_NUM_THREADS": "1" for name in LIBRARIES}
        environment = {**os.environ, **single, "PYTHONPATH": os.pathsep.join(sys.path)}
        self.process = subprocess.Popen(
            [*command, "--port", str(port), *self._options],
            stdout=subprocess.PIPE, text=True, env=environment,
        )  # fmt: skip


@contextmanager
def nodes(
    folders: Sequence[str], *options: str, trust: Trust | None = None
) -> Iterator[list[Node]]:
    """A node for each folder, all listening; ended with the block."""
    running = list[Node]()
    try:
        for folder in folders:
            running.append(Node(folder, *options, trust=trust))
        yield [each.listening() for each in running]
    finally:
        for each in running:
            each.process.terminate()
        for each in running:
            each.process.wait(ENDS_S)
