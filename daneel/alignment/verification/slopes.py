"""The derivatives of the functions of a graph, as functions that can be bounded themselves.

At a kink every slope between the two sides counts (Clarke's generalised derivative): the mean value
theorem holds with these along every line, so a bound of them bounds every change.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from daneel.alignment.rounding import Bounds
from daneel.alignment.verification import functions
from daneel.alignment.verification.functions import Function


@dataclass(frozen=True)
class Pieces(Function):
    """A function that jumps at its kinks and is monotone between them.

    What lies between is bounded by levels alone: a slanted line would gain little.
    """

    def residual(self, slope: Tensor, low: Tensor, high: Tensor) -> Bounds:
        """As `Function.residual`: the levels' range less that of slope x."""
        levels = torch.stack(self._levels(low, high))
        ends = torch.stack([slope * low, slope * high])
        room = 32 * torch.finfo(low.dtype).eps * (1 + levels.abs().amax(0) + ends.abs().amax(0))
        return levels.amin(0) - ends.amax(0) - room, levels.amax(0) - ends.amin(0) + room

    def _levels(self, low: Tensor, high: Tensor) -> list[Tensor]:
        """Values at the ends, and on both sides of every kink that is inside."""
        found = [self.value(low), self.value(high)]
        infinity = torch.full_like(low, torch.inf)
        for kink in self.kinks:
            at = torch.as_tensor(kink, dtype=low.dtype).expand_as(low)
            inside = (low <= at) & (at <= high)
            for side in (-infinity, infinity):
                beside = self.value(torch.nextafter(at, side))
                found.append(torch.where(inside, beside, found[0]))
        return found


def _sampled(
    name: str,
    value: Callable[[Tensor], Tensor],
    slope: Callable[[Tensor], Tensor],
    curvature: float,
    limits: tuple[float, float],
) -> Function:
    return Function(f"slope of {name}", value, slope, curvature=curvature, limits=limits)


def _tanh_bend(x: Tensor) -> Tensor:
    t = torch.tanh(x)
    return -2 * t * (1 - t.square())


def _sigmoid_bend(x: Tensor) -> Tensor:
    s = torch.sigmoid(x)
    return s * (1 - s) * (1 - 2 * s)


def _silu_bend(x: Tensor) -> Tensor:
    s = torch.sigmoid(x)
    return s * (1 - s) * (2 + x * (1 - 2 * s))


def _gelu_bend(x: Tensor) -> Tensor:
    return torch.exp(-x.square() / 2) / math.sqrt(2 * math.pi) * (2 - x.square())


_SMOOTH = {
    "tanh": _sampled("tanh", functions.TANH.slope, _tanh_bend, 2.0, (0.0, 1.0)),
    "sigmoid": _sampled("sigmoid", functions.SIGMOID.slope, _sigmoid_bend, 0.126, (0.0, 0.25)),
    "silu": _sampled("silu", functions.SILU.slope, _silu_bend, 0.6, (-0.1, 1.1)),
    "gelu": _sampled("gelu", functions.GELU.slope, _gelu_bend, 0.8, (-0.13, 1.13)),
    "softplus": functions.SIGMOID,
    "exp": functions.EXP,
}
"""By name; curvatures are the largest third derivatives."""


def slope_of(function: Function) -> Function | None:
    """The derivative as a function, or None where it is not known."""
    if function.name in _SMOOTH:
        return _SMOOTH[function.name]
    between = function.turning is None and function.curvature is None
    if function.kinks and (between or function.name.startswith("elu(")):
        return Pieces(f"slope of {function.name}", function.slope, torch.zeros_like,
                      kinks=function.kinks)  # fmt: skip
    return None
