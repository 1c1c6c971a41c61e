"""How far a float32 network may stray from real arithmetic: the error model behind the bounds.

The bounds of this room are claims about the network as it is deployed: float32, round to nearest.
So each layer's rule encloses the values that the float32 kernel can return, not only the values of
the formula. Three facts carry all of it, with unit roundoff u = 2^-24:

- A sum of n products in ANY order, with or without fused multiply-add, differs from the exact one
  by at most gamma(n) * sum |w_i x_i|, gamma(n) = n u / (1 - n u) (Higham 2002, section 3.1).
- An operation that underflows, or a kernel that flushes subnormals, adds at most 2^-126.
- An elementwise function is off by at most `ALLOWANCE * (1 + |f|)`; tests measure torch's kernels
  against float64 and fail where they are worse than a quarter of it.

The bounds themselves are computed in float64 (unit roundoff 2^-53) and moved outward by more than
that arithmetic can be off. Not covered: kernels of lower precision (TF32, bfloat16 accumulation).
"""

from __future__ import annotations

import torch
from torch import Tensor

from daneel.errors import DaneelError

UNIT = 2.0**-24
"""Unit roundoff of float32: half the distance from 1 to the next number."""

TINY = 2.0**-126
"""Smallest normal float32; bounds what underflow can lose in one operation."""

LARGEST = float(torch.finfo(torch.float32).max)
"""Largest finite float32."""

ALLOWANCE = 2.0**-17
"""Error of an elementwise float32 function relative to 1 + |f|: 128 u. Torch's worst is GELU
through oneDNN with 19 u; every other kernel stays under 3 u."""

Bounds = tuple[Tensor, Tensor]
"""Lower and upper ends `[D]`, float64."""


class NoBoundError(DaneelError):
    """No sound bound can be given; the message says for which layer and why."""


def gamma(operations: int) -> float:
    """Relative error of a float32 result that went through this many roundings.

    Raises:
        NoBoundError: So many that float32 promises nothing.
    """
    product = operations * UNIT
    if product >= 0.5:
        raise NoBoundError(f"{operations} roundings in float32 leave no correct digit.")
    return product / (1 - product)


def outward(low: Tensor, high: Tensor) -> Bounds:
    """The next float64 below `low` and above `high`: undoes one rounding of each."""
    infinity = torch.tensor(torch.inf, dtype=torch.float64)
    return torch.nextafter(low, -infinity), torch.nextafter(high, infinity)


def float32_outward(low: Tensor, high: Tensor) -> Bounds:
    """The nearest float32 numbers (as float64) not above `low` and not below `high`."""
    infinity = torch.tensor(torch.inf)
    down, up = low.float(), high.float()
    down = torch.where(down.double() > low, torch.nextafter(down, -infinity), down)
    up = torch.where(up.double() < high, torch.nextafter(up, infinity), up)
    return down.double(), up.double()


def widen(low: Tensor, high: Tensor, relative: float, absolute: float | Tensor) -> Bounds:
    """Room on both sides for an error of at most `relative * |value| + absolute`."""
    return outward(
        low - relative * low.abs() - absolute,
        high + relative * high.abs() + absolute,
    )


def magnitude(low: Tensor, high: Tensor) -> Tensor:
    """Largest absolute value in each interval, `[D]`."""
    return torch.maximum(low.abs(), high.abs())
