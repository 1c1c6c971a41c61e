"""Tokens to experts and back by sorting: gathers of rows, whose backwards are gathers too.

Both maps know their inverse, so neither direction needs a scatter with colliding indices: the
result does not depend on the order in which threads arrive.

Legend: N tokens, K experts of each token, R = N K rows sorted by expert, E experts, D model width.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from daneel.backbones.moe.router import Routing


@dataclass(frozen=True)
class Order:
    """The sorting of (token, choice) pairs by expert."""

    token: Tensor
    """`[R]`, the token of each sorted row."""
    place: Tensor
    """`[N K]`, where in the sorted rows each pair went."""
    pair: Tensor
    """`[R]`, the inverse of `place`."""
    counts: tuple[int, ...]
    """Rows of each expert."""


def sort(routing: Routing, experts: int) -> Order:
    """The stable order by expert."""
    flat = routing.expert.flatten()
    pair = flat.argsort(stable=True)
    place = torch.empty_like(pair)
    place[pair] = torch.arange(len(pair), device=pair.device)
    counts = torch.bincount(flat, minlength=experts).tolist()
    return Order(pair // routing.expert.shape[1], place, pair, tuple(counts))


def dispatch(x: Tensor, order: Order) -> Tensor:
    """`x [N, D]` to the sorted rows `[R, D]`."""
    rows: Any = _Dispatch.apply(x, order.token, order.place)
    return rows


def combine(rows: Tensor, weight: Tensor, order: Order) -> Tensor:
    """Sorted rows `[R, D]` to the weighted sums `[N, D]` over each token's choices."""
    pairs: Any = _Permute.apply(rows, order.place, order.pair)
    # As a batched product of N tiny matrices this takes three times as long on a CPU.
    return (pairs.view(*weight.shape, -1) * weight.unsqueeze(-1)).sum(1)


class _Dispatch(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, token: Tensor, place: Tensor) -> Tensor:
        ctx.save_for_backward(place)
        ctx.tokens = len(x)
        return x.index_select(0, token)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        (place,) = ctx.saved_tensors
        pairs = grads[0].index_select(0, place)
        return pairs.view(ctx.tokens, -1, pairs.shape[1]).sum(1), None, None


class _Permute(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, rows: Tensor, there: Tensor, back: Tensor) -> Tensor:
        ctx.save_for_backward(back)
        return rows.index_select(0, there)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        (back,) = ctx.saved_tensors
        return grads[0].index_select(0, back), None, None
