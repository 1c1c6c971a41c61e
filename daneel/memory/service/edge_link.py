"""The sending side of an edge client: a thread that brings waiting writes to the server."""

from __future__ import annotations

import threading
from collections.abc import Callable
from itertools import islice, takewhile
from typing import Any, TypeVar

from daneel.errors import DaneelError, MemoryStoreError
from daneel.memory.service.client import RemoteMemory
from daneel.memory.service.outbox import Outbox
from daneel.memory.service.requests import UnreachableError

T = TypeVar("T")

RUN = 64
"""Pushes sent over one stream before looking again at what else waits."""


class EdgeLink:
    """Holds the connection while there is one and makes it again when there is none."""

    def __init__(
        self,
        connect: Callable[[], RemoteMemory],
        outbox: Outbox,
        sent: Callable[[Any], None],
        idle: Callable[[RemoteMemory], bool],
        retry_s: float,
    ) -> None:
        """A link that starts to send at once.

        Args:
            connect: Reaches the server or raises.
            outbox: What waits.
            sent: Told, under the lock, of each request that the server keeps.
            idle: Does a piece of other work when nothing waits; says whether there was any.
            retry_s: Time between two attempts.
        """
        self._connect, self.outbox, self._sent, self._idle = connect, outbox, sent, idle
        self._retry_s = retry_s
        self.remote: RemoteMemory | None = None
        self.refused: Exception | None = None
        self._failed = False
        self.lock, self._closed, self._news = threading.RLock(), False, True
        self._change = threading.Condition(self.lock)
        self._thread = threading.Thread(target=self._work, name="memory-edge", daemon=True)

    def start(self) -> None:
        """Begin to send."""
        self._thread.start()

    def put(self, request: Any) -> None:
        """Have a request sent.

        Raises:
            MemoryStoreError: The outbox is full, or the server refused an earlier one.
        """
        with self.lock:
            self._raise_refusal()
            self.outbox.append(request)
            self.wake()

    def wake(self) -> None:
        """Say that there is something to do."""
        with self.lock:
            self._news = True
            self._change.notify_all()

    def ask(self, call: Callable[[RemoteMemory], T]) -> T | None:
        """What the server answers, None when there is no link.

        Raises:
            DaneelError: The server refuses.
            ValueError: As before.
        """
        remote = self.remote
        if remote is None:
            with self.lock:
                self._raise_refusal()
            return None
        try:
            return call(remote)
        except UnreachableError:
            self._break(remote)
            return None

    def wait(self, timeout_s: float, patient: bool) -> None:
        """Wait until everything is sent or the time is over; unless patient, also for no link.

        Raises:
            MemoryStoreError: The server refused a request.
        """
        with self.lock:
            self._change.wait_for(lambda: not self.outbox or self._stuck(patient), timeout_s)
            self._raise_refusal()

    def close(self) -> None:
        """Stop sending and let go of the connection."""
        with self.lock:
            self._closed = True
            self._change.notify_all()
        self._thread.join()
        self._break(self.remote)

    def _stuck(self, patient: bool) -> bool:
        broken = self.remote is None and self._failed
        return self.refused is not None or (broken and not patient)

    def _work(self) -> None:
        while not self._closed:
            try:
                remote = self.remote or self._link()
                busy = self._send(remote) or self._idle(remote)
            except UnreachableError:
                self._break(self.remote)
                self._pause()
            except (DaneelError, ValueError) as error:
                with self.lock:
                    self.refused = error
                    self._change.notify_all()
                return
            else:
                if not busy:
                    self._rest()

    def _link(self) -> RemoteMemory:
        remote = self._connect()
        with self.lock:
            self.remote, self._failed = remote, False
        return remote

    def _send(self, remote: RemoteMemory) -> bool:
        """Send the first of what waits; whether there was any."""
        with self.lock:
            waiting = list(islice(self.outbox, RUN))
        pushes = list(takewhile(_is_push, waiting))
        if pushes:
            remote.send(pushes, self._kept, timeout_s=5 * remote.timeout_s)
        elif waiting:
            remote.send_delete(waiting[0])
            self._kept(1)
        return bool(waiting)

    def _kept(self, count: int) -> None:
        with self.lock:
            for request in list(islice(self.outbox, count)):
                self._sent(request)
            self.outbox.drop(count)
            self._change.notify_all()

    def _break(self, remote: RemoteMemory | None) -> None:
        """Let go of a connection that failed, unless there is a newer one already."""
        with self.lock:
            if remote is self.remote:
                self.remote, self._failed = None, True
            self._news = True
            self._change.notify_all()
        if remote is not None:
            remote.close()

    def _pause(self) -> None:
        with self.lock:
            self._change.wait_for(lambda: self._closed, self._retry_s)

    def _rest(self) -> None:
        with self.lock:
            self._change.wait_for(lambda: self._closed or self._news)
            self._news = False

    def _raise_refusal(self) -> None:
        if self.refused is not None:
            raise MemoryStoreError(
                f"The server refused what was sent: {self.refused} Expected a write it takes. "
                "Open the client again once that is mended."
            ) from self.refused


def _is_push(request: Any) -> bool:
    return request.DESCRIPTOR.name == "PushRequest"
