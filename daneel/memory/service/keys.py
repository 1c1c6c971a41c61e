"""Writes that were done already, by the keys that their clients gave them."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import grpc

from daneel.memory.service.refusal import Refusal


@dataclass
class _Client:
    newest: int = 0
    writes: dict[int, asyncio.Future[int]] = field(default_factory=dict)


class AppliedKeys:
    """The last writes of each client, so that a retry of one is answered and not done again.

    Lost when the server ends: a retry then does the same upsert or delete again, which changes
    nothing unless someone else wrote those ids in between.
    """

    def __init__(self, window: int = 1024, clients: int = 4096) -> None:
        """Remember `window` writes of each of the last `clients` clients."""
        self._window, self._limit = window, clients
        self._clients: dict[str, _Client] = {}

    def find(self, client: str, sequence: int) -> asyncio.Future[int] | None:
        """What became of that write, or is about to; None when it is new.

        Raises:
            Refusal: It is so old that nobody remembers.
        """
        known = self._clients.get(client)
        if known is None:
            return None
        if sequence not in known.writes and sequence <= known.newest - self._window:
            raise Refusal(
                grpc.StatusCode.FAILED_PRECONDITION,
                f"Write {sequence} of this client is older than the last {self._window}. "
                "Expected a newer sequence number. Send it again under a new one.",
            )
        return known.writes.get(sequence)

    def put(self, client: str, sequence: int, done: asyncio.Future[int]) -> None:
        """Remember a write; one that fails is forgotten, so that a retry does it."""
        known = self._clients.pop(client, None) or _Client()
        self._clients[client] = known  # the newest client last
        known.newest = max(known.newest, sequence)
        known.writes[sequence] = done
        if len(known.writes) > self._window:
            known.writes.pop(next(iter(known.writes)))
        if len(self._clients) > self._limit:
            self._clients.pop(next(iter(self._clients)))
        done.add_done_callback(lambda future: _forget_failure(known, sequence, future))


def _forget_failure(known: _Client, sequence: int, done: asyncio.Future[int]) -> None:
    if done.cancelled() or done.exception() is not None:
        known.writes.pop(sequence, None)
