"""Hyena's long filter over a window of fixed shape: what a graph or a small controller can carry.

Legend: B batch, T time, D channels, L length of the window.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from daneel.backbones.hyena_filter import HyenaFilter
from daneel.backbones.ops.episodes import forget
from daneel.backbones.protocol import State


class WindowedFilter(nn.Module):
    """A filter's taps as they are, over the last inputs: state `window [B, L, D]`, of fixed shape.

    Zeros stand for what was before the episode. Exact for L steps, and for ever if L reaches the
    filter's `max_len`; otherwise what is older than L steps is forgotten. The taps are frozen.

    Args:
        whole: Whose taps.
        length: L.

    Raises:
        ValueError: `length` is below 1.
    """

    taps: Tensor
    """`[L, D]`, the one of the oldest input first; the last includes the bias."""

    def __init__(self, whole: HyenaFilter, length: int) -> None:
        """Copies the first L taps."""
        super().__init__()
        if length < 1:
            raise ValueError(f"length is {length}. Expected 1 or more. Set length to max_len.")
        with torch.no_grad():
            taps = whole.kernel(length).flip(1).T.contiguous()
            taps[-1] += whole.bias.to(taps.dtype)
        self.register_buffer("taps", taps)
        self.shape: tuple[int, ...] = tuple(taps.shape)

    def forward(
        self, u: Tensor, state: State, resets: Tensor | None = None
    ) -> tuple[Tensor, State]:
        """Filters `u [B, T, D]`, step by step; as `HyenaFilter.forward`."""
        window, outputs = state["window"], []
        for t, now in enumerate(u.to(window.dtype).unbind(1)):
            window = torch.cat([forget(window, resets, t)[:, 1:], now.unsqueeze(1)], 1)
            outputs.append((window * self.taps).sum(1))
        return torch.stack(outputs, 1).to(u.dtype), {"window": window}
