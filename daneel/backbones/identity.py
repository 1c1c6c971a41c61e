"""The core without memory, for tasks whose observation is the state: y = x."""

from __future__ import annotations

import torch
from torch import Tensor

from daneel.backbones.protocol import Backbone, State


class IdentityBackbone(Backbone):
    """Returns its input; its state is empty.

    Args:
        dim: D, width of input and output.
        depth: Accepted as every backbone does; without layers there is nothing to repeat.
    """

    def __init__(self, dim: int, depth: int = 1) -> None:
        """Keeps the width."""
        super().__init__()
        self.dim = dim

    def initial_state(
        self,
        batch: int,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> State:
        """No tensors."""
        return {}

    def forward(
        self,
        x: Tensor,
        state: State | None = None,
        resets: Tensor | None = None,
        lengths: Tensor | None = None,
    ) -> tuple[Tensor, State]:
        """`x [B, T, D]` unchanged, and the empty state."""
        return x, {}
