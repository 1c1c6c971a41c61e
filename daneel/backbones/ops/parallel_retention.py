"""Retention in its parallel form, for sequences so short that one matrix of scores is cheapest.

Sun et al. (2023, arXiv 2307.08621), equation 5, with the state before and after the sequence:

    O = (Q K^T * D) V + (Q S) * reading        S' = keeping * S + K^T (V * writing)

A chunked form launches some dozen small products for each chunk and its state; below about two
hundred steps that costs more than the scores it saves. The backward pass is written out and cannot
be differentiated again.

Legend: B batch, T time, H heads, K key width, V value width.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from daneel.backbones.ops.precision import no_autocast
from daneel.backbones.ops.scalar_tables import Tables, constant_tables

SHORT = 192
"""Longest sequence that is one matrix of scores: with chunks of 64 both cost the same there."""


def parallel_retention(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    log_decay: Tensor,
    state: Tensor | None,
    scale: float,
    dtype: torch.dtype,
) -> tuple[Tensor, Tensor]:
    """Output `[B, T, H, V]` in the dtype of v, and the state after the last step.

    Args:
        q: `[B, T, H, K]`.
        k: `[B, T, H, K]`.
        v: `[B, T, H, V]`.
        log_decay: `[H]`, without a gradient.
        state: `[B, H, K, V]`; None is zero.
        scale: Of the output.
        dtype: Of the state and of all that is summed.
    """
    tables = constant_tables(tuple(log_decay.tolist()), q.shape[1], scale, dtype, v.device)
    heads = (x.transpose(1, 2).to(dtype) for x in (q, k, v))
    before = None if state is None else state.to(dtype)
    output, after = _Parallel.apply(*heads, before, tables)
    return output.transpose(1, 2).to(v.dtype), after


class _Parallel(torch.autograd.Function):
    """`q, k [B, H, T, K]`, `v [B, H, T, V]`, the state and the tables."""

    @staticmethod
    def forward(
        ctx: Any, q: Tensor, k: Tensor, v: Tensor, state: Tensor | None, tables: Tables
    ) -> tuple[Tensor, Tensor]:
        """See the equations above."""
        with no_autocast(v):
            scores = (q @ k.mT).mul_(tables.inside)
            output, after = scores @ v, k.mT @ (v * tables.writing)
            if state is not None:
                output.addcmul_(q @ state, tables.reading)
                after.addcmul_(state, tables.keeping)
        ctx.save_for_backward(q, k, v, state, scores)
        ctx.tables = tables
        ctx.set_materialize_grads(False)
        return output, after

    @staticmethod
    def backward(ctx: Any, *grads: Tensor | None) -> tuple[Tensor | None, ...]:
        """Gradients of q, k, v and the state."""
        return _differentiate(ctx, *grads)


@once_differentiable
def _differentiate(
    ctx: Any, d_output: Tensor | None, d_after: Tensor | None
) -> tuple[Tensor | None, ...]:
    q, k, v, state, scores = ctx.saved_tensors
    tables: Tables = ctx.tables
    d_q = d_k = d_v = d_state = None
    with no_autocast(v):
        if d_output is not None:
            d_scores = (d_output @ v.mT).mul_(tables.inside)
            d_q, d_k, d_v = d_scores @ k, d_scores.mT @ q, scores.mT @ d_output
            if state is not None:
                d_read = d_output * tables.reading
                d_q, d_state = d_q.add_(d_read @ state.mT), q.mT @ d_read
        if d_after is not None:
            written = v * tables.writing
            d_k = _sum(d_k, written @ d_after.mT)
            d_v = _sum(d_v, (k @ d_after).mul_(tables.writing))
            if state is not None:
                d_state = _sum(d_state, d_after * tables.keeping)
    return d_q, d_k, d_v, d_state, None


def _sum(first: Tensor | None, second: Tensor) -> Tensor:
    return second if first is None else first.add_(second)
