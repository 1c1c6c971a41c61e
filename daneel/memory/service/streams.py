"""Streams with credits: how many messages a client may have on their way is told it, and held.

The first reply of a stream carries the credits; each answered message gives one back. A client that
reads slowly gets none, so nothing piles up here on its account.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from typing import Any

import grpc

from daneel.memory.service.messages import message
from daneel.memory.service.refusal import Refusal


async def serve_pushes(
    requests: AsyncIterator[Any],
    context: Any,
    start: Callable[[Any], Awaitable[asyncio.Future[int]]],
    credits: int,
) -> None:
    """Queue every batch as it comes and acknowledge in order, many at once where they are done.

    Args:
        requests: The client's batches.
        context: The call; acknowledgements are written to it.
        start: Queues a batch; its future is done when the batch is kept.
        credits: Batches that may be unacknowledged.
    """
    reply, used = message("PushReply"), _Credits(credits)
    waiting: deque[tuple[int, asyncio.Future[int]]] = deque()
    news, ended = asyncio.Event(), False

    async def read() -> None:
        nonlocal ended
        async for request in requests:
            used.take()
            waiting.append((request.key.sequence, await start(request)))
            news.set()
        ended = True
        news.set()

    async def acknowledge() -> None:
        while waiting or not ended:
            if not waiting:
                news.clear()
                await news.wait()
                continue
            sequence, done = waiting.popleft()
            await asyncio.shield(done)
            count = 1
            while waiting and _succeeded(waiting[0][1]):
                sequence, count = waiting.popleft()[0], count + 1
            used.give(count)
            await context.write(reply(sequence=sequence, credits=count))

    await context.write(reply(credits=credits))
    await _together(read(), acknowledge())


def _succeeded(done: asyncio.Future[int]) -> bool:
    return done.done() and not done.cancelled() and done.exception() is None


async def serve_queries(
    requests: AsyncIterator[Any],
    context: Any,
    ask: Callable[[Any], Coroutine[Any, Any, Any]],
    credits: int,
    stop: asyncio.Event,
) -> None:
    """Answer every query as soon as it is ready, in whatever order.

    Args:
        requests: The client's queries.
        context: The call; replies are written to it.
        ask: Makes the reply of a query.
        credits: Queries that may be unanswered.
        stop: Set when no more should be taken: those that were are answered, the stream ends.
    """
    running, used = set[asyncio.Task[None]](), _Credits(credits)
    writing, failed = asyncio.Lock(), asyncio.Event()

    async def answer(request: Any) -> None:
        reply = await ask(request)
        reply.credits = 1
        async with writing:
            used.give(1)
            await context.write(reply)

    def finished(task: asyncio.Task[None]) -> None:
        if task.cancelled() or task.exception() is None:
            running.discard(task)
        else:
            failed.set()  # kept among the running ones, where its error is found

    async def take() -> None:
        async for request in requests:
            used.take()
            task = asyncio.create_task(answer(request))
            running.add(task)
            task.add_done_callback(finished)

    await context.write(message("QueryReply")(credits=credits))
    try:
        await _first(take(), stop.wait(), failed.wait())
        await asyncio.gather(*running)
    finally:
        for task in running:
            task.cancel()


class _Credits:
    def __init__(self, count: int) -> None:
        self._left = self._count = count

    def take(self) -> None:
        if self._left == 0:
            raise Refusal(
                grpc.StatusCode.RESOURCE_EXHAUSTED,
                f"More than {self._count} messages are unanswered. Expected to wait for credits.",
            )
        self._left -= 1

    def give(self, count: int) -> None:
        self._left += count


async def _first(*jobs: Coroutine[Any, Any, Any]) -> None:
    """Run all until one of them ends, and fail as that one does; the others are stopped."""
    tasks = [asyncio.ensure_future(job) for job in jobs]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()


async def _together(*jobs: Coroutine[Any, Any, None]) -> None:
    """Run all to their end; when one fails, so does this, and the others are stopped."""
    tasks = [asyncio.ensure_future(job) for job in jobs]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
