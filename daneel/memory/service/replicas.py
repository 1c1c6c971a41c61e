"""The servers of one shard: all serve the same rows, so any of them will do.

What makes their rows the same is not here: they share a dataset whose engine commits
optimistically, or a database. A server that does not answer is left out until a thread in the
background has reached it again.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np

from daneel.errors import MemoryStoreError
from daneel.memory.service.client import RemoteMemory
from daneel.memory.service.requests import UnreachableError

T = TypeVar("T")

PROBE_S = 0.5
"""Time between two attempts to reach a server that is away."""

WINDOW = 200
"""Latencies of searches that the 95th percentile is taken of."""

RENEWED = 20
"""Searches after which it is taken again."""


class Replicas:
    """Connections to the servers of a shard. Thread-safe."""

    def __init__(self, addresses: Sequence[str], connect: Callable[[str], RemoteMemory]) -> None:
        """Reach those that answer.

        Raises:
            MemoryStoreError: None does.
            ValueError: One is a collection of another shape.
        """
        self._addresses, self._connect = list(addresses), connect
        self._live: dict[str, RemoteMemory] = {}
        self._lock, self._closed = threading.Lock(), threading.Event()
        self._seconds: deque[float] = deque(maxlen=WINDOW)
        self._taken = 0
        self._hedge_s = 0.05
        for address in self._addresses:
            try:
                self._live[address] = connect(address)
            except UnreachableError:
                self._away(address, None)
        if not self._live:
            self.close()
            raise self.nobody()

    @property
    def live(self) -> list[str]:
        """The addresses that answer, the preferred one first."""
        with self._lock:
            return [each for each in self._addresses if each in self._live]

    def pick(self, tried: Sequence[RemoteMemory] = ()) -> RemoteMemory | None:
        """The first server that answers and was not tried; None when there is none left."""
        with self._lock:
            found = (self._live.get(each) for each in self._addresses)
            return next((each for each in found if each is not None and each not in tried), None)

    def call(self, do: Callable[[RemoteMemory], T]) -> T:
        """What the first server says that answers.

        Raises:
            MemoryStoreError: None answers, or one refuses.
            ValueError: One found an argument wrong.
        """
        tried, problem = list[RemoteMemory](), None
        while (server := self.pick(tried)) is not None:
            try:
                return do(server)
            except UnreachableError as error:
                self.failed(server)
                tried.append(server)
                problem = error
        raise self.nobody() from problem

    def failed(self, server: RemoteMemory) -> None:
        """Leave a server out until it answers again."""
        with self._lock:
            found = [each for each, live in self._live.items() if live is server]
        for address in found:
            self._away(address, server)

    def nobody(self) -> MemoryStoreError:
        """The error when no server answers."""
        return UnreachableError(
            f"None of {', '.join(self._addresses)} answers. Expected one of them to. "
            "Type `daneel memory serve` on one of those machines."
        )

    def took(self, seconds: float) -> None:
        """Note how long a search took."""
        self._seconds.append(seconds)
        self._taken += 1
        if self._taken % RENEWED == 0:
            self._hedge_s = float(np.quantile(list(self._seconds), 0.95))

    @property
    def hedge_s(self) -> float:
        """After this long a second server is asked the same."""
        return self._hedge_s

    def close(self) -> None:
        """Let go of all."""
        self._closed.set()
        with self._lock:
            live, self._live = list(self._live.values()), {}
        for each in live:
            each.close()

    def _away(self, address: str, server: RemoteMemory | None) -> None:
        with self._lock:
            if server is not None and self._live.pop(address, None) is None:
                return  # another thread saw it first
        if server is not None:
            server.close()
        threading.Thread(target=self._probe, args=(address,), daemon=True).start()

    def _probe(self, address: str) -> None:
        while not self._closed.wait(PROBE_S):
            try:
                server = self._connect(address)
            except (MemoryStoreError, ValueError):
                continue
            with self._lock:
                self._live[address] = server
            if self._closed.is_set():
                server.close()
            return
