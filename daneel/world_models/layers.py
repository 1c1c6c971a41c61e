"""Layers shared by encoders, dynamics, value and policy.

Legend: M ensemble members, B batch, D width. Layers that may stand in an actor network define
`bounds(low, high)`, the interval of every float32 output for inputs in a box, which the gate uses,
and `to_graph(builder, source)`, their arithmetic as nodes, which the verifier uses.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def mlp(sizes: list[int], out: int) -> nn.Sequential:
    """Linear, LayerNorm, SiLU for each hidden size after the first, then a linear layer to `out`.

    SiLU because it costs a tenth of Mish on a CPU (measured, `docs/agents/planner.md`).
    """
    layers: list[nn.Module] = []
    for width_in, width in pairwise(sizes):
        layers += [nn.Linear(width_in, width), nn.LayerNorm(width), nn.SiLU()]
    return nn.Sequential(*layers, nn.Linear(sizes[-1], out))


class EnsembleLinear(nn.Module):
    """M linear layers in one batched product: `[M, B, in] -> [M, B, out]`."""

    def __init__(self, members: int, width_in: int, width_out: int) -> None:
        """Orthogonal weights, zero biases."""
        super().__init__()
        self.weight = nn.Parameter(torch.empty(members, width_in, width_out))
        self.bias = nn.Parameter(torch.zeros(members, 1, width_out))
        for member in self.weight.data:
            nn.init.orthogonal_(member)

    def forward(self, x: Tensor) -> Tensor:
        """`[M, B, in] -> [M, B, out]`."""
        return torch.baddbmm(self.bias, x, self.weight)


class EnsembleLayerNorm(nn.Module):
    """LayerNorm over the last axis with one gain and bias per member: `[M, B, D] -> [M, B, D]`."""

    def __init__(self, members: int, width: int) -> None:
        """Unit gains, zero biases."""
        super().__init__()
        self.gain = nn.Parameter(torch.ones(members, 1, width))
        self.bias = nn.Parameter(torch.zeros(members, 1, width))

    def forward(self, x: Tensor) -> Tensor:
        """`[M, B, D] -> [M, B, D]`."""
        return torch.addcmul(self.bias, F.layer_norm(x, x.shape[-1:]), self.gain)


def initialise(module: nn.Module, generator: torch.Generator) -> None:
    """Redraws every weight of `module` from `generator`: orthogonal, zero biases.

    Layers that were set to zero on purpose stay zero.
    """
    for layer in module.modules():
        if isinstance(layer, nn.Linear | nn.Conv2d):
            nn.init.orthogonal_(layer.weight, generator=generator)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
        elif isinstance(layer, EnsembleLinear) and bool(layer.weight.any()):
            for member in layer.weight.data:
                nn.init.orthogonal_(member, generator=generator)


def ensemble_mlp(members: int, sizes: list[int], out: int) -> nn.Sequential:
    """M independent `mlp`s evaluated together; the last layer starts at zero."""
    layers: list[nn.Module] = []
    for width_in, width in pairwise(sizes):
        layers += [EnsembleLinear(members, width_in, width), EnsembleLayerNorm(members, width)]
        layers.append(nn.SiLU())
    last = EnsembleLinear(members, sizes[-1], out)
    nn.init.zeros_(last.weight)
    return nn.Sequential(*layers, last)


class Standardize(nn.Module):
    """Shifts and scales each input by its running mean and deviation, and clamps at +-10.

    The statistics are part of the weights and change only in `observe`.
    """

    mean: Tensor
    deviation: Tensor
    count: Tensor

    LIMIT = 10.0
    LEAST_DEVIATION = 1e-2

    def __init__(self, width: int) -> None:
        """Mean 0, deviation 1."""
        super().__init__()
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("deviation", torch.ones(width))
        self.register_buffer("count", torch.zeros((), dtype=torch.int64))

    @torch.no_grad()
    def observe(self, x: Tensor, rate: float) -> None:
        """Moves the statistics towards those of `x [N, D]`; the first call sets them."""
        rate = rate if self.count > 0 else 1.0
        variance, mean = torch.var_mean(x, dim=0, correction=0)
        shift = mean - self.mean
        spread = torch.lerp(self.deviation.square(), variance, rate)
        spread = spread + rate * (1 - rate) * shift.square()
        self.mean.add_(rate * shift)
        self.deviation.copy_(spread.sqrt().clamp(min=self.LEAST_DEVIATION))
        self.count.add_(1)

    def forward(self, x: Tensor) -> Tensor:
        """`[..., D] -> [..., D]`."""
        return ((x - self.mean) / self.deviation).clamp(-self.LIMIT, self.LIMIT)

    def bounds(self, low: Tensor, high: Tensor) -> tuple[Tensor, Tensor]:
        """Exact ends: subtraction, division and clamp are monotone in float32 too."""
        return _monotone(self, low, high)

    def to_graph(self, builder: Any, source: int) -> int:
        """The same arithmetic as nodes of a verifier's graph."""
        factor = 1 / self.deviation.detach().double()
        scaled = builder.scale(source, factor, -self.mean.detach().double() * factor)
        return builder.clip(scaled, -self.LIMIT, self.LIMIT)


class Rescale(nn.Module):
    """From `[-1, 1]` to the box of an action space, clamped so that rounding cannot leave it."""

    low: Tensor
    high: Tensor

    def __init__(self, low: Tensor, high: Tensor) -> None:
        """Keeps the corners `[A]`."""
        super().__init__()
        self.register_buffer("low", low.clone(), persistent=False)
        self.register_buffer("high", high.clone(), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """`[..., A]` in `[-1, 1]` to environment units."""
        # Halves first: the difference of a box as wide as float32 would overflow.
        half = 0.5 * self.high - 0.5 * self.low
        scaled = self.low + (x + 1) * half
        return torch.minimum(torch.maximum(scaled, self.low), self.high)

    def inverse(self, action: Tensor) -> Tensor:
        """`[..., A]` in environment units to `[-1, 1]`."""
        half = 0.5 * self.high - 0.5 * self.low
        room = torch.where(half > 0, half, torch.ones_like(half))
        return ((action - self.low) / room - 1).clamp(-1, 1)

    def bounds(self, low: Tensor, high: Tensor) -> tuple[Tensor, Tensor]:
        """Exact ends: every step of `forward` is monotone in float32 too."""
        return _monotone(self, low, high)

    def to_graph(self, builder: Any, source: int) -> int:
        """The same arithmetic as nodes of a verifier's graph."""
        low, high = self.low.detach().double(), self.high.detach().double()
        half = (high - low) / 2
        return builder.clip(builder.scale(source, half, low + half), low, high)


def _monotone(layer: nn.Module, low: Tensor, high: Tensor) -> tuple[Tensor, Tensor]:
    """Ends of a layer whose float32 `forward` never decreases, from float64 ends of its input."""
    down, up = low.to(torch.float32), high.to(torch.float32)
    down = torch.where(down > low, torch.nextafter(down, torch.full_like(down, -torch.inf)), down)
    up = torch.where(up < high, torch.nextafter(up, torch.full_like(up, torch.inf)), up)
    return layer(down).to(torch.float64), layer(up).to(torch.float64)
