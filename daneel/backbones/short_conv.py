"""Short causal convolution per channel, and the shift by one step: both look a few inputs back.

The last inputs are carried as state, so any cut of the sequence gives the same outputs; taps that
would reach into an earlier episode read zero.

Legend: B batch, T time, E channels, W width of the kernel in steps.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from daneel.backbones.stack import positive
from daneel.backbones.state import wide


class ShortConv(nn.Module):
    """Depthwise causal convolution, `y_t = bias + sum_j weight_j x_{t-j}`, then SiLU if asked for.

    Args:
        channels: E.
        width: W, steps seen, the current one included; at least 2.
        activation: Whether SiLU follows.
    """

    def __init__(self, channels: int, width: int = 4, activation: bool = True) -> None:
        """As `nn.Conv1d` begins: uniform within W^-1/2."""
        super().__init__()
        positive(channels=channels, width=width)
        if width < 2:
            raise ValueError(f"width is {width}. Expected 2 or more. Leave the convolution out.")
        bound = width**-0.5
        self.weight = nn.Parameter(torch.empty(width, channels).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(channels).uniform_(-bound, bound))
        self.activation = activation
        self.shape = (width - 1, channels)

    def forward(
        self, x: Tensor, tail: Tensor, resets: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Maps `x [B, T, E]` with the inputs before it, `tail [B, W - 1, E]`.

        Returns:
            `[B, T, E]` and the next tail, in float32 or better.
        """
        window = torch.cat([tail.to(x.dtype), x], 1)
        past = window.shape[1] - x.shape[1]
        y = _convolve(window, self.weight, self.bias, None if resets is None else _age(resets))
        after = wide(window[:, -past:])
        if resets is not None:
            after = after * _reachable(resets, past)
        return (F.silu(y) if self.activation else y), after


def token_shift(x: Tensor, before: Tensor, resets: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """The inputs one step earlier, `[B, T, E]`, and the last one, `[B, E]`, to carry.

    Args:
        x: Inputs `[B, T, E]`.
        before: The input before the first, `[B, E]`.
        resets: `[B, T]`, true where an episode begins; nothing comes before it.
    """
    shifted = torch.cat([before.to(x.dtype).unsqueeze(1), x[:, :-1]], 1)
    if resets is not None:
        shifted = shifted.masked_fill(resets.unsqueeze(-1), 0)
    return shifted, wide(x[:, -1])


def _convolve(window: Tensor, weight: Tensor, bias: Tensor, age: Tensor | None) -> Tensor:
    """`[B, W - 1 + T, E]` to `[B, T, E]`; a tap j steps back counts where `age [B, T] >= j`."""
    past = len(weight) - 1
    steps = window.shape[1] - past
    y = torch.addcmul(bias, window[:, past:], weight[0])
    for lag in range(1, past + 1):
        tap = window[:, past - lag : past - lag + steps]
        if age is not None:
            tap = tap * (age >= lag).unsqueeze(-1)
        y = torch.addcmul(y, tap, weight[lag])
    return y


def _age(resets: Tensor) -> Tensor:
    """Steps `[B, T]` since the episode began; more than T where it began before the chunk."""
    steps = resets.shape[1]
    index = torch.arange(steps, device=resets.device)
    far = torch.full_like(index, -(2**30))
    return index - torch.where(resets, index, far).cummax(1).values


def _reachable(resets: Tensor, past: int) -> Tensor:
    """Which of the last `past` inputs the next step may see, `[B, past, 1]`."""
    lag = torch.arange(past, 0, -1, device=resets.device)
    return (_age(resets)[:, -1:] + 1 >= lag).unsqueeze(-1)
