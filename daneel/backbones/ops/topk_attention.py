"""Causal attention to the best keys only: exact softmax over the k highest visible scores.

Gupta et al., "Memory-efficient Transformers via Top-k Attention" (2021), arXiv 2106.06899. Which
keys are best is found exactly, from all scores; `daneel.backbones.key_index` finds them without
looking at every key. Ties go to whichever key `torch.topk` takes. The choice has no gradient, the
softmax over the chosen has.

Queries are taken a tile at a time, in forward and in backward, so memory is linear in time: a tile
of scores, and k numbers and places a query.

Legend: B batch, Q queries, T keys, H heads, D key width, V value width, K keys chosen.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from daneel.backbones.ops.attention import attention, check_attention, score_scale
from daneel.backbones.ops.precision import accumulator, no_autocast

QUERIES = 128
"""Queries in a tile; it has scores for all keys."""


def topk_attention(
    q: Tensor, k: Tensor, v: Tensor, topk: int, scale: float | None = None
) -> Tensor:
    """Attends from `q [B, Q, H, D]` to the best of `k [B, T, H, D]`, `v [B, T, H, V]`.

    Args:
        q: Queries, no more than keys; the last query stands at the last key.
        k: Keys.
        v: Values.
        topk: How many keys a query and head may use; from T on this is `attention`.
        scale: Factor of the scores, `D**-0.5` when left out.

    Returns:
        `[B, Q, H, V]` in the dtype of `v`.

    Raises:
        ValueError: shapes, devices or values that do not fit; the message says which.
    """
    _check(q, k, v, topk)
    if topk >= k.shape[1]:
        return attention(q, k, v, scale=scale)
    factor, dtype = score_scale(q, scale), accumulator(q, k, v)
    with no_autocast(q):
        heads_first = (x.to(dtype).transpose(1, 2) for x in (q * factor, k, v))
        return _TopK.apply(*heads_first, topk).transpose(1, 2).to(v.dtype)


def topk_attention_naive(
    q: Tensor, k: Tensor, v: Tensor, topk: int, scale: float | None = None
) -> Tensor:
    """The definition: one query at a time in float64; arguments as `topk_attention`."""
    _check(q, k, v, topk)
    factor = score_scale(q, scale)
    q, k, v = q.double(), k.double(), v.double()
    past, outputs = k.shape[1] - q.shape[1], []
    for t in range(q.shape[1]):
        seen = past + t + 1
        scores = factor * torch.einsum("bhd,bthd->bht", q[:, t], k[:, :seen])
        best, places = scores.topk(min(topk, seen))
        places = places.mT[..., None].expand(-1, -1, -1, v.shape[-1])
        chosen = v[:, :seen].gather(1, places)
        outputs.append(torch.einsum("bhk,bkhv->bhv", best.softmax(-1), chosen))
    return torch.stack(outputs, 1)


class _TopK(torch.autograd.Function):
    """`(q [B, H, Q, D] scaled, k [B, H, T, D], v [B, H, T, V], topk) -> [B, H, Q, V]`."""

    @staticmethod
    def forward(ctx: Any, q: Tensor, k: Tensor, v: Tensor, topk: int) -> Tensor:
        past, outputs, kept = k.shape[2] - q.shape[2], [], []
        for start, tile in _tiles(q):
            seen = past + start + tile.shape[2]
            p, places = _choose(tile @ k[:, :, :seen].mT, past + start, topk)
            outputs.append(_spread(p, places, seen) @ v[:, :, :seen])
            kept.append((p, places.to(torch.int32)))
        p, places = (torch.cat(part, 2) for part in zip(*kept, strict=True))
        ctx.save_for_backward(q, k, v, p, places)
        return torch.cat(outputs, 2)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        return _differentiate(ctx, *grads)


@once_differentiable
def _differentiate(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
    (d_out,) = grads
    q, k, v, p, places = ctx.saved_tensors
    past, parts = k.shape[2] - q.shape[2], []
    dk, dv = torch.zeros_like(k), torch.zeros_like(v)
    tiles = (x.split(QUERIES, 2) for x in (d_out, p, places))
    with no_autocast(d_out):
        for (start, tile), *others in zip(_tiles(q), *tiles, strict=True):
            d_tile, weight, place = others
            seen, place = past + start + tile.shape[2], place.long()
            d_weight = (d_tile @ v[:, :, :seen].mT).gather(-1, place)
            d_score = weight * (d_weight - (weight * d_weight).sum(-1, keepdim=True))
            d_scores = _spread(d_score, place, seen)
            parts.append(d_scores @ k[:, :, :seen])
            dk[:, :, :seen] += d_scores.mT @ tile
            dv[:, :, :seen] += _spread(weight, place, seen).mT @ d_tile
    return torch.cat(parts, 2), dk, dv, None


def _tiles(q: Tensor) -> list[tuple[int, Tensor]]:
    return [(n * QUERIES, tile) for n, tile in enumerate(q.split(QUERIES, 2))]


def _choose(scores: Tensor, past: int, topk: int) -> tuple[Tensor, Tensor]:
    """Probabilities and places `[B, H, q, K]` of the best visible keys; hidden ones get zero."""
    rows, keys = scores.shape[2:]
    hidden = torch.ones(rows, keys, dtype=torch.bool, device=scores.device).triu(past + 1)
    best, places = scores.masked_fill_(hidden, -torch.inf).topk(min(topk, keys))
    if keys < topk:  # the first tile of a short past: hidden keys fill up, with probability 0
        fill = topk - keys
        best = torch.nn.functional.pad(best, (0, fill), value=-torch.inf)
        places = torch.nn.functional.pad(places, (0, fill))
    return best.softmax(-1), places


def _spread(chosen: Tensor, places: Tensor, keys: int) -> Tensor:
    """`chosen [B, H, q, K]` at its places in rows of `keys` zeros; fillers at place 0 add zero."""
    return chosen.new_zeros(*chosen.shape[:-1], keys).scatter_add_(-1, places, chosen)


def _check(q: Tensor, k: Tensor, v: Tensor, topk: int) -> None:
    check_attention(q, k, v, causal=True)
    if topk < 1:
        raise ValueError(
            f"topk is {topk}. Expected at least 1 key a query. Pass {k.shape[1]} for all keys."
        )
