"""How a sequence is cut: blocks that fit the cache, and inside them chunks that are one product.

The chunked operators work on `[N, B*H, C, *]`: the chunks of a block first, so that the state of
one chunk is contiguous, then all rows and heads as one batch of matrices.

Legend: B batch, T time, H heads, N chunks of a block, C steps of a chunk.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

_CACHED_STEPS, _LAUNCHED_STEPS = 1024, 16384


def spans(
    length: int, chunk: int, device: torch.device, cached: int | None = None
) -> Iterator[tuple[int, int, int]]:
    """Start, stop and chunk size of each block of a sequence; a last, shorter chunk stands alone.

    On a CPU a block of `cached` steps stays in the cache; elsewhere it is long enough to fill the
    device.
    """
    block = (cached or _CACHED_STEPS) if device.type == "cpu" else _LAUNCHED_STEPS
    whole = length - length % chunk
    for start in range(0, whole, block):
        yield start, min(start + block, whole), chunk
    if whole < length:
        yield whole, length, length - whole


def chunked(x: Tensor, chunk: int) -> Tensor:
    """`[B, N * C, H, K]` to `[N, B, H, C, K]`, a view."""
    return x.unflatten(1, (-1, chunk)).permute(1, 0, 3, 2, 4)


def split(x: Tensor, chunk: int, dtype: torch.dtype | None = None) -> Tensor:
    """`[B, N * C, H, ...]` to `[N, B * H, C, ...]`, contiguous, in `dtype`."""
    x = x.unflatten(1, (-1, chunk)).movedim(1, 0).transpose(2, 3)
    return x.to(dtype or x.dtype).flatten(1, 2).contiguous()


def join(x: Tensor, batch: int) -> Tensor:
    """`[N, B * H, C, ...]` to `[B, N * C, H, ...]`."""
    return x.unflatten(1, (batch, -1)).transpose(2, 3).movedim(0, 1).flatten(1, 2)


def write_chunks(place: Tensor, x: Tensor, chunk: int) -> None:
    """Copies `x [N, B * H, C, ...]` into `place [B, N * C, H, ...]`."""
    place = place.unflatten(1, (-1, chunk)).movedim(1, 0).transpose(2, 3)
    place.copy_(x.view(place.shape))


def pad_time(x: Tensor, steps: int) -> Tensor:
    """`[B, T, ...]` with this many zero steps (false, for booleans) after the last."""
    return F.pad(x, (*[0, 0] * (x.ndim - 2), 0, steps)) if steps else x


def power_of_two(size: int) -> int:
    """The smallest power of two that is not below `size`."""
    return 1 << (size - 1).bit_length()
