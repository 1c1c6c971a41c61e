"""RWKV-7: time mix with a state that is decayed, partly erased and written; then channel mix.

Peng et al., "RWKV-7 Goose" (2025, arXiv 2503.14456), section 4 and appendix; initial values as in
the authors' code (BlinkDL/RWKV-LM, RWKV-v7, Apache-2.0). Each layer sees its input and the one a
step earlier (token shift); layers after the first mix their values with those of the first.

    S_t = diag(w) S_{t-1} - (kk * a) (kk^T S_{t-1}) + k v^T        o_t = r^T S_t

The decay w lies between exp(-e^-0.5) = 0.545 and 1. What differs: no extra norm behind the
embedding, which a backbone does not have.

Legend: B batch, T time, D model width, H heads, K head width, R low rank.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from daneel.backbones.ops import wkv7
from daneel.backbones.protocol import State
from daneel.backbones.short_conv import token_shift
from daneel.backbones.stack import Stack, head_width, positive
from daneel.backbones.state import wide
from daneel.backbones.streaming import Streamed, TokenModel, train_streaming

_FASTEST = math.exp(-0.5)
"""Log decay per step is never below minus this."""


class LowRank(nn.Module):
    """`bias + W2 f(W1 x)` with a narrow middle; W1 begins at zero, so the map is its bias."""

    def __init__(self, dim: int, rank: int, bias: Tensor | None, act: nn.Module) -> None:
        """Zero and orthogonal weights, as in the authors' code."""
        super().__init__()
        self.down = nn.Linear(dim, rank, bias=False)
        self.up = nn.Linear(rank, dim, bias=False)
        self.bias = None if bias is None else nn.Parameter(bias)
        self.act = act
        nn.init.zeros_(self.down.weight)
        nn.init.orthogonal_(self.up.weight, 0.1)

    def forward(self, x: Tensor) -> Tensor:
        """`[..., D] -> [..., D]`."""
        y = self.up(self.act(self.down(x)))
        return y if self.bias is None else y + self.bias


class TimeMix(nn.Module):
    """Section 4.1: `x [B, T, D]` to `y [B, T, D]`, state `shift [B, D]`, `s [B, H, K, K]`."""

    def __init__(self, dim: int, heads: int, layer: int, depth: int) -> None:
        """`layer` of `depth`, from 0: deeper layers begin with other shifts and decays."""
        super().__init__()
        self.heads, self.head = heads, head_width(dim, heads)
        share = torch.arange(dim) / dim
        depth_share = layer / max(depth - 1, 1)
        self.mix = nn.Parameter(_first_mix(share, 1 - layer / depth))
        rank = max(8, 8 * round(dim**0.5 / 4))
        speed = share.pow(0.85 + depth_share**0.5)
        self.decay = LowRank(dim, rank, 5 * speed - 6.5, nn.Tanh())
        self.rate = LowRank(dim, rank, torch.zeros(dim), nn.Identity())
        self.blend = LowRank(dim, rank, torch.ones(dim), nn.Identity()) if layer else None
        self.gate = LowRank(dim, 2 * rank, None, nn.Sigmoid())
        nn.init.normal_(self.gate.down.weight, std=0.02)
        self.removal = nn.Parameter(torch.full((dim,), 0.85))
        self.renewal = nn.Parameter(torch.ones(dim))
        self.bonus = nn.Parameter(torch.zeros(heads, self.head))
        self.r, self.k, self.v = (nn.Linear(dim, dim, bias=False) for _ in range(3))
        self.norm = nn.GroupNorm(heads, dim, eps=64e-5)
        self.out = nn.Linear(dim, dim, bias=False)
        self.shapes = {"shift": (dim,), "s": (heads, self.head, self.head)}

    def forward(
        self, x: Tensor, state: State, resets: Tensor | None, first: Tensor | None
    ) -> tuple[Tensor, State, Tensor]:
        """Also returns the values that later layers blend in; `first` is None in layer 0."""
        before, shift = token_shift(x, state["shift"], resets)
        mix = self.mix.to(x.dtype)[:, None, None]
        xr, xw, xk, xv, xa, xg = torch.addcmul(x, before - x, mix).unbind()
        r, k = self.r(xr), self.k(xk)
        v: Tensor = self.v(xv)
        if first is None or self.blend is None:
            first = v
        else:
            v = torch.lerp(v, first, self.blend(xv).sigmoid().to(v.dtype))
        log_decay = -_FASTEST * wide(self.decay(xw)).sigmoid()
        rate = wide(self.rate(xa)).sigmoid()
        erase = F.normalize(self._split(wide(k) * wide(self.removal)), dim=-1)
        k = wide(k) * (1 + (rate - 1) * wide(self.renewal))
        r, k, v, log_decay, rate = (self._split(a) for a in (r, k, v, log_decay, rate))
        y, s = wkv7(r, log_decay, k, v, -erase, erase * rate, state=state["s"], resets=resets)
        y = self._normed(y) + ((wide(r) * k * wide(self.bonus)).sum(-1, keepdim=True) * v)
        y = y.flatten(-2).to(x.dtype)
        return self.out(y * self.gate(xg)), {"shift": shift, "s": s}, first

    def _split(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (self.heads, self.head))

    def _normed(self, y: Tensor) -> Tensor:
        """Group norm per step: `[B, T, H, K]`."""
        y = F.layer_norm(wide(y), (self.head,), eps=self.norm.eps)
        return y * self._split(wide(self.norm.weight)) + self._split(wide(self.norm.bias))


