"""Episode boundaries inside a batch: which earlier steps a step may still see.

Resets are masks, never a large negative log decay: inside a cumulative sum that would cost every
later difference its digits.

Legend: B batch, T time, N chunks, C steps of a chunk.
"""

from __future__ import annotations

import torch
from torch import Tensor

from daneel.backbones.ops.chunks import pad_time


def forget(state: Tensor, resets: Tensor | None, step: int) -> Tensor:
    """The state `[B, ...]` before `step`, zero in rows where an episode begins there."""
    if resets is None:
        return state
    begins = resets[:, step].reshape(-1, *[1] * (state.ndim - 1))
    return torch.where(begins, torch.zeros_like(state), state)


def number_episodes(resets: Tensor | None, padding: int, chunk: int, heads: int) -> Tensor | None:
    """Counts the episodes that have begun in each chunk: `[B, T]` to `[N, B * H, C]`.

    T and `padding`, steps after the last, make N chunks of C steps.

    Steps of number 0 still see the state that was carried into their chunk; two steps of one
    chunk see each other if their numbers are equal.
    """
    if resets is None:
        return None
    resets = pad_time(resets, padding)
    numbers = resets.unflatten(1, (-1, chunk)).cumsum(2).transpose(0, 1)
    return numbers.repeat_interleave(heads, 1)


def same_episode(numbers: Tensor) -> Tensor:
    """`[..., C]` to `[..., C, C]`: whether step i and step j lie in one episode."""
    return numbers[..., :, None] == numbers[..., None, :]


def sees_start(numbers: Tensor) -> Tensor:
    """`[..., C]` to `[..., C]`: whether a step still sees the state carried into its chunk."""
    return numbers == 0


def seen_at_end(numbers: Tensor) -> Tensor:
    """`[..., C]` to `[..., C]`: whether the state after the chunk still holds what a step wrote."""
    return numbers == numbers[..., -1:]
