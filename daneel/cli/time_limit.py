"""Wall-clock limits that hold whatever the program is doing when the time is up."""

from __future__ import annotations

import os
import pickle
import select
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NoReturn

from daneel.errors import DaneelError

LEAST = 0.05
"""Seconds that work gets even where loading has used up its time."""


def answer_in_time(work: Callable[[], Any], timeout: float) -> Any:
    """What `work` returns, or None when this process is `timeout` seconds old.

    The work is done by a forked process: loading a library and one large product are single calls
    that no alarm of Python's interrupts, but the process that waits can always answer. Where torch
    is loaded already (its threads do not survive a fork) or nothing forks, the work is done here.

    Raises:
        DaneelError: The forked process was ended from outside.
        BaseException: What `work` raised.
    """
    if not hasattr(os, "fork") or "torch" in sys.modules or threading.active_count() > 1:
        return work()
    sys.stdout.flush()
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _answer(work, writing)
    os.close(writing)
    try:
        answer = _received(reading, timeout - seconds_alive() - LEAST)
    finally:
        os.close(reading)
        with suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    if isinstance(answer, BaseException):
        raise answer
    if answer == b"":
        raise DaneelError(
            "The process that verifies was ended from outside. Expected it to answer; most often "
            "the memory ran out. Type the command again with a smaller network or box."
        )
    return answer


def seconds_alive() -> float:
    """Wall time since this process began, as far as the system says."""
    try:
        fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
        started = int(fields[19]) / os.sysconf("SC_CLK_TCK")
        return max(0.0, time.clock_gettime(time.CLOCK_BOOTTIME) - started)
    except (OSError, ValueError, IndexError, AttributeError):
        return 0.0


def _answer(work: Callable[[], dict[str, Any]], pipe: int) -> NoReturn:
    """In the child: what was found, or the error, goes through the pipe; nothing is torn down."""
    try:
        answer: Any = work()
    except BaseException as error:
        answer = error
    try:
        data = pickle.dumps(answer)
    except Exception:
        data = pickle.dumps(DaneelError(str(answer)))
    with os.fdopen(pipe, "wb") as file:
        file.write(data)
    os._exit(0)


def _received(pipe: int, seconds: float) -> Any:
    """The child's answer; None where the time is up, no bytes where it ended without one.

    Nothing but this program's own child writes to the pipe: unpickling it runs no stranger's code.
    """
    deadline, data = time.perf_counter() + max(seconds, LEAST), b""
    while True:
        ready, _, _ = select.select([pipe], [], [], max(deadline - time.perf_counter(), 0.0))
        if not ready:
            return None
        part = os.read(pipe, 65536)
        if not part:
            return pickle.loads(data) if data else b""
        data += part


class TimeUpError(BaseException):
    """Raised by the alarm; nothing that is passed on the way takes it for an error of its own."""


@contextmanager
def alarm(seconds: float) -> Iterator[None]:
    """Ends what takes longer, whatever it is doing: reading a network, or one large step.

    Only where the system and the thread have alarms; elsewhere the search's own clock must do.
    """
    if (
        not hasattr(signal, "setitimer")
        or threading.current_thread() is not threading.main_thread()
    ):
        yield
        return

    def ring(*_: object) -> None:
        raise TimeUpError

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, min(max(seconds, LEAST), 1e8))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
