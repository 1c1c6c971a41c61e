"""Softmax attention with rotary positions and a cache: the baseline of the other backbones.

Vaswani et al. (2017, arXiv 1706.03762) with rotary positions (`rotary.py`). Its state holds every
key and value of the episode, so a step costs O(T); with `window` it holds that many.

Legend: B batch, T time, S cached steps, D model width, H heads, K head width, W window.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from daneel.backbones.mlp import MakeMLP, make_mlp
from daneel.backbones.ops.attention import attention
from daneel.backbones.protocol import State
from daneel.backbones.rotary import angles, require_even, rotate
from daneel.backbones.stack import Layer, Mixer, Stack, head_width, positive, recorded
from daneel.backbones.state import GROWS, wide

_BLOCK = 512
"""Queries handled together where a mask is needed, to bound the mask's memory."""

_WRAP = 2.0**20
"""Positions are kept as (multiples of this, rest): float32 counts single steps only to 2^24."""


class CausalAttention(Mixer):
    """`x [B, T, D]` to `y [B, T, D]`; state `k`, `v`, `live [B, S]` and `position [B, 2]`.

    `k` and `v` are the cache, `[B, S, H, K]`; `live` is 1 for cached steps of the running episode
    and 0 for those that no query may see.

    Args:
        dim: D, a multiple of `heads`.
        heads: H; K is D / H, and even.
        window: W, steps that a query sees, itself included; None is the whole episode.

    Raises:
        ValueError: the sizes do not divide, or the window is below 1.
    """

    def __init__(self, dim: int, heads: int = 4, window: int | None = None) -> None:
        """Torch's own initial weights, no biases."""
        super().__init__()
        self.heads, self.key, self.window = heads, head_width(dim, heads), window
        require_even(self.key, dim, heads)
        positive(window=1 if window is None else window)
        self.qkv = nn.Linear(dim, 3 * dim, bias=False)
        self.out = nn.Linear(dim, dim, bias=False)
        cache = (GROWS, heads, self.key)
        self.shapes = {"k": cache, "v": cache, "live": (GROWS,), "position": (2,)}

    def forward(self, x: Tensor, state: State, resets: Tensor | None) -> tuple[Tensor, State]:
        """Attends to the cache and to the steps of x up to each query."""
        batch, steps, _ = x.shape
        q, k, v = self.qkv(x).reshape(batch, steps, 3, self.heads, self.key).unbind(2)
        q, k, position = self._turn(q, k, state["position"])
        k = torch.cat([state["k"].to(k.dtype), k], 1)
        v = torch.cat([state["v"].to(v.dtype), v], 1)
        queries, keys = _episodes(state["live"], steps, resets)
        if self._plain(state["live"], steps, resets):
            y = attention(q, k, v)
        else:
            y = masked_attention(q, k, v, queries, keys, self.window)
        live = (keys == queries[:, -1:]).to(state["live"].dtype)
        start = self._oldest(live, resets)
        cache = {"k": wide(k[:, start:]), "v": wide(v[:, start:]), "live": live[:, start:]}
        return self.out(y.flatten(-2)), {**cache, "position": position}

    def _turn(self, q: Tensor, k: Tensor, position: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Queries and keys turned by their absolute positions, and the next position."""
        steps = q.shape[1]
        start = position[:, 0].double() * _WRAP + position[:, 1].double()
        positions = start.unsqueeze(1) + torch.arange(steps, device=q.device)
        cos, sin = (a.unsqueeze(2) for a in angles(positions, self.key, q.dtype))
        end = start + steps
        wraps = (end / _WRAP).floor()
        after = torch.stack([wraps, end - wraps * _WRAP], 1).to(position.dtype)
        return rotate(q, cos, sin), rotate(k, cos, sin), after

    def _plain(self, live: Tensor, steps: int, resets: Tensor | None) -> bool:
        """Whether every query sees all that came before it, so that no mask is needed."""
        total = live.shape[1] + steps
        if resets is not None or (self.window or total) < total:
            return False
        if live.shape[1] == 0:
            return True
        return not recorded() and bool(live.all())

    def _oldest(self, live: Tensor, resets: Tensor | None) -> int:
        """First step that is worth keeping."""
        start = 0 if self.window is None else max(live.shape[1] - self.window + 1, 0)
        if resets is None or recorded():
            return start
        # After resets the cache is cut to the longest running episode, so that a stream of short
        # episodes does not fill the memory.
        return max(start, int(live.any(0).nonzero()[0]))


def masked_attention(
    q: Tensor, k: Tensor, v: Tensor, queries: Tensor, keys: Tensor, window: int | None
) -> Tensor:
    """Causal attention inside episodes: a query sees keys of its own episode, `window` at most.

    Args:
        q: `[B, T, H, K]`, the last T of the S steps.
        k: `[B, S, H, K]`.
        v: `[B, S, H, K]`.
        queries: Episode of each query, `[B, T]`.
        keys: Episode of each key, `[B, S]`, -1 for a key that nobody sees.
        window: Steps that a query sees, itself included; None is no limit.

    Returns:
        `[B, T, H, K]`.
    """
    if window is not None and q.shape[1] > window:
        return _banded(q, k, v, queries, keys, window)
    place = torch.arange(k.shape[1], device=q.device)
    at = place[k.shape[1] - q.shape[1] :, None]

    def attend(q: Tensor, at: Tensor, own: Tensor) -> Tensor:
        seen = (place <= at) & (place > at - (window or k.shape[1]))
        return _attend(q, k, v, seen & (keys[:, None] == own[:, :, None]))

    if q.shape[1] <= _BLOCK:
        return attend(q, at, queries)
    blocks = zip(q.split(_BLOCK, 1), at.split(_BLOCK), queries.split(_BLOCK, 1), strict=True)
    return torch.cat([attend(*block) for block in blocks], 1)


def _banded(q: Tensor, k: Tensor, v: Tensor, queries: Tensor, keys: Tensor, window: int) -> Tensor:
    """As `masked_attention`, in blocks of W queries that see their own block and the one before."""
    steps = q.shape[1]
    end = -steps % window
    front = window - (k.shape[1] - steps)
    q, queries = _pad(q, 0, end, 0), _pad(queries, 0, end, -2)
    k, v, keys = _pad(k, front, end, 0), _pad(v, front, end, 0), _pad(keys, front, end, -1)
    q, queries = (a.unflatten(1, (-1, window)).flatten(0, 1) for a in (q, queries))
    k, v, keys = (_pairs(a, window) for a in (k, v, keys))
    place = torch.arange(2 * window, device=q.device)
    at = place[window:, None]
    seen = (place <= at) & (place > at - window)
    # Queries that only fill up the last block see their own place, lest their softmax be empty.
    same = (keys[:, None] == queries[:, :, None]) | ((queries[:, :, None] == -2) & (place == at))
    y = _attend(q, k, v, seen & same)
    return y.unflatten(0, (-1, (steps + end) // window)).flatten(1, 2)[:, :steps]


def _attend(q: Tensor, k: Tensor, v: Tensor, seen: Tensor) -> Tensor:
    """`[B, T, H, K]` with the mask `seen [B, T, S]`."""
    q, k, v = (a.transpose(1, 2) for a in (q, k, v))
    return F.scaled_dot_product_attention(q, k, v, seen.unsqueeze(1)).transpose(1, 2)


def _pairs(x: Tensor, window: int) -> Tensor:
    """Each block of W steps with the one before: `[B, (N + 1) W, ...]` to `[B N, 2 W, ...]`."""
    blocks = x.unflatten(1, (-1, window))
    return torch.cat([blocks[:, :-1], blocks[:, 1:]], 2).flatten(0, 1)


def _pad(x: Tensor, front: int, end: int, value: int) -> Tensor:
    """Fills axis 1 up in front and at the end; a negative `front` cuts."""
    return F.pad(x, [0, 0] * (x.ndim - 2) + [front, end], value=value)


def _episodes(live: Tensor, steps: int, resets: Tensor | None) -> tuple[Tensor, Tensor]:
    """Number of the episode of each query `[B, T]` and key `[B, S + T]`; -1 is out of sight."""
    if resets is None:
        own = torch.zeros(live.shape[0], steps, device=live.device, dtype=torch.int64)
    else:
        own = resets.long().cumsum(1)
    cached = (live > 0).long() - 1
    return own, torch.cat([cached, own], 1)


class AttentionBackbone(Stack):
    """Layers of causal attention and gated MLP.

    Args:
        dim: D, a multiple of `heads`.
        depth: Layers.
        heads: H.
        window: Steps that a query sees, itself included; None is the whole episode.
        mlp: Makes the MLP of a layer; None is `GatedMLP`.
    """

    def __init__(
        self,
        dim: int,
        depth: int = 1,
        *,
        heads: int = 4,
        window: int | None = None,
        mlp: MakeMLP | None = None,
    ) -> None:
        """Builds the layers."""
        positive(dim=dim, depth=depth)
        super().__init__(
            dim,
            [
                Layer(dim, CausalAttention(dim, heads, window), make_mlp(dim, mlp))
                for _ in range(depth)
            ],
        )
