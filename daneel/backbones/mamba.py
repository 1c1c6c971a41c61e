"""The block of Mamba: short convolution, selective scan, gate; and the backbone of such blocks.

Gu, Dao (2023, arXiv 2312.00752), section 3.4 and algorithm 2. The state is diagonal per channel;
how fast it forgets, what it takes in and what it gives out depend on the input. The block is its
own MLP: none follows unless asked for.

Legend: B batch, T time, D model width, E inner channels, N state width per channel, W kernel width,
R width of the map that makes the step size.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from daneel.backbones.mlp import MakeMLP
from daneel.backbones.ops.selective_scan import selective_scan
from daneel.backbones.protocol import State
from daneel.backbones.short_conv import ShortConv
from daneel.backbones.stack import Layer, Mixer, Stack, positive
from daneel.backbones.state import wide

_STEP = (1e-3, 1e-1)
"""Smallest and largest first step size, spread evenly in the logarithm over the channels."""


class MambaBlock(Mixer):
    """`x [B, T, D]` to `y [B, T, D]`, state `conv [B, W - 1, E]` and `s [B, E, N]`.

    Args:
        dim: D.
        expand: E is `expand` D.
        state: N.
        width: W, steps of the short convolution.

    Raises:
        ValueError: a size is below 1 (the width below 2).
    """

    def __init__(self, dim: int, expand: int = 2, state: int = 16, width: int = 4) -> None:
        """The paper's initial decay and step sizes, torch's own elsewhere."""
        super().__init__()
        positive(dim=dim, expand=expand, state=state)
        inner, rank = expand * dim, math.ceil(dim / 16)
        self.sizes = [rank, state, state]
        self.inputs = nn.Linear(dim, 2 * inner, bias=False)
        self.conv = ShortConv(inner, width)
        self.select = nn.Linear(inner, rank + 2 * state, bias=False)
        self.step = nn.Linear(rank, inner)
        self.log_rate = nn.Parameter(torch.arange(1.0, state + 1).log().repeat(inner, 1))
        self.skip = nn.Parameter(torch.ones(inner))
        self.out = nn.Linear(inner, dim, bias=False)
        with torch.no_grad():
            self.step.bias.copy_(step_bias(inner))
        self.shapes = {"conv": self.conv.shape, "s": (inner, state)}

    def forward(self, x: Tensor, state: State, resets: Tensor | None) -> tuple[Tensor, State]:
        """Algorithm 2 inside the block of figure 3."""
        u, gate = self.inputs(x).chunk(2, -1)
        u, tail = self.conv(u, state["conv"], resets)
        low, b, c = self.select(u).split(self.sizes, -1)
        y, s = selective_scan(
            u,
            F.linear(low, self.step.weight),
            -wide(self.log_rate).exp(),
            b,
            c,
            self.skip,
            gate,
            self.step.bias,
            state=state["s"],
            resets=resets,
        )
        return self.out(y.to(gate.dtype)), {"conv": tail, "s": s}


def step_bias(channels: int) -> Tensor:
    """Inverse softplus of first step sizes `[channels]`, drawn as the paper draws them."""
    low, high = (math.log(end) for end in _STEP)
    step = torch.empty(channels).uniform_(low, high).exp()
    return step + (-(-step).expm1()).log()


class MambaBackbone(Stack):
    """Layers of Mamba.

    Args:
        dim: D.
        depth: Layers.
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
        expand: int = 2,
        state: int = 16,
        width: int = 4,
        mlp: MakeMLP | None = None,
    ) -> None:
        """Builds the layers."""
        positive(dim=dim, depth=depth)
        super().__init__(
            dim,
            [
                Layer(dim, MambaBlock(dim, expand, state, width), mlp(dim) if mlp else None)
                for _ in range(depth)
            ],
        )
