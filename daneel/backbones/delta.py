"""Gated DeltaNet: a matrix memory that replaces what it holds under a key instead of adding to it.

Yang, Kautz, Hatamizadeh (2024, arXiv 2412.06464), section 3.4 and figure 1: short convolutions and
SiLU on queries, keys and values, keys and queries of length 1, a learned write strength beta and a
decay made as in Mamba-2, gated norm. What differs: LayerNorm stands in place of RMSNorm (see
`gla.py`), and values are as wide as keys unless `expand` says otherwise.

Legend: B batch, T time, D model width, H heads, K key width, V value width, W kernel width.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from daneel.backbones.mamba import step_bias
from daneel.backbones.mlp import MakeMLP, make_mlp
from daneel.backbones.ops import gated_delta_rule
from daneel.backbones.protocol import State
from daneel.backbones.short_conv import ShortConv
from daneel.backbones.stack import Layer, Mixer, Stack, head_width, positive
from daneel.backbones.state import wide


class GatedDeltaNet(Mixer):
    """`x [B, T, D]` to `y [B, T, D]`, state `conv [B, W - 1, 2 D + expand D]`, `s [B, H, K, V]`.

    Args:
        dim: D, a multiple of `heads`.
        heads: H; K is D / H.
        expand: V is `expand` D / H.
        width: W, steps of the short convolution.
        negative: Whether beta reaches 2 instead of 1: the memory can then change sign under a key,
            which counting modulo n needs (Grazzi et al. 2024, arXiv 2411.12537).

    Raises:
        ValueError: the sizes do not divide, or the width is below 2.
    """

    def __init__(
        self, dim: int, heads: int = 4, expand: int = 1, width: int = 4, negative: bool = False
    ) -> None:
        """Mamba-2's initial decay and step sizes, torch's own elsewhere."""
        super().__init__()
        self.heads, self.key = heads, head_width(dim, heads)
        positive(expand=expand)
        inner = expand * dim
        self.value = expand * self.key
        self.strength = 2.0 if negative else 1.0
        self.sizes = [2 * dim + inner, inner, heads, heads]
        self.inner_sizes = [dim, dim, inner]
        self.inputs = nn.Linear(dim, sum(self.sizes), bias=False)
        self.conv = ShortConv(2 * dim + inner, width)
        self.step_bias = nn.Parameter(step_bias(heads))
        self.log_rate = nn.Parameter(torch.empty(heads).uniform_(1, 16).log())
        self.out = nn.Linear(inner, dim, bias=False)
        self.shapes = {"conv": self.conv.shape, "s": (heads, self.key, self.value)}

    def forward(self, x: Tensor, state: State, resets: Tensor | None) -> tuple[Tensor, State]:
        """Equation 10 inside the block of figure 1."""
        qkv, gate, write, step = self.inputs(x).split(self.sizes, -1)
        qkv, tail = self.conv(qkv, state["conv"], resets)
        q, k, v = qkv.split(self.inner_sizes, -1)
        q, k = (wide(a).unflatten(-1, (self.heads, self.key)) for a in (q, k))
        v = v.unflatten(-1, (self.heads, self.value))
        beta = self.strength * wide(write).sigmoid()
        decay = -wide(self.log_rate).exp() * F.softplus(wide(step) + wide(self.step_bias))
        q, k = (F.normalize(a, dim=-1, eps=1e-6) for a in (q, k))
        y, s = gated_delta_rule(q, k, v, beta, decay, state=state["s"], resets=resets)
        y = F.layer_norm(y, (self.value,)).flatten(-2)
        return self.out(F.silu(gate) * y), {"conv": tail, "s": s}


class DeltaBackbone(Stack):
    """Layers of gated delta rule and gated MLP.

    Args:
        dim: D, a multiple of `heads`.
        depth: Layers.
        heads: H.
        expand: Width of the values over D.
        width: W.
        negative: See `GatedDeltaNet`.
        mlp: Makes the MLP of a layer; None is `GatedMLP`.
    """

    def __init__(
        self,
        dim: int,
        depth: int = 1,
        *,
        heads: int = 4,
        expand: int = 1,
        width: int = 4,
        negative: bool = False,
        mlp: MakeMLP | None = None,
    ) -> None:
        """Builds the layers."""
        positive(dim=dim, depth=depth)
        mixers = [GatedDeltaNet(dim, heads, expand, width, negative) for _ in range(depth)]
        super().__init__(dim, [Layer(dim, mixer, make_mlp(dim, mlp)) for mixer in mixers])
