"""NF4: weights in four bits, as quantiles of a normal distribution, with double quantisation.

Dettmers, Pagnoni, Holtzman, Zettlemoyer (2023, arXiv 2305.14314). Blocks of 64 values are scaled by
their largest magnitude; each value becomes the nearest of 16 levels, and two levels share a byte
(the first in the high half, as bitsandbytes packs them). The scales, less their mean, are
themselves kept in 8 bits, with one float32 for 256 of them: 4 + 8/64 + 32/(64 x 256) = 4.127 bits a
value. What differs from bitsandbytes: the 8 bits of a scale are linear, not a floating code; the
levels and the packed bytes are the same.

Legend: M values, N = ceil(M / 64) blocks.
"""

from __future__ import annotations

import importlib.util
import math
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

LEVELS = (
    -1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635,
    -0.18477343022823334, -0.09105003625154495, 0.0, 0.07958029955625534, 0.16093020141124725,
    0.24611230194568634, 0.33791524171829224, 0.44070982933044434, 0.5626170039176941,
    0.7229568362236023, 1.0,
)  # fmt: skip
"""The paper's levels (its appendix E): 8 quantiles of either side, with an exact zero."""

BLOCK = 64
"""Values that share a scale."""

GROUP = 256
"""Scales that share a float32."""


@dataclass(frozen=True)
class NF4:
    """A tensor in 4.127 bits a value."""

    packed: Tensor
    """`[32 N]` uint8, two levels a byte."""
    scale: Tensor
    """`[N]` int8, scales of the blocks, less the mean, in units of their group."""
    group: Tensor
    """`[ceil(N / 256)]` float32, the units."""
    offset: Tensor
    """`[]` float32, mean of the scales."""
    shape: tuple[int, ...]
    """Of the tensor; the last block is filled up with zeros."""

    @property
    def nbytes(self) -> int:
        """Memory of all parts."""
        return sum(part.nbytes for part in (self.packed, self.scale, self.group, self.offset))


@torch.no_grad()
def quantise(x: Tensor) -> NF4:
    """The nearest levels of `x`, any shape.

    Raises:
        ValueError: x is empty, of integers, or not finite.
    """
    if not x.numel() or not x.is_floating_point() or not bool(torch.isfinite(x).all()):
        raise ValueError(
            f"x is {x.dtype} {list(x.shape)}, empty or not finite. Expected finite floats. "
            "Quantise the weights of a trained layer."
        )
    flat = x.detach().reshape(-1).float()
    blocks = F.pad(flat, (0, -len(flat) % BLOCK)).view(-1, BLOCK)
    largest = blocks.abs().amax(1)
    unit = blocks / largest.clamp(min=torch.finfo(torch.float32).tiny)[:, None]
    levels = torch.tensor(LEVELS, device=x.device)
    code = torch.bucketize(unit.flatten(), (levels[1:] + levels[:-1]) / 2, out_int32=True)
    high, low = code.to(torch.uint8).view(-1, 2).unbind(1)
    return NF4(high * 16 + low, *_quantise_scales(largest), tuple(x.shape))


def dequantise(
    weight: NF4, dtype: torch.dtype = torch.float32, start: int = 0, stop: int | None = None
) -> Tensor:
    """The values of `weight` in its shape, or of blocks `start` to `stop` as a flat tensor."""
    stop = len(weight.scale) if stop is None else stop
    packed = weight.packed[start * BLOCK // 2 : stop * BLOCK // 2]
    largest = scales(weight, start, stop)
    if packed.is_cuda and importlib.util.find_spec("bitsandbytes"):
        values = unpack_bitsandbytes(packed, largest, dtype)
    else:
        values = unpack(packed, largest, dtype)
    if (start, stop) != (0, len(weight.scale)):
        return values
    return values[: math.prod(weight.shape)].view(weight.shape)


def scales(weight: NF4, start: int = 0, stop: int | None = None) -> Tensor:
    """The scales of blocks `start` to `stop` in float32."""
    stop = len(weight.scale) if stop is None else stop
    group = torch.arange(start, stop, device=weight.scale.device) // GROUP
    scale = weight.scale[start:stop].float() * weight.group.float()[group] + weight.offset
    return scale.clamp(min=0)  # rounding may take the scale of a block of zeros below zero


def unpack(packed: Tensor, largest: Tensor, dtype: torch.dtype) -> Tensor:
    """Levels times scales: `[32 N]` bytes and `[N]` scales to `[64 N]` values."""
    levels = torch.tensor(LEVELS, device=packed.device)
    pairs = torch.stack([levels.repeat_interleave(16), levels.repeat(16)], 1)
    values = F.embedding(packed.int(), pairs).view(-1, BLOCK)
    return (values * largest[:, None]).to(dtype).flatten()


def unpack_bitsandbytes(packed: Tensor, largest: Tensor, dtype: torch.dtype) -> Tensor:
    """As `unpack`, by the kernel of bitsandbytes."""
    functional: Any = importlib.import_module("bitsandbytes.functional")
    code = torch.tensor(LEVELS, device=packed.device)
    shape = torch.Size([2 * len(packed)])
    state = functional.QuantState(largest, shape, code, BLOCK, "nf4", dtype)
    return functional.dequantize_4bit(packed.view(-1, 1), state).flatten()


def _quantise_scales(largest: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Scales in 8 bits, the float32 units of their groups, their mean."""
    offset = largest.mean()
    count = len(largest)
    groups = F.pad(largest - offset, (0, -count % GROUP)).view(-1, GROUP)
    unit = groups.abs().amax(1) / 127
    code = groups / unit.clamp(min=torch.finfo(torch.float32).tiny)[:, None]
    return code.round().to(torch.int8).flatten()[:count].clone(), unit, offset
