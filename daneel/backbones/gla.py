"""Gated linear attention: a matrix memory with a learned decay per key channel.

Yang et al. (2023, arXiv 2312.06635), section 4.4: the decay is sigmoid(low rank map of x)^(1/16),
keys are half as wide as values, the output is normed per head and gated. What differs: LayerNorm
stands in place of RMSNorm, whose backward pass costs four times as much in torch on a CPU.

Legend: B batch, T time, D model width, H heads, K key width, V value width.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from daneel.backbones.mlp import MakeMLP, make_mlp
from daneel.backbones.ops import gla
from daneel.backbones.protocol import State
from daneel.backbones.stack import Layer, Mixer, Stack, head_width, positive
from daneel.backbones.state import wide

_SLOWNESS = 16.0
"""The paper's temperature: a half-open gate forgets 4 % a step rather than half."""


class GatedLinearAttention(Mixer):
    """`x [B, T, D]` to `y [B, T, D]`, state `s [B, H, K, V]`.

    Args:
        dim: D, a multiple of `heads`.
        heads: H; V is D / H, K half of it (at least 1).
        rank: Width of the map that makes the decay.

    Raises:
        ValueError: the sizes do not divide.
    """

    def __init__(self, dim: int, heads: int = 4, rank: int = 16) -> None:
        """Torch's own initial weights; only the decay has a bias."""
        super().__init__()
        self.heads, self.value = heads, head_width(dim, heads)
        positive(rank=rank)
        self.key = max(self.value // 2, 1)
        self.sizes = [heads * self.key, heads * self.key, dim, dim, rank]
        self.project = nn.Linear(dim, sum(self.sizes), bias=False)
        self.decay = nn.Linear(rank, heads * self.key)
        self.out = nn.Linear(dim, dim, bias=False)
        self.shapes = {"s": (heads, self.key, self.value)}

    def forward(self, x: Tensor, state: State, resets: Tensor | None) -> tuple[Tensor, State]:
        """Equations 3 and 4, the output layer of section 4.4."""
        q, k, v, gate, low = self.project(x).split(self.sizes, -1)
        log_decay = F.logsigmoid(wide(self.decay(low))) / _SLOWNESS
        q, k, log_decay = (a.unflatten(-1, (self.heads, self.key)) for a in (q, k, log_decay))
        v = v.unflatten(-1, (self.heads, self.value))
        y, s = gla(q, k, v, log_decay, state=state["s"], resets=resets)
        y = F.layer_norm(y, (self.value,)).flatten(-2)
        return self.out(F.silu(gate) * y), {"s": s}


class GLABackbone(Stack):
    """Layers of gated linear attention and gated MLP.

    Args:
        dim: D, a multiple of `heads`.
        depth: Layers.
        heads: H.
        mlp: Makes the MLP of a layer; None is `GatedMLP`.
    """

    def __init__(
        self, dim: int, depth: int = 1, *, heads: int = 4, mlp: MakeMLP | None = None
    ) -> None:
        """Builds the layers."""
        positive(dim=dim, depth=depth)
        super().__init__(
            dim,
            [
                Layer(dim, GatedLinearAttention(dim, heads), make_mlp(dim, mlp))
                for _ in range(depth)
            ],
        )
