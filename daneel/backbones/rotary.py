"""Rotary positions: pairs of a query or key turned by an angle that grows with the position.

Su et al. (2021, arXiv 2104.09864). The product of a query and a key depends only on the distance
of their positions. Angles are computed in float64, where large positions lose nothing.

Legend: B batch, T time, H heads, K head width.
"""

from __future__ import annotations

import torch
from torch import Tensor


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Turns the pairs (x_i, x_{i + K/2}) of `x [..., K]` by angles given as `[..., K/2]`."""
    first, second = x.chunk(2, -1)
    return torch.cat([first * cos - second * sin, first * sin + second * cos], -1)


def angles(positions: Tensor, width: int, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Cosine and sine, each `[..., K/2]`, of the angles at `positions [...]` for heads of `width`.

    The slowest pair turns once in 2 pi 10^4 steps.
    """
    half = width // 2
    exponent = torch.arange(half, device=positions.device, dtype=torch.float64) / max(half, 1)
    angle = positions.double().unsqueeze(-1) * 10_000.0**-exponent
    return angle.cos().to(dtype), angle.sin().to(dtype)


def require_even(width: int, dim: int, heads: int) -> None:
    """Refuses heads whose width cannot be cut into pairs.

    Raises:
        ValueError: names dim and heads.
    """
    if width % 2:
        raise ValueError(
            f"dim {dim} and heads {heads} make heads of odd width {width}. Expected an even width: "
            "rotary positions turn pairs. Set heads so that dim / heads is even."
        )
