"""Runs commands in processes of one thread each, a few at a time, and never leaves one behind.

Whether the caller stops, fails, is interrupted, gets SIGTERM or (on Linux) is killed: a process
that outlived its bench would share a core with the next one and spoil its seconds.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

POLL_S = 0.2
SINGLE_THREAD = {
    name: "1" for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
}
GRACE_S = 20.0
"""How long a process that was told to stop may take before it is killed."""


@dataclass(frozen=True)
class Command:
    """One process to run."""

    name: str
    """What it is called on screen."""
    arguments: tuple[str, ...]
    """Program and arguments."""
    log: Path
    """Where its output goes."""


@dataclass(frozen=True)
class Done:
    """A process that ended."""

    command: Command
    """What was run."""
    code: int
    """Its exit status; negative when a signal ended it."""
    seconds: float
    """Wall time."""

    def last_lines(self, count: int = 8) -> str:
        """The end of its output, for an error message."""
        lines = self.command.log.read_text(encoding="utf-8", errors="replace").splitlines()
        return "\n".join(lines[-count:])


def run(commands: Sequence[Command], workers: int = 2) -> Generator[Done, None, None]:
    """Runs the commands in order, at most `workers` at once; yields each as it ends.

    When the caller stops early (Ctrl-C, SIGTERM, an exception), the processes still running are
    stopped.
    """
    with _terminated_like_interrupted():
        yield from _run(commands, workers)


def _run(commands: Sequence[Command], workers: int) -> Generator[Done, None, None]:
    waiting, running = list(commands), list[tuple[Command, subprocess.Popen[bytes], float]]()
    try:
        while waiting or running:
            while waiting and len(running) < workers:
                command = waiting.pop(0)
                running.append((command, _start(command), time.perf_counter()))
            time.sleep(POLL_S)
            ended = [entry for entry in running if entry[1].poll() is not None]
            running = [entry for entry in running if entry not in ended]
            for command, process, began in ended:
                yield Done(command, process.returncode, time.perf_counter() - began)
    finally:
        _stop([process for _, process, _ in running])


def _start(command: Command) -> subprocess.Popen[bytes]:
    command.log.parent.mkdir(parents=True, exist_ok=True)
    with command.log.open("wb") as log:
        return subprocess.Popen(
            command.arguments,
            stdout=log,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            env={**os.environ, **SINGLE_THREAD},
            preexec_fn=_die_with_parent if sys.platform == "linux" else None,
        )


_libc = ctypes.CDLL(None) if sys.platform == "linux" else None  # found before the fork, not in it
_PR_SET_PDEATHSIG = 1


def _die_with_parent() -> None:
    """Between fork and exec: the kernel sends SIGTERM when the bench is gone, even by SIGKILL."""
    assert _libc is not None
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


@contextmanager
def _terminated_like_interrupted() -> Iterator[None]:
    def stop(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _stop(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    for process in processes:
        process.terminate()
    deadline = time.monotonic() + GRACE_S
    for process in processes:
        try:
            process.wait(timeout=max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
