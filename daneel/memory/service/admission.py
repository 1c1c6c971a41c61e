"""Which calls are let in: those with a deadline, from a known caller, with the right it needs."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import grpc

from daneel.memory.service.access import Access, Caller, Right
from daneel.memory.service.refusal import Refusal


@dataclass(frozen=True)
class Call:
    """A call that was let in."""

    caller: Caller
    """Whose it is."""
    ends: float
    """Its deadline, on the clock of the event loop."""

    def demand(self, right: Right, collection: str) -> None:
        """Do nothing when the caller has the right.

        Raises:
            Refusal: It has not.
        """
        if not self.caller.may(right, collection):
            raise Refusal(
                grpc.StatusCode.PERMISSION_DENIED,
                f"{self.caller.name!r} may not {right} in collection {collection!r}. "
                "Expected a rule that says so. Change the server's access file.",
            )


def admit(access: Access, context: Any) -> Call:
    """The call with its caller.

    Raises:
        Refusal: It has no deadline, or nobody knows the caller.
    """
    remaining = context.time_remaining()
    if remaining is None:
        raise Refusal(
            grpc.StatusCode.INVALID_ARGUMENT,
            "The call has no deadline. Expected one, so that it cannot wait for ever. "
            "Set `timeout`.",
        )
    caller = access.identify(_authorization(context), _common_name(context))
    if caller is None:
        raise Refusal(
            grpc.StatusCode.UNAUTHENTICATED,
            "Nobody is known by this token or certificate. Expected one of the access file. "
            "Send `authorization: Bearer TOKEN`.",
        )
    return Call(caller, asyncio.get_running_loop().time() + remaining)


def _authorization(context: Any) -> str | None:
    metadata = context.invocation_metadata() or ()
    found = [value for key, value in metadata if key == "authorization"]
    return found[0] if found else None


def _common_name(context: Any) -> str | None:
    found = list(context.auth_context().get("x509_common_name", ()))
    return found[0].decode() if found else None
