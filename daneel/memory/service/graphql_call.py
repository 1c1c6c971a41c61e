"""One request to the GraphQL gateway: whose it is, its deadline, and what it may cost."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Self

import grpc
from graphql import GraphQLError

from daneel.memory.service.access import Access
from daneel.memory.service.admission import Call
from daneel.memory.service.refusal import Refusal, refusal_of
from daneel.memory.service.servicer import MemoryServicer


class GraphQLCall:
    """The context of a request's resolvers."""

    def __init__(
        self,
        servicer: MemoryServicer,
        access: Access,
        authorization: str | None,
        cost: int,
        timeout_s: float,
    ) -> None:
        """A request.

        Args:
            servicer: What answers.
            access: Who may do what.
            authorization: The header of that name.
            cost: Rows that the request may read or write in all.
            timeout_s: How long it may take.
        """
        self.servicer, self._left, self._cost = servicer, cost, cost
        self._access, self._authorization = access, authorization
        self._ends = asyncio.get_running_loop().time() + timeout_s

    def spend(self, rows: int) -> Self:
        """Count rows against the budget, before they cost anything.

        Raises:
            GraphQLError: The request asks for more than it may.
        """
        self._left -= rows + 1
        if self._left < 0:
            raise _error(
                Refusal(
                    grpc.StatusCode.RESOURCE_EXHAUSTED,
                    f"The request costs more than {self._cost} rows. Expected less. "
                    "Ask in parts, or over gRPC.",
                )
            )
        return self

    async def ask(self, method: Callable[[Any, Call], Awaitable[Any]], request: Any) -> Any:
        """The reply of an rpc.

        Raises:
            GraphQLError: It was refused; `extensions.code` is the gRPC status.
        """
        try:
            call = Call(self._caller(), self._ends)
            async with asyncio.timeout_at(self._ends):
                return await method(request, call)
        except Exception as error:
            raise _error(refusal_of(error)) from None

    def _caller(self) -> Any:
        caller = self._access.identify(self._authorization, None)
        if caller is None:
            raise Refusal(
                grpc.StatusCode.UNAUTHENTICATED,
                "Nobody is known by this token. Expected one of the access file. "
                "Send the header `Authorization: Bearer TOKEN`.",
            )
        return caller


def _error(refusal: Refusal) -> GraphQLError:
    extensions: dict[str, Any] = {"code": refusal.code.name}
    if refusal.pushback_ms is not None:
        extensions["retryAfterMs"] = refusal.pushback_ms
    return GraphQLError(refusal.message, extensions=extensions)
