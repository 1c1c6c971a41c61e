"""What is left of a write after a few steps, when a head fades at one rate.

Sums of log decays are float64: there is one a step and head, so they are cheap, and in float32 one
strong decay would take the digits of every weaker one after it.

Legend: N chunks of a block, M matrices (B * H), C steps of a chunk.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor

from daneel.backbones.ops.episodes import same_episode, seen_at_end, sees_start


class Tables(NamedTuple):
    """Shares that are left, `[N, M, ...]`."""

    inside: Tensor
    """`[..., C, C]`: of step j's write at step i, 0 above the diagonal."""
    reading: Tensor
    """`[..., C, 1]`: of the state at the start of the chunk, at step i."""
    writing: Tensor
    """`[..., C, 1]`: of step j's write, at the end of the chunk."""
    keeping: Tensor
    """`[..., 1, 1]`: of the state at the start of the chunk, at its end."""


def make_tables(log_decay: Tensor, numbers: Tensor | None, dtype: torch.dtype) -> Tables:
    """Tables of log decays `[N, M, C]`, differentiable.

    Args:
        log_decay: 0 or less.
        numbers: Of the episodes, `[N, M, C]`; None where no episode begins.
        dtype: Of the tables.
    """
    total = log_decay.double().cumsum(-1)
    gap = (total[..., :, None] - total[..., None, :]).to(dtype)
    future = torch.ones_like(gap[0, 0], dtype=torch.bool).triu(1)
    # Masked before exp: above the diagonal the gap is positive and may overflow.
    inside = gap.masked_fill_(future, -torch.inf).exp()
    reading = total.exp().to(dtype)
    writing = (total[..., -1:] - total).exp().to(dtype)
    keeping = total[..., -1].exp().to(dtype)
    if numbers is not None:
        inside = inside * same_episode(numbers)
        reading = reading * sees_start(numbers)
        writing = writing * seen_at_end(numbers)
        keeping = keeping * sees_start(numbers)[..., -1]
    return Tables(inside, reading[..., None], writing[..., None], keeping[..., None, None])


@lru_cache(maxsize=32)
def constant_tables(
    rates: tuple[float, ...], steps: int, scale: float, dtype: torch.dtype, device: torch.device
) -> Tables:
    """Tables `[1, H, ...]` of rates that never change; those that are read include the scale.

    Kept, because for a short sequence making them costs as much as using them. Not to be written.

    Args:
        rates: Log decay of each head.
        steps: C.
        scale: Of the output.
        dtype: Of the tables.
        device: Where they are.
    """
    log_decay = torch.tensor(rates, dtype=torch.float64, device=device)
    tables = make_tables(log_decay[None, :, None].expand(1, -1, steps), None, dtype)
    return tables._replace(inside=tables.inside.mul_(scale), reading=tables.reading.mul_(scale))
