"""Searches on many shards at once; a slow one is asked of a second server too.

After Dean and Barroso, "The Tail at Scale" (2013): the second request goes out when the first has
taken longer than 95 of 100 usually do, and whichever answers first counts.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext

from daneel.memory.protocol import Hits
from daneel.memory.service.client import PendingHits, RemoteMemory
from daneel.memory.service.replicas import Replicas
from daneel.memory.service.requests import UnreachableError

Start = Callable[[RemoteMemory], PendingHits]
"""Sends a search to a server."""


class HedgedSearch:
    """One shard's part of a search."""

    def __init__(self, replicas: Replicas, start: Start, tell: Callable[[], None]) -> None:
        """Send it to the preferred server; `tell` is called when there is news.

        Raises:
            MemoryStoreError: No server answers.
        """
        self._replicas, self._start, self._tell = replicas, start, tell
        self._began = time.perf_counter()
        self._asked: list[RemoteMemory] = []
        self._running: list[tuple[RemoteMemory, PendingHits]] = []
        self.hits: Hits | None = None
        if not self._ask_another():
            raise replicas.nobody()

    @property
    def patience_s(self) -> float | None:
        """Time until a second server is asked; None when there will be no more."""
        if len(self._asked) != 1 or self._replicas.pick(self._asked) is None:
            return None
        return max(0.0, self._replicas.hedge_s - (time.perf_counter() - self._began))

    def look(self) -> bool:
        """Take the answer if there is one, ask another server if it is time; whether done.

        Raises:
            MemoryStoreError: Every server failed, or one refuses.
            ValueError: A server found an argument wrong.
        """
        for server, pending in [each for each in self._running if each[1].done]:
            try:
                self.hits = pending.result()
            except UnreachableError:
                self._running.remove((server, pending))
                self._replicas.failed(server)
                if not self._ask_another() and not self._running:
                    raise
                continue
            self._replicas.took(time.perf_counter() - self._began)
            self.stop()
            return True
        if self.patience_s == 0.0:
            self._ask_another()
        return False

    def stop(self) -> None:
        """Give up on what still runs."""
        for _, pending in self._running:
            if not pending.done:
                pending.cancel()
        self._running = []

    def _ask_another(self) -> bool:
        server = self._replicas.pick(self._asked)
        if server is None:
            return False
        self._asked.append(server)
        pending = self._start(server)
        self._running.append((server, pending))
        pending.when_done(self._tell)
        return True


def search_all(
    parts: Sequence[tuple[Replicas, Start]],
    together: AbstractContextManager[object] | None = None,
) -> list[Hits]:
    """The hits of every part, all asked at once.

    Args:
        parts: Servers, and what is sent to one of them.
        together: What is sent inside it leaves at once.

    Raises:
        MemoryStoreError: No server of some shard answers.
        ValueError: A server found an argument wrong.
    """
    news, searches = threading.Event(), list[HedgedSearch]()
    try:
        with together or nullcontext():
            for replicas, start in parts:
                searches.append(HedgedSearch(replicas, start, news.set))
        waiting = list(searches)
        while True:
            news.clear()
            waiting = [each for each in waiting if not each.look()]
            if not waiting:
                return [each.hits for each in searches if each.hits is not None]
            patience = [each.patience_s for each in waiting]
            news.wait(min((each for each in patience if each is not None), default=None))
    finally:
        for each in searches:
            each.stop()
