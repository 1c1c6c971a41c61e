"""A server on a thread with its own event loop, for code that has none."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

from daneel.memory.service.server import MemoryServer


@contextmanager
def serving(server: MemoryServer, grace_s: float = 5.0) -> Iterator[MemoryServer]:
    """Run a server while the block runs, then drain it.

    Raises:
        ConfigError: Its port cannot be had.
    """
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="memory-server", daemon=True)
    thread.start()

    def run(job: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(job, loop).result()

    try:
        run(server.start())
        try:
            yield server
        finally:
            run(server.drain(grace_s))
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
