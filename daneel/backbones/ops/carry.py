"""The states at the starts of chunks, and what each chunk corrects in the state it finds.

    S_{n+1} = f_n * S_n + G_n + B_n^T U_n        U_n = X_n + W_n S_n

The only work of a chunk that waits for the chunk before it: two or three products of matrices, in
one node of the graph for a whole block. Everything else is done for all chunks of a block together.

Legend: N chunks of a block, M matrices (B * H), C steps of a chunk, K key width, V value width.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable


def run_carry(
    keep: Tensor, write: Tensor, state: Tensor, *, back: bool = False
) -> tuple[Tensor, Tensor]:
    """S_{n+1} = f_n * S_n + G_n outside the graph: the states `[N, M, K, V]`, and the last.

    Args:
        keep: f, `[N or 1, M, K or 1, 1]`.
        write: G, `[N, M, K, V]`.
        state: S_0, `[M, K, V]`.
        back: From the last chunk to the first, as gradients go: S_n = f_n * S_{n+1} + G_n.
    """
    states = write.new_empty(len(write) + 1, *state.shape)
    found, rest = states.unbind(), (keep.expand(len(write), *keep.shape[1:]).unbind(), write)
    steps = list(zip(found[:-1], found[1:], *rest, strict=True))
    (found[-1] if back else found[0]).copy_(state)
    for first, second, keep_n, write_n in reversed(steps) if back else steps:
        source, target = (second, first) if back else (first, second)
        torch.addcmul(write_n, keep_n, source, out=target)
    return (states[1:], found[0]) if back else (states[:-1], found[-1])


def run_correcting(
    keep: Tensor, write: Tensor | None, back: Tensor, given: Tensor, reach: Tensor, state: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """`correcting_carry` outside the graph."""
    before = state.new_empty(len(keep), *state.shape)
    corrections = torch.empty_like(given)
    writes = [None] * len(keep) if write is None else write.unbind()
    steps = zip(before, corrections, keep, writes, back.mT, given, reach, strict=True)
    for start, u, keep_n, write_n, back_n, given_n, reach_n in steps:
        start.copy_(state)
        torch.baddbmm(given_n, reach_n, state, out=u)
        kept = keep_n * state if write_n is None else torch.addcmul(write_n, keep_n, state)
        state = kept.baddbmm_(back_n, u)
    return before, corrections, state


def run_correcting_back(
    keep: Tensor,
    back: Tensor,
    reach: Tensor,
    d_before: Tensor,
    d_corrections: Tensor,
    d_state: Tensor,
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of the states at the ends of chunks, of X, and of S_0, outside the graph.

    Args:
        keep: As in `correcting_carry`, and so are `back` and `reach`.
        back: B.
        reach: W.
        d_before: Gradient of the states at the starts, `[N, M, K, V]`, from elsewhere.
        d_corrections: Gradient of U, `[N, M, C, V]`, from elsewhere.
        d_state: Gradient of the last state, `[M, K, V]`.
    """
    d_ends, d_given = torch.empty_like(d_before), torch.empty_like(d_corrections)
    tensors = (d_ends, d_given, d_corrections, d_before, keep, back, reach.mT)
    steps = zip(*(reversed(x.unbind()) for x in tensors), strict=True)
    for d_end, d_u, d_u_direct, d_start, keep_n, back_n, reach_n in steps:
        d_end.copy_(d_state)
        torch.baddbmm(d_u_direct, back_n, d_state, out=d_u)
        d_state = torch.addcmul(d_start, keep_n, d_state).baddbmm_(reach_n, d_u)
    return d_ends, d_given, d_state


def carry(keep: Tensor, write: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
    """`run_carry` in the graph; `keep` is `[N, M, K, 1]`."""
    return _Carry.apply(keep, write, state)


def correcting_carry(
    keep: Tensor, write: Tensor | None, back: Tensor, given: Tensor, reach: Tensor, state: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """The states at the starts `[N, M, K, V]`, the corrections U `[N, M, C, V]`, the last state.

    Args:
        keep: f, `[N, M, K or 1, 1]`.
        write: G, `[N, M, K, V]`, or None for zero.
        back: B, where the corrections are written, `[N, M, C, K]`.
        given: X, their part that does not depend on the state, `[N, M, C, V]`.
        reach: W, what they read of the state, `[N, M, C, K]`.
        state: S_0, `[M, K, V]`.
    """
    return _CorrectingCarry.apply(keep, write, back, given, reach, state)


class _Carry(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, keep: Tensor, write: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """See `carry`."""
        before, state = run_carry(keep, write, state)
        ctx.save_for_backward(keep, before)
        return before, state

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The same recurrence from the last chunk to the first."""
        return _differentiate_carry(ctx, *grads)


@once_differentiable
def _differentiate_carry(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    keep, before = ctx.saved_tensors
    d_write, d_state = run_carry(keep, grads[0], grads[1], back=True)
    return (d_write * before).sum(-1, keepdim=True), d_write, d_state


class _CorrectingCarry(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        keep: Tensor,
        write: Tensor | None,
        back: Tensor,
        given: Tensor,
        reach: Tensor,
        state: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """See `correcting_carry`."""
        carried = run_correcting(keep, write, back, given, reach, state)
        before, corrections, _ = carried
        ctx.save_for_backward(keep, back, reach, before, corrections)
        ctx.writes = write is not None
        return carried

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        """The gradient of the state, from the last chunk to the first."""
        return _differentiate_correcting(ctx, *grads)


@once_differentiable
def _differentiate_correcting(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
    keep, back, reach, before, corrections = ctx.saved_tensors
    d_ends, d_given, d_state = run_correcting_back(keep, back, reach, *grads)
    d_keep = (d_ends * before).sum(-1, keepdim=True)
    d_keep = d_keep if keep.shape[-2] > 1 else d_keep.sum(-2, keepdim=True)
    d_back, d_reach = corrections @ d_ends.mT, d_given @ before.mT
    return d_keep, d_ends if ctx.writes else None, d_back, d_given, d_reach, d_state
