"""Runs an operator over blocks of time with a carried state, in memory that a block bounds.

Only the inputs and the state at the start of each block are kept for the backward pass, which runs
each block again and differentiates it: the checkpointing of Chen et al. (2016, arXiv 1604.06174)
with a state that is carried. A block stays in the cache, so the second run costs less than reading
stored intermediates would at long T. The result cannot be differentiated twice, and says so.

Legend: B batch, T time, H heads, K key width, V value width.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from daneel.backbones.ops.chunks import spans
from daneel.backbones.ops.precision import no_autocast

Block = Callable[[list[Tensor], Tensor, Tensor | None, int], tuple[Tensor, Tensor]]
"""Maps inputs `[B, L, ...]`, the state before them, their resets and a chunk size that divides L
to the output `[B, L, H, V]` and the state after them, both in the dtype of the state."""


def over_blocks(
    block: Block, chunk: int, inputs: list[Tensor], state: Tensor, resets: Tensor | None
) -> tuple[Tensor, Tensor]:
    """`block` over the whole of `inputs [B, T, ...]`: the output and the last state."""
    training = torch.is_grad_enabled() and any(x.requires_grad for x in (*inputs, state))
    return _OverBlocks.apply(block, chunk, training, resets, state, *inputs)


class _OverBlocks(torch.autograd.Function):
    """Forward over blocks; backward over blocks in reverse, each of them run again."""

    @staticmethod
    def forward(
        ctx: Any,
        block: Block,
        chunk: int,
        training: bool,
        resets: Tensor | None,
        state: Tensor,
        *inputs: Tensor,
    ) -> tuple[Tensor, Tensor]:
        """See `over_blocks`."""
        outputs, starts = [], []
        with no_autocast(state):
            for span in spans(inputs[0].shape[1], chunk, state.device):
                starts += [state] if training else []
                output, state = block(*_cut(inputs, resets, state, span))
                outputs.append(output)
        ctx.save_for_backward(resets, *inputs, *starts)
        ctx.block, ctx.chunk, ctx.count = block, chunk, len(inputs)
        return torch.cat(outputs, 1), state.clone()

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Any, ...]:
        """The gradient of the state is carried from the last block to the first."""
        return _differentiate_blocks(ctx, *grads)


@once_differentiable
def _differentiate_blocks(ctx: Any, *grads: Tensor) -> tuple[Any, ...]:
    resets, *tensors = ctx.saved_tensors
    inputs, starts = tensors[: ctx.count], tensors[ctx.count :]
    d_output, d_state = grads
    d_inputs = [torch.empty_like(x) for x in inputs]
    every_span = list(spans(inputs[0].shape[1], ctx.chunk, d_state.device))
    with torch.enable_grad(), no_autocast(d_state):
        for span, start in zip(reversed(every_span), reversed(starts), strict=True):
            parts, *rest = _cut(inputs, resets, start, span)
            leaves = [x.detach().requires_grad_() for x in (*parts, start)]
            results = ctx.block(leaves[:-1], leaves[-1], *rest[1:])
            time = slice(*span[:2])
            *d_parts, d_state = torch.autograd.grad(results, leaves, (d_output[:, time], d_state))
            for whole, part in zip(d_inputs, d_parts, strict=True):
                whole[:, time] = part
    return None, None, None, None, d_state, *d_inputs


def _cut(
    inputs: Any, resets: Tensor | None, state: Tensor, span: tuple[int, int, int]
) -> tuple[list[Tensor], Tensor, Tensor | None, int]:
    start, stop, chunk = span
    parts = [x[:, start:stop] for x in inputs]
    return parts, state, None if resets is None else resets[:, start:stop], chunk
