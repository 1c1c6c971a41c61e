"""Bounds of what a server takes on."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Bounds of what a server takes on."""

    queue_rows: int = 65_536
    """Rows that may wait for the engine, of writes and of queries each, by collection."""
    commit_rows: int = 8_192
    """Rows of a group commit."""
    batch_rows: int = 64
    """Queries of a dynamic batch."""
    threads: int = 2
    """Engine calls at a time."""
    credits: int = 32
    """Messages of a stream that may be on their way unacknowledged."""
    hits: int = 1_000_000
    """Queries times k of one request."""
    message_bytes: int = 32 << 20
    """Largest message."""
    calls: int = 20_000
    """Calls in progress at a time."""

    def __post_init__(self) -> None:
        """Refuse what cannot work.

        Raises:
            ValueError: A bound is below 1.
        """
        for name, value in vars(self).items():
            if value < 1:
                raise ValueError(f"{name} is {value}. Expected at least 1.")
