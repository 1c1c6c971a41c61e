"""The block of RetNet: multi-scale retention, and the backbone of such blocks.

Sun et al., "Retentive Network" (2023, arXiv 2307.08621), equations 7 and 8: rotary positions on
queries and keys, a fixed decay per head, group norm over each head, a SiLU gate. What differs:
`expand` is 1 (the paper's code: 2), and the MLP is gated.

The paper turns queries and keys by their absolute position. Only distances matter, so the state is
kept in the frame of the step that comes next: after T steps its keys are turned back by T. That
equals absolute positions, needs no counter and does not lose digits however long the stream is.

Legend: B batch, T time, D model width, H heads, K key width, V value width.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from daneel.backbones.mlp import MakeMLP, make_mlp
from daneel.backbones.ops import retention
from daneel.backbones.protocol import State
from daneel.backbones.rotary import angles, require_even, rotate
from daneel.backbones.stack import Layer, Mixer, Stack, head_width, positive


class RetNetRetention(Mixer):
    """Multi-scale retention: `x [B, T, D]` to `y [B, T, D]`, state `s [B, H, K, V]`.

    Args:
        dim: D, a multiple of `heads`.
        heads: H; head h forgets at the rate 2^(-5-h) a step. K is D / H, and even.
        expand: V is `expand` D / H.

    Raises:
        ValueError: the sizes do not divide.
    """

    def __init__(self, dim: int, heads: int = 4, expand: int = 1) -> None:
        """Torch's own initial weights, no biases."""
        super().__init__()
        self.heads, self.key = heads, head_width(dim, heads)
        positive(expand=expand)
        require_even(self.key, dim, heads)
        inner = expand * dim
        self.value = inner // heads
        self.qkvg = nn.Linear(dim, 2 * dim + 2 * inner, bias=False)
        self.out = nn.Linear(inner, dim, bias=False)
        self.sizes = [dim, dim, inner, inner]
        self.shapes = {"s": (heads, self.key, self.value)}

    def forward(self, x: Tensor, state: State, resets: Tensor | None) -> tuple[Tensor, State]:
        """Equation 8."""
        q, k, v, gate = self.qkvg(x).split(self.sizes, -1)
        q, k = (part.unflatten(-1, (self.heads, self.key)) for part in (q, k))
        v = v.unflatten(-1, (self.heads, self.value))
        if x.shape[1] > 1:  # a single step is at position 0: nothing to turn
            cos, sin = self._angles(torch.arange(x.shape[1], device=x.device), q.dtype)
            q, k = rotate(q, cos, sin), rotate(k, cos, sin)
        y, s = retention(q, k, v, state=state["s"], resets=resets)
        y = F.layer_norm(y, (self.value,)).flatten(-2)
        return self.out(F.silu(gate) * y), {"s": self._turn_back(s, x.shape[1])}

    def _turn_back(self, s: Tensor, steps: int) -> Tensor:
        """The state's keys `[B, H, K, V]` in the frame of the next step."""
        cos, sin = self._angles(torch.tensor([-steps], device=s.device), s.dtype)
        return rotate(s.transpose(-1, -2), cos, sin).transpose(-1, -2)

    def _angles(self, positions: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        """Cosine and sine, `[T, 1, K/2]`."""
        cos, sin = angles(positions, self.key, dtype)
        return cos.unsqueeze(1), sin.unsqueeze(1)


class RetentionBackbone(Stack):
    """Layers of retention and gated MLP.

    Args:
        dim: D, a multiple of `heads`.
        depth: Layers.
        heads: H.
        expand: Width of the values over D.
        mlp: Makes the MLP of a layer; None is `GatedMLP`.
    """

    def __init__(
        self,
        dim: int,
        depth: int = 1,
        *,
        heads: int = 4,
        expand: int = 1,
        mlp: MakeMLP | None = None,
    ) -> None:
        """Builds the layers."""
        positive(dim=dim, depth=depth)
        super().__init__(
            dim,
            [
                Layer(dim, RetNetRetention(dim, heads, expand), make_mlp(dim, mlp))
                for _ in range(depth)
            ],
        )