class ChannelMix(nn.Module):
    """Section 4.2: a plain MLP with squared ReLU on shifted inputs, state `shift [B, D]`."""

    def __init__(self, dim: int, layer: int, depth: int) -> None:
        """`layer` of `depth`, from 0."""
        super().__init__()
        share = torch.arange(dim) / dim
        self.mix = nn.Parameter(1 - share.pow((1 - layer / depth) ** 4))
        self.up = nn.Linear(dim, 4 * dim, bias=False)
        self.down = nn.Linear(4 * dim, dim, bias=False)

    def forward(self, x: Tensor, before: Tensor, resets: Tensor | None) -> tuple[Tensor, Tensor]:
        """Maps `x [B, T, D]`; returns the input to carry too."""
        shifted, shift = token_shift(x, before, resets)
        mixed = torch.lerp(x, shifted, self.mix.to(x.dtype))
        return self.down(F.relu(self.up(mixed)).square()), shift


class RWKVLayer(nn.Module):
    """Time mix and channel mix, each behind a norm and a residual."""

    def __init__(self, dim: int, heads: int, layer: int, depth: int) -> None:
        """`layer` of `depth`, from 0."""
        super().__init__()
        self.time_norm, self.channel_norm = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.time = TimeMix(dim, heads, layer, depth)
        self.channel = ChannelMix(dim, layer, depth)
        self.shapes = {**self.time.shapes, "channel": (dim,)}

    def forward(
        self, x: Tensor, state: State, resets: Tensor | None, first: Tensor | None
    ) -> tuple[Tensor, State, Tensor]:
        """Maps `x [B, T, D]`; returns the state and the first layer's values too."""
        y, after, values = self.time(self.time_norm(x), state, resets, first)
        x = x + y
        y, shift = self.channel(self.channel_norm(x), state["channel"], resets)
        return x + y, {**after, "channel": shift}, values


class RWKV(Stack):
    """Layers of RWKV-7.

    Args:
        dim: D, a multiple of `heads`.
        depth: Layers.
        heads: H (the paper's heads are 64 wide).

    Raises:
        ValueError: the sizes do not divide.
    """

    def __init__(self, dim: int, depth: int = 1, *, heads: int = 4) -> None:
        """Builds the layers."""
        positive(dim=dim, depth=depth)
        super().__init__(dim, [RWKVLayer(dim, heads, i, depth) for i in range(depth)])

    def run(
        self, x: Tensor, parts: list[State], resets: Tensor | None
    ) -> tuple[Tensor, list[State]]:
        """The layers in turn; the values of the first go to all others, within each step."""
        after, first = [], None
        for layer, part in zip(self.layers, parts, strict=True):
            x, part, first = layer(x, part, resets, first)
            after.append(part)
        return x, after

    def train_streaming(
        self,
        tokens: Tensor,
        chunk: int,
        *,
        embed: nn.Module,
        head: nn.Module,
        exact: bool = False,
        optimizer: torch.optim.Optimizer | None = None,
        state: State | None = None,
    ) -> Streamed:
        """Trains on `tokens [B, T]` in chunks, at memory that does not grow with T.

        See `daneel.backbones.streaming.train_streaming`.

        Args:
            tokens: Integers; each is predicted from those before it.
            chunk: Steps held in memory at once.
            embed: Maps tokens `[B, t]` to `[B, t, D]`.
            head: Maps `[B, t, D]` to logits `[B, t, vocabulary]`.
            exact: Full gradient by recomputation, instead of one cut at each chunk.
            optimizer: Steps after each chunk (exact: after the last); None leaves gradients.
            state: Before the first token.
        """
        model = TokenModel(embed, self, head)
        return train_streaming(model, tokens, chunk, exact=exact, optimizer=optimizer, state=state)


def _first_mix(share: Tensor, depth_left: float) -> Tensor:
    """How much of the previous input goes into r, w, k, v, a and g at first: `[6, D]`."""
    powers = (0.2, 0.9, 0.7, 0.7, 0.9, 0.2)
    return torch.stack([1 - share.pow(power * depth_left) for power in powers])
