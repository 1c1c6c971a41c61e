"""Scores between steps of a chunk when every key channel fades at its own rate.

    scores_ij = sum_k x_ik y_jk exp(c_ik - c_jk)   for j <= i,   c the running sum of log decays

Factored as `(x e^c)(y e^-c)^T` this overflows once a sum passes -88, and anchoring whole sub-chunks
(Yang et al., 2023, arXiv 2312.06635, section 4.3) leaves the diagonal ones to be done element by
element. Here the chunk is halved again and again: between the later and the earlier half of a
stretch both factors are anchored at the middle,

    x_i exp(sum of log decays from the middle to i)  and  y_j exp(sum from j to the middle),

so that no exponent is ever positive, every sum has terms of one sign, and each level is one
product.

Legend: N chunks, M matrices (B * H), C steps of a chunk (a power of two), S stretches of a chunk,
h half a stretch, K width, X kinds of rows, Y kinds of columns.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from daneel.backbones.ops.episodes import seen_at_end, sees_start


class Shares(NamedTuple):
    """What is left of writes and states, `[N, M, ...]`."""

    reading: Tensor
    """`[..., C, K]`: of the state at the start of the chunk, after step i has faded it."""
    before: Tensor
    """`[..., C, K]`: of the state at the start of the chunk, before step i fades it."""
    writing: Tensor
    """`[..., C, K]`: of step j's write, at the end of the chunk."""
    keeping: Tensor
    """`[..., K, 1]`: of the state at the start of the chunk, at its end."""


def decayed_scores(
    rows: Tensor, columns: Tensor, log_decay: Tensor, numbers: Tensor | None
) -> tuple[Tensor, Shares]:
    """Scores `[N, M, X, Y, C, C]` of X kinds of rows and Y kinds of columns, and the shares.

    The scores are 0 above the diagonal; they know no episodes, the shares do.

    Args:
        rows: `[N, M, X, C, K]`.
        columns: `[N, M, Y, C, K]`.
        log_decay: `[N, M, C, K]`, 0 or less; C is a power of two.
        numbers: Of the episodes, `[N, M, C]`; None where no episode begins.
    """
    results = _Scores.apply(*(x.flatten(0, 1) for x in (rows, columns, log_decay)))
    scores, reading, writing = (x.unflatten(0, log_decay.shape[:2]) for x in results)
    before = F.pad(reading[..., :-1, :], (0, 0, 1, 0), value=1.0)
    keeping = reading[..., -1:, :].mT
    if numbers is not None:
        sees = sees_start(numbers)[..., None]
        reading, before, keeping = reading * sees, before * sees, keeping * sees[..., -1:, :]
        writing = writing * seen_at_end(numbers)[..., None]
    return scores, Shares(reading, before, writing, keeping)


