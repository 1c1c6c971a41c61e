"""E small networks evaluated together on tokens that are sorted by expert.

Each expert multiplies one contiguous slice of the sorted tokens: no padding to a capacity, nothing
dropped, and as many products as there are experts, whatever the number of tokens (the grouped
products of MegaBlocks: Gale et al., 2022, arXiv 2211.15841).

Legend: R rows (token, choice) sorted by expert, E experts, D model width, F hidden width.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def grouped_matmul(x: Tensor, weight: Tensor, counts: Sequence[int]) -> Tensor:
    """`x [R, D]` in groups of `counts` rows, each times its own matrix of `weight [E, D, F]`.

    Raises:
        ValueError: counts do not add up to R, or the shapes do not belong together.
    """
    ok = x.dim() == 2 and weight.dim() == 3 and x.shape[1] == weight.shape[1]
    if not ok or len(counts) != len(weight) or sum(counts) != len(x) or min(counts) < 0:
        raise ValueError(
            f"grouped_matmul got x {list(x.shape)}, weight {list(weight.shape)} and {len(counts)} "
            f"counts that sum to {sum(counts)}. Expected [R, D], [E, D, F] and E counts that sum "
            "to R. Sort the rows by expert and count them with torch.bincount."
        )
    result: Any = _GroupedMatmul.apply(x, weight, tuple(counts))
    return result


def grouped_matmul_naive(x: Tensor, weight: Tensor, counts: Sequence[int]) -> Tensor:
    """As `grouped_matmul`, one row at a time in float64: the oracle it is tested against."""
    owner = [expert for expert, count in enumerate(counts) for _ in range(count)]
    rows = [row @ weight[e].double() for row, e in zip(x.double(), owner, strict=True)]
    return torch.stack(rows) if rows else x.new_zeros(0, weight.shape[2], dtype=torch.float64)


class _GroupedMatmul(torch.autograd.Function):
    """Products written straight into slices of one result: no list, no concatenation."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, counts: tuple[int, ...]) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.counts = counts
        y = x.new_empty(len(x), weight.shape[2])
        for rows, matrix, out in zip(x.split(counts), weight, y.split(counts), strict=True):
            if len(rows):
                torch.mm(rows, matrix, out=out)
        return y

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, None]:
        (grad,) = grads
        x, weight = ctx.saved_tensors
        gx, gw = torch.empty_like(x), torch.zeros_like(weight)
        grad, counts = grad.contiguous(), ctx.counts
        parts = zip(x.split(counts), grad.split(counts), gx.split(counts), strict=True)
        for expert, (rows, above, out) in enumerate(parts):
            if len(rows):
                torch.mm(above, weight[expert].T, out=out)
                torch.mm(rows.T, above, out=gw[expert])
        return gx, gw, None


class Experts(nn.Module):
    """E networks of two layers without biases: `silu(x up) down`.

    Args:
        dim: D.
        hidden: F.
        experts: E.
        generator: Draws the weights; None uses torch's.

    Raises:
        ValueError: a size is below 1.
    """

    def __init__(
        self, dim: int, hidden: int, experts: int, generator: torch.Generator | None = None
    ) -> None:
        """Uniform weights in +-1 / sqrt(inputs), as `nn.Linear` has them."""
        super().__init__()
        if min(dim, hidden, experts) < 1:
            raise ValueError(
                f"dim {dim}, hidden {hidden}, experts {experts}. Expected all 1 or more. "
                "Choose hidden as the dense width divided by the experts of a token."
            )
        self.up = nn.Parameter(torch.empty(experts, dim, hidden))
        self.down = nn.Parameter(torch.empty(experts, hidden, dim))
        for weight in (self.up, self.down):
            bound = 1 / math.sqrt(weight.shape[1])
            nn.init.uniform_(weight, -bound, bound, generator=generator)

    def forward(self, rows: Tensor, counts: Sequence[int]) -> Tensor:
        """`rows [R, D]` sorted by expert, `counts [E]` of them each, to `[R, D]`."""
        up, down = self.up.to(rows.dtype), self.down.to(rows.dtype)
        return grouped_matmul(F.silu(grouped_matmul(rows, up, counts)), down, counts)

    @torch.no_grad()
    def copy(self, parent: int, child: int) -> None:
        """Gives expert `child` the weights of expert `parent`."""
        for weight in (self.up, self.down):
            weight[child] = weight[parent]
