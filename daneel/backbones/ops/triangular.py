"""Systems (I + L) X = R of many small chunks, L strictly lower triangular.

The inverse is built by doubling: the corner of a block is -(lower right inverse) L (upper left
inverse). It is as accurate as substitution, unlike the product (I - L)(I + L^2)(I + L^4)..., whose
powers reach 10^18 for 64 equal keys and cancel; and it is a few batched products, where LAPACK
takes the matrices one by one.

Legend: N chunks, M matrices (B * H), C steps of a chunk, R columns.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable


def solve_unit_lower(lower: Tensor, right: Tensor) -> Tensor:
    """X of (I + L) X = R: `lower [..., C, C]`, of which only the part below the diagonal counts.

    Args:
        lower: L.
        right: R, `[..., C, R]`.
    """
    return _Solve.apply(lower, right)


class _Solve(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, lower: Tensor, right: Tensor) -> Tensor:
        """See `solve_unit_lower`."""
        inverse = invert_unit_lower(lower)
        solution = inverse @ right
        ctx.save_for_backward(inverse, solution)
        return solution

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor]:
        """The transposed system."""
        return _differentiate_solution(ctx, *grads)


@once_differentiable
def _differentiate_solution(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor]:
    inverse, solution = ctx.saved_tensors
    d_right = inverse.mT @ grads[0]
    return (d_right @ solution.mT).tril_(-1).neg_(), d_right


def invert_unit_lower(lower: Tensor) -> Tensor:
    """(I + L)^-1 `[..., C, C]`, for any C."""
    size = lower.shape[-1]
    inverse = torch.zeros_like(lower)
    inverse.diagonal(dim1=-2, dim2=-1).fill_(1)
    half = 1
    while half < size:
        whole = size - size % (2 * half)
        for start, stop in ((0, whole), (whole, size)):
            if stop - start > half:
                _fill_corners(inverse, lower, slice(start, stop), half)
        half *= 2
    return inverse


def _fill_corners(inverse: Tensor, lower: Tensor, where: slice, half: int) -> None:
    """Fills the lower left corners of the diagonal blocks of two halves, the last perhaps short."""
    block = min(2 * half, where.stop - where.start)
    known = _diagonal_blocks(inverse[..., where, where], block)
    corner = _diagonal_blocks(lower[..., where, where], block)[..., half:, :half]
    filled = known[..., half:, half:] @ corner @ known[..., :half, :half]
    known[..., half:, :half] = -filled


def _diagonal_blocks(x: Tensor, block: int) -> Tensor:
    """The blocks on the diagonal, a view `[..., S, block, block]`."""
    blocks = x.unflatten(-1, (-1, block)).unflatten(-3, (-1, block))
    return blocks.diagonal(dim1=-4, dim2=-2).movedim(-1, -3)
