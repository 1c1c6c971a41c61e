"""How many rows may wait for the engine, and for how long those who find no room should wait."""

from __future__ import annotations

import asyncio
from collections import deque

import grpc

from daneel.memory.service.refusal import Refusal

FIRST_GUESS = 50_000.0
"""Rows a second that the engine is taken to do before it has been seen at work."""


class Room:
    """Counts the rows that wait. First come, first in."""

    def __init__(self, rows: int) -> None:
        """Room for that many rows; a single write of more enters when nothing else waits."""
        self._limit, self.used = rows, 0
        self._rate = FIRST_GUESS
        self._queue: deque[tuple[int, asyncio.Future[None]]] = deque()

    async def enter(self, rows: int, wait: bool) -> None:
        """Take room.

        Raises:
            Refusal: There is none and `wait` is false; the hint is when there should be.
        """
        if not self._queue and self._fits(rows):
            self.used += rows
            return
        if not wait:
            raise Refusal(
                grpc.StatusCode.RESOURCE_EXHAUSTED,
                f"{self.used} rows wait already. Expected at most {self._limit}. Come back later.",
                self.pushback_ms,
            )
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.append((rows, turn))
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.leave(rows, 0.0)
            raise

    def leave(self, rows: int, seconds: float) -> None:
        """Give room back, after the engine took that long for those rows."""
        self.used -= rows
        if seconds > 0:
            self._rate += 0.2 * (rows / seconds - self._rate)
        while self._queue and (self._queue[0][1].done() or self._fits(self._queue[0][0])):
            taken, turn = self._queue.popleft()
            if not turn.done():
                self.used += taken
                turn.set_result(None)

    @property
    def pushback_ms(self) -> int:
        """When half of what waits should be done."""
        return max(10, min(10_000, int(500 * self.used / max(self._rate, 1.0))))

    def _fits(self, rows: int) -> bool:
        return self.used == 0 or self.used + rows <= self._limit
