"""The block of Mamba-2: short convolution, state space duality, gated norm; and its backbone.

Dao, Gu (2024, arXiv 2405.21060), section 7.1 and figure 6: one scalar decay per head, all inputs
of the state space made in parallel from x. One group of B and C serves all heads. What differs:
LayerNorm stands in place of RMSNorm (see `gla.py`).

Legend: B batch, T time, D model width, E inner channels, H heads, P head width, N state width,
W kernel width.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from daneel.backbones.mamba import step_bias
from daneel.backbones.mlp import MakeMLP
from daneel.backbones.ops import ssd
from daneel.backbones.protocol import State
from daneel.backbones.short_conv import ShortConv
from daneel.backbones.stack import Layer, Mixer, Stack, head_width, positive
from daneel.backbones.state import wide


class Mamba2Block(Mixer):
    """`x [B, T, D]` to `y [B, T, D]`, state `conv [B, W - 1, E + 2 N]` and `s [B, H, P, N]`.

    Args:
        dim: D; `expand` D is a multiple of `heads`.
        heads: H.
        expand: E is `expand` D.
        state: N.
        width: W, steps of the short convolution.

    Raises:
        ValueError: a size is below 1 (the width below 2), or the heads do not divide.
    """

    def __init__(
        self, dim: int, heads: int = 4, expand: int = 2, state: int = 64, width: int = 4
    ) -> None:
        """The paper's initial decay and step sizes, torch's own elsewhere."""
        super().__init__()
        positive(dim=dim, expand=expand, state=state)
        inner = expand * dim
        self.head = head_width(inner, heads, "expand * dim")
        self.heads = heads
        self.sizes = [inner, inner + 2 * state, heads]
        self.inner_sizes = [inner, state, state]
        self.inputs = nn.Linear(dim, sum(self.sizes), bias=False)
        self.conv = ShortConv(inner + 2 * state, width)
        self.step_bias = nn.Parameter(step_bias(heads))
        self.log_rate = nn.Parameter(torch.empty(heads).uniform_(1, 16).log())
        self.skip = nn.Parameter(torch.ones(heads))
        self.norm = nn.LayerNorm(inner)
        self.out = nn.Linear(inner, dim, bias=False)
        self.shapes = {"conv": self.conv.shape, "s": (heads, self.head, state)}

    def forward(self, x: Tensor, state: State, resets: Tensor | None) -> tuple[Tensor, State]:
        """The parallel block of figure 6."""
        gate, u, step = self.inputs(x).split(self.sizes, -1)
        u, tail = self.conv(u, state["conv"], resets)
        u, b, c = u.split(self.inner_sizes, -1)
        y, s = ssd(
            u.unflatten(-1, (self.heads, self.head)),
            F.softplus(wide(step) + wide(self.step_bias)),
            -wide(self.log_rate).exp(),
            b.unsqueeze(2),
            c.unsqueeze(2),
            self.skip,
            state=state["s"],
            resets=resets,
        )
        return self.out(self.norm(y.flatten(-2) * F.silu(gate))), {"conv": tail, "s": s}


class Mamba2Backbone(Stack):
    """Layers of Mamba-2.

    Args:
        dim: D.
        depth: Layers.
        heads: H.
        expand: Inner channels over D.
        state: N.
        width: W.
        mlp: Makes an MLP behind each block; None leaves it out, as the paper does.
    """

    def __init__(
        self,
        dim: int,
        depth: int = 1,
        *,
        heads: int = 4,
        expand: int = 2,
        state: int = 64,
        width: int = 4,
        mlp: MakeMLP | None = None,
    ) -> None:
        """Builds the layers."""
        positive(dim=dim, depth=depth)
        super().__init__(
            dim,
            [
                Layer(dim, Mamba2Block(dim, heads, expand, state, width), mlp(dim) if mlp else None)
                for _ in range(depth)
            ],
        )
