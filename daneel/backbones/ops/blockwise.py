"""Exact attention tile by tile: no more than a tile of scores exists, in forward or backward.

The online softmax of Milakov and Gimelshein (2018), arXiv 1805.02867, and the recomputing backward
of Dao et al., "FlashAttention" (2022), arXiv 2205.14135, algorithms 1 and 4, in plain torch.
Forward keeps the logarithm of each query's sum of exponentials, and backward makes every tile of
probabilities from it again.

Legend: B batch, Q queries, T keys, H heads, D key width, V value width, q and k of a tile in lower
case.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from daneel.backbones.ops.precision import accumulator, no_autocast

QUERIES, KEYS = 256, 1024
"""Size of a tile: its scores for four heads are 4 MiB."""


def blockwise_attention(q: Tensor, k: Tensor, v: Tensor, causal: bool, scale: float) -> Tensor:
    """Attention of `q [B, Q, H, D]` to `k [B, T, H, D]`, `v [B, T, H, V]`, unchecked.

    Accumulates in float32, in float64 for float64 inputs; gives `[B, Q, H, V]` in that precision.
    """
    dtype = accumulator(q, k, v)
    q, k, v = (x.to(dtype).transpose(1, 2) for x in (q, k, v))
    return _Blockwise.apply(q * scale, k, v, causal).transpose(1, 2)


class _Blockwise(torch.autograd.Function):
    """`(q [B, H, Q, D] scaled, k [B, H, T, D], v [B, H, T, V], causal) -> [B, H, Q, V]`."""

    @staticmethod
    def forward(ctx: Any, q: Tensor, k: Tensor, v: Tensor, causal: bool) -> Tensor:
        rows = [_row(q[:, :, i], k, v, _mask(i, q, k, causal)) for i in _slices(q, QUERIES)]
        out, log_sum = (torch.cat(part, 2) for part in zip(*rows, strict=True))
        ctx.causal = causal
        ctx.save_for_backward(q, k, v, out, log_sum)
        return out

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        return _differentiate(ctx, *grads)


@once_differentiable
def _differentiate(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
    (d_out,) = grads
    q, k, v, out, log_sum = ctx.saved_tensors
    gradient = _Gradient(q, k, v, out, log_sum, d_out)
    with no_autocast(d_out):
        for i in _slices(q, QUERIES):
            mask = _mask(i, q, k, ctx.causal)
            for j in _slices(k, KEYS):
                if mask.hides(j):
                    break
                gradient.tile(i, j, mask)
    return gradient.dq, gradient.dk, gradient.dv, None


class _Gradient:
    """Adds up the gradients of queries, keys and values, a tile at a time."""

    def __init__(
        self, q: Tensor, k: Tensor, v: Tensor, out: Tensor, log_sum: Tensor, d_out: Tensor
    ) -> None:
        self.q, self.k, self.v, self.log_sum, self.d_out = q, k, v, log_sum, d_out
        self.dq, self.dk, self.dv = (torch.zeros_like(x) for x in (q, k, v))
        self.inner = (d_out * out).sum(-1, keepdim=True)

    def tile(self, i: slice, j: slice, mask: _Mask) -> None:
        """The share of queries i and keys j."""
        q, k, d_out = self.q[:, :, i], self.k[:, :, j], self.d_out[:, :, i]
        p = mask.apply(q @ k.mT, j).sub_(self.log_sum[:, :, i]).exp_()
        d_scores = (d_out @ self.v[:, :, j].mT).sub_(self.inner[:, :, i]).mul_(p)
        self.dv[:, :, j] += p.mT @ d_out
        self.dq[:, :, i] += d_scores @ k
        self.dk[:, :, j] += d_scores.mT @ q


class _Mask:
    """Which keys a tile of queries sees: each query those up to its own place."""

    def __init__(self, places: Tensor | None) -> None:
        self.places = places

    def hides(self, keys: slice) -> bool:
        """Whether no query of the tile sees a key of this one."""
        return self.places is not None and keys.start > int(self.places[-1])

    def apply(self, scores: Tensor, keys: slice) -> Tensor:
        """`scores [B, H, q, k]`, minus infinity where a key is hidden."""
        if self.places is None or keys.stop - 1 <= int(self.places[0]):
            return scores
        key = torch.arange(keys.start, keys.stop, device=scores.device)
        return scores.masked_fill_(key > self.places[:, None], -torch.inf)


def _mask(queries: slice, q: Tensor, k: Tensor, causal: bool) -> _Mask:
    past = k.shape[2] - q.shape[2]
    places = torch.arange(queries.start, queries.stop, device=q.device) + past
    return _Mask(places if causal else None)


def _row(q: Tensor, k: Tensor, v: Tensor, mask: _Mask) -> tuple[Tensor, Tensor]:
    """Output `[B, H, q, V]` and log-sum-exp `[B, H, q, 1]` of one tile of queries."""
    # The first tile of keys holds one that every query sees, so the maximum is finite from then on.
    top = q.new_full((*q.shape[:-1], 1), -torch.inf)
    total, out = torch.zeros_like(top), q.new_zeros(*q.shape[:-1], v.shape[-1])
    for j in _slices(k, KEYS):
        if mask.hides(j):
            break
        scores = mask.apply(q @ k[:, :, j].mT, j)
        higher = torch.maximum(top, scores.amax(-1, keepdim=True))
        shrink, p = (top - higher).exp_(), scores.sub_(higher).exp_()
        total = total.mul_(shrink).add_(p.sum(-1, keepdim=True))
        out = out.mul_(shrink).add_(p @ v[:, :, j])
        top = higher
    return out.div_(total), top + total.log()


def _slices(x: Tensor, size: int) -> Iterator[slice]:
    length = x.shape[2]
    return (slice(start, min(start + size, length)) for start in range(0, length, size))
