"""Interval rules of elementwise layers.

A monotone function takes the ends of its input to the ends of its output. SiLU, GELU and Mish fall
to one minimum and rise after it: their lower end is the minimum itself where the interval meets
it. The float32 kernel's error is the allowance of `rounding`; where a kernel provably stays inside
a range (a clamp, 1 / (1 + e) with e >= 0, tanh by exhaustive test), the interval is cut to it.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from daneel.alignment.interval_bounds import register_bound
from daneel.alignment.rounding import ALLOWANCE, Bounds, NoBoundError, magnitude, widen

_HUGE = 1e30
"""Far above what a network computes, far below what overflows when doubled."""

_LIMIT = 20.0
"""Below this threshold Softplus turns linear where e^-x is still visible in float32."""


def _allow(low: Tensor, high: Tensor, scale: float = 1.0) -> Bounds:
    return widen(low, high, ALLOWANCE, ALLOWANCE * scale)


def _cut(bounds: Bounds, floor: float, ceiling: float) -> Bounds:
    return bounds[0].clamp(floor, ceiling), bounds[1].clamp(floor, ceiling)


@register_bound(nn.ReLU)
def _relu(layer: nn.ReLU, low: Tensor, high: Tensor) -> Bounds:
    return low.clamp(min=0), high.clamp(min=0)  # exact in any precision


@register_bound(nn.Hardtanh, nn.ReLU6)
def _clamp(layer: nn.Hardtanh, low: Tensor, high: Tensor) -> Bounds:
    # The kernel clamps to the float32 next to the Python number, which may lie outside it.
    floor = float(torch.tensor(layer.min_val, dtype=torch.float32))
    ceiling = float(torch.tensor(layer.max_val, dtype=torch.float32))
    return _cut((low, high), floor, ceiling)


@register_bound(nn.LeakyReLU)
def _leaky_relu(layer: nn.LeakyReLU, low: Tensor, high: Tensor) -> Bounds:
    slope = layer.negative_slope
    if not 0 <= slope <= 1:
        raise NoBoundError(f"LeakyReLU has slope {slope}. A bound is known for 0 to 1.")
    return _allow(F.leaky_relu(low, slope), F.leaky_relu(high, slope))


@register_bound(nn.Tanh)
def _tanh(layer: nn.Tanh, low: Tensor, high: Tensor) -> Bounds:
    return _cut(_allow(torch.tanh(low), torch.tanh(high)), -1.0, 1.0)


@register_bound(nn.Sigmoid)
def _sigmoid(layer: nn.Sigmoid, low: Tensor, high: Tensor) -> Bounds:
    return _cut(_allow(torch.sigmoid(low), torch.sigmoid(high)), 0.0, 1.0)


@register_bound(nn.Softplus)
def _softplus(layer: nn.Softplus, low: Tensor, high: Tensor) -> Bounds:
    if layer.beta != 1 or layer.threshold < _LIMIT:
        raise NoBoundError(
            f"Softplus has beta {layer.beta} and threshold {layer.threshold}. "
            f"A bound is known for beta 1 and a threshold from {_LIMIT:g}."
        )
    return _allow(F.softplus(low), F.softplus(high))


@register_bound(nn.ELU)
def _elu(layer: nn.ELU, low: Tensor, high: Tensor) -> Bounds:
    if layer.alpha < 0:
        raise NoBoundError(f"ELU has alpha {layer.alpha}. A bound is known for alpha from 0.")
    scale = max(1.0, layer.alpha)
    return _allow(F.elu(low, layer.alpha), F.elu(high, layer.alpha), scale)


_VALLEYS: dict[str, tuple[Callable[[Tensor], Tensor], float, float]] = {
    "silu": (F.silu, -1.2784645427610738, -0.2784645427610738),
    "mish": (F.mish, -1.1924312145154933, -0.3088434130173209),
    "gelu": (F.gelu, -0.7517915246935645, -0.1699712074799039),
    "gelu_tanh": (
        lambda x: F.gelu(x, approximate="tanh"),
        -0.7524614220710163,
        -0.1700407505712540,
    ),
}
"""Function, where its only minimum lies, and the value there."""


def _valley(name: str, low: Tensor, high: Tensor) -> Bounds:
    function, at, least = _VALLEYS[name]
    if float(magnitude(low, high).max()) > _HUGE:
        raise NoBoundError(f"{name} may overflow float32 inside: torch's GELU doubles its input.")
    ends = function(low), function(high)
    # The minimum is flat: this close to it, either end is above it by less than the allowance.
    near = (low <= at + 1e-6) & (high >= at - 1e-6)
    lower = torch.where(near, torch.full_like(low, least), torch.minimum(*ends))
    return _allow(lower, torch.maximum(*ends))


@register_bound(nn.SiLU)
def _silu(layer: nn.SiLU, low: Tensor, high: Tensor) -> Bounds:
    return _valley("silu", low, high)


@register_bound(nn.Mish)
def _mish(layer: nn.Mish, low: Tensor, high: Tensor) -> Bounds:
    return _valley("mish", low, high)


@register_bound(nn.GELU)
def _gelu(layer: nn.GELU, low: Tensor, high: Tensor) -> Bounds:
    return _valley("gelu" if layer.approximate == "none" else "gelu_tanh", low, high)
