"""Why a call was not done: a gRPC status, a sentence, and when to come back."""

from __future__ import annotations

from collections.abc import Sequence

import grpc

from daneel.errors import DaneelError, MemoryStoreError, UnknownNameError

PUSHBACK = "grpc-retry-pushback-ms"
"""Trailing metadata by which clients know when to try again (gRFC A6)."""


class Refusal(Exception):
    """A call ends with this status."""

    def __init__(self, code: grpc.StatusCode, message: str, pushback_ms: int | None = None) -> None:
        """A status with its message and, when it is worth trying again, after how long."""
        super().__init__(message)
        self.code, self.message, self.pushback_ms = code, message, pushback_ms

    @property
    def trailing(self) -> Sequence[tuple[str, str]]:
        """Trailing metadata of the call."""
        return () if self.pushback_ms is None else ((PUSHBACK, str(self.pushback_ms)),)


def refusal_of(error: Exception) -> Refusal:
    """The status of an error of the engine or of a check."""
    if isinstance(error, Refusal):
        return error
    if isinstance(error, ValueError | UnknownNameError):  # also JSONDecodeError, UnicodeDecodeError
        return Refusal(grpc.StatusCode.INVALID_ARGUMENT, str(error))
    if isinstance(error, MemoryStoreError | DaneelError):
        return Refusal(grpc.StatusCode.FAILED_PRECONDITION, str(error))
    if isinstance(error, TimeoutError):
        return Refusal(grpc.StatusCode.DEADLINE_EXCEEDED, "The deadline passed while waiting.")
    return Refusal(grpc.StatusCode.INTERNAL, f"{type(error).__name__}: {error}")
