"""The gated MLP of a layer: down(silu(gate(x)) * up(x)) (Shazeer 2020, arXiv 2002.05202, SwiGLU).

Legend: D model width, M hidden width.
"""

from __future__ import annotations

from collections.abc import Callable

import torch.nn.functional as F
from torch import Tensor, nn

from daneel.backbones.stack import positive

MakeMLP = Callable[[int], nn.Module]
"""Makes the MLP of a layer from the width D; the module maps `[..., D]` to `[..., D]`."""


class GatedMLP(nn.Module):
    """Two products in, one out, as many weights as a plain MLP of four times the width.

    Args:
        dim: D, width of input and output.
        hidden: M; None is 8/3 D, rounded up to a multiple of 8.
    """

    def __init__(self, dim: int, hidden: int | None = None) -> None:
        """Torch's own initial weights, no biases."""
        super().__init__()
        hidden = -(-dim // 3) * 8 if hidden is None else hidden
        positive(dim=dim, hidden=hidden)
        self.up = nn.Linear(dim, 2 * hidden, bias=False)
        self.down = nn.Linear(hidden, dim, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """`[..., D] -> [..., D]`."""
        gate, up = self.up(x).chunk(2, -1)
        return self.down(F.silu(gate) * up)


def make_mlp(dim: int, mlp: MakeMLP | None) -> nn.Module:
    """What `mlp` makes, or a `GatedMLP`."""
    return GatedMLP(dim) if mlp is None else mlp(dim)
