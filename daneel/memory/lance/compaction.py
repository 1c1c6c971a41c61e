"""Drops what no longer counts from the log, so that no crash on the way brings a row back.

A mark is committed first: whoever knew an earlier state reads afresh. Replaced rows go next, while
what replaced them is still there; removals go last, when nothing is left that they remove.
"""

from __future__ import annotations

from collections.abc import Callable

from daneel.memory.lance.newest import newest
from daneel.memory.lance.table import MARK, Log

KEEP_S = 120.0
"""How long old versions stay, for those who are still reading them."""


def drop_replaced(log: Log, commit: int, settle: Callable[[], None]) -> int:
    """Compact a log that nobody else writes to; returns the number of the newest commit.

    Args:
        log: The log.
        commit: Number of its newest commit.
        settle: Brings what was written to disk, if that was promised.

    Raises:
        MemoryStoreError: The disk is full or failed; every row that counts is still there.
    """
    found = newest(log)
    if len(found.replaced) + len(found.removals):
        log.append([MARK], None, [""], commit + 1)
        log.drop(found.replaced)
        settle()
        log.drop(found.removals)
        commit += 1
    log.tidy(KEEP_S)
    settle()
    return commit