class _Scores(torch.autograd.Function):
    """Level by level, from halves of one step to half a chunk; the first axis is M for N * M.

    `prefix` sums log decays from the start of a stretch up to and with each step, `suffix` those
    after each step to its end.
    """

    @staticmethod
    def forward(
        ctx: Any, rows: Tensor, columns: Tensor, log_decay: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """See `decayed_scores`."""
        steps = log_decay.shape[1]
        scores = rows.new_zeros(len(rows), rows.shape[1], columns.shape[1], steps, steps)
        scores.diagonal(dim1=3, dim2=4).copy_(_pair(rows, columns))
        prefix, suffix, levels = log_decay.clone(), torch.zeros_like(log_decay), []
        for half in _halves(steps):
            share = _extend(_halved(prefix, half), _halved(suffix, half))
            late, early = _fade(rows, share, 1), _fade(columns, share, 0)
            product = late.flatten(0, 1).flatten(1, 2) @ early.flatten(0, 1).flatten(1, 2).mT
            _corners(scores, half).copy_(_from_product(product, late, early))
            levels += [share, late, early]
        reading, writing = prefix.exp_(), suffix.exp_()
        ctx.save_for_backward(rows, columns, reading, writing, *levels)
        return scores, reading, writing

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The levels in reverse; no gradient of a log decay is a difference of large numbers."""
        return _differentiate_scores(ctx, *grads)


@once_differentiable
def _differentiate_scores(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    rows, columns, reading, writing, *levels = ctx.saved_tensors
    d_rows, d_columns = _pair_back(grads[0].diagonal(dim1=3, dim2=4), rows, columns)
    d_prefix, d_suffix = grads[1] * reading, grads[2] * writing
    while levels:
        share, late, early = levels[-3:]
        half, levels = share.shape[3], levels[:-3]
        d_late, d_early = _level_back(_corners(grads[0], half), late, early)
        _add_faded(d_rows, d_late, share, 1)
        _add_faded(d_columns, d_early, share, 0)
        d_after, d_before = _dot(late, d_late), _dot(early, d_early)
        _extend_back(_halved(d_prefix, half), _halved(d_suffix, half), d_after, d_before)
    return d_rows, d_columns, d_prefix


def _halves(steps: int) -> Iterator[int]:
    half = 1
    while half < steps:
        yield half
        half *= 2


def _halved(x: Tensor, half: int) -> Tensor:
    """`[M, C, K]` as stretches of two halves: a view `[M, S, 2, h, K]`."""
    return x.unflatten(1, (-1, 2, half))


def _extend(prefix: Tensor, suffix: Tensor) -> Tensor:
    """Shares between each step and the middle of its stretch `[M, S, 2, h, K]`.

    Afterwards both sums, changed in place, reach over the whole stretch.
    """
    share = torch.empty_like(prefix)
    torch.exp(suffix[:, :, 0], out=share[:, :, 0])
    torch.exp(prefix[:, :, 1], out=share[:, :, 1])
    totals = prefix[:, :, :, -1:].clone()
    prefix[:, :, 1] += totals[:, :, 0]
    suffix[:, :, 0] += totals[:, :, 1]
    return share


def _extend_back(prefix: Tensor, suffix: Tensor, after: Tensor, before: Tensor) -> None:
    """The transpose of `_extend`, in place; `after` and `before` are gradients of its exponents."""
    totals = torch.stack((prefix[:, :, 1].sum(2), suffix[:, :, 0].sum(2)), 2)
    prefix[:, :, :, -1] += totals
    prefix[:, :, 1] += after
    suffix[:, :, 0] += before


def _fade(x: Tensor, share: Tensor, side: int) -> Tensor:
    """Rows after (1) or columns before (0) the middles, faded to there: `[M, S, X, h, K]`."""
    halves = x.unflatten(2, (-1, 2, share.shape[3]))[:, :, :, side].transpose(1, 2)
    # Into memory of its own: the product's order would follow that of x, and cost a copy later.
    faded = torch.empty(halves.shape, dtype=x.dtype, device=x.device)
    return torch.mul(halves, share[:, :, side, None], out=faded)


def _add_faded(d_x: Tensor, d_faded: Tensor, share: Tensor, side: int) -> None:
    """The transpose of `_fade`, added in place."""
    halves = d_x.unflatten(2, (-1, 2, share.shape[3]))[:, :, :, side].transpose(1, 2)
    halves.addcmul_(d_faded, share[:, :, side, None])


def _level_back(d_corners: Tensor, late: Tensor, early: Tensor) -> tuple[Tensor, Tensor]:
    """Gradients of `late` and `early` from that of a level's corners `[M, X, Y, h, h, S]`."""
    if late.shape[3] == 1:
        # Products of matrices this small cost several times their elements.
        rows, columns = late.squeeze(3).transpose(1, 2), early.squeeze(3).transpose(1, 2)
        pair = _pair_back(d_corners[:, :, :, 0, 0], rows, columns)
        d_late, d_early = (x.transpose(1, 2).unsqueeze(3) for x in pair)
        return d_late, d_early
    d_product = d_corners.permute(0, 5, 1, 3, 2, 4).flatten(0, 1).flatten(1, 2).flatten(2, 3)
    d_late = d_product @ early.flatten(0, 1).flatten(1, 2)
    d_early = d_product.mT @ late.flatten(0, 1).flatten(1, 2)
    return d_late.view(late.shape), d_early.view(early.shape)


def _pair(rows: Tensor, columns: Tensor) -> Tensor:
    """Products of rows and columns `[M, X or Y, C, K]` of the same step: `[M, X, Y, C]`."""
    return (rows[:, :, None] * columns[:, None]).sum(-1)


def _pair_back(d_pair: Tensor, rows: Tensor, columns: Tensor) -> tuple[Tensor, Tensor]:
    """The transpose of `_pair`: gradients of rows and columns."""
    weights = d_pair[..., None]
    d_rows = torch.stack([_dot(columns, weights[:, x]) for x in range(rows.shape[1])], 1)
    d_columns = torch.stack([_dot(rows, weights[:, :, y]) for y in range(columns.shape[1])], 1)
    return d_rows, d_columns


def _dot(x: Tensor, y: Tensor) -> Tensor:
    """Sum of `x * y` over the kinds, the axis before the last two.

    There are one or two: adding their products costs a fraction of a reduction.
    """
    first, *others = zip(x.unbind(-3), y.unbind(-3), strict=True)
    total = first[0] * first[1]
    for pair in others:
        total.addcmul_(*pair)
    return total


def _corners(scores: Tensor, half: int) -> Tensor:
    """The later half of each stretch against its earlier half: a view `[M, X, Y, h, h, S]`."""
    blocks = scores.unflatten(3, (-1, 2, half)).unflatten(6, (-1, 2, half))
    return blocks[:, :, :, :, 1, :, :, 0].diagonal(dim1=3, dim2=5)


def _from_product(product: Tensor, late: Tensor, early: Tensor) -> Tensor:
    """`[M * S, X * h, Y * h]` to `[M, X, Y, h, h, S]`."""
    whole = product.view(*late.shape[:4], *early.shape[2:4])
    return whole.permute(0, 2, 4, 3, 5, 1)
