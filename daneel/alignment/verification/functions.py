"""Scalar functions of a graph, and straight lines below and above them.

Every relaxation stands on one fact per function: the range of the residual f(x) - s x over an
interval, for ANY slope s. Then s x + least is below f and s x + most is above it, so a slope may
be guessed, optimised or rounded: soundness does not depend on it. The residual's extremes lie at
the ends, at kinks, or where f'(x) = s; functions without a formula for the last are sampled on a
grid of width h, between whose points they stray by at most h^2 / 8 times the largest |f''|.

Both ends have room for what float arithmetic can be off here, and for the float32 kernel of the
deployed network (`rounding.ALLOWANCE`).

Legend: N boxes, n units, low/high `[N, n]` of the engine's precision.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from daneel.alignment.rounding import ALLOWANCE, Bounds

Unary = Callable[[Tensor], Tensor]

_GRID = 32
_ROOM = 32
"""Roundings of the engine that a residual has room for."""


@dataclass(frozen=True)
class Function:
    """A scalar function that the bounds know."""

    name: str
    """Also what a certificate and a message call it."""
    value: Unary
    """f(x)."""
    slope: Unary
    """f'(x); any one-sided value at a kink."""
    kinks: tuple[float | Tensor, ...] = ()
    """Where a piecewise linear function bends; a tensor `[n]` where units differ."""
    turning: Callable[[Tensor], tuple[Tensor, ...]] | None = None
    """All x with f'(x) = s, given s; None for functions that are linear between kinks."""
    curvature: float | Tensor | None = None
    """Largest |f''| anywhere, for functions that are sampled; `[n]` where units differ."""
    allowance: float = ALLOWANCE
    """What the float32 kernel may be off, relative to 1 + |f|."""
    steepest: float | None = None
    """Largest |f'| anywhere, where there is one."""
    limits: tuple[float | Tensor, float | Tensor] = (-math.inf, math.inf)
    """What neither f nor its float32 kernel ever leaves."""
    monotone: bool = False
    """Whether f is least and most at the ends: its range then needs no sampling."""

    def residual(self, slope: Tensor, low: Tensor, high: Tensor) -> Bounds:
        """Bounds of f(x) - slope x over `[low, high]`, elementwise."""
        points, stray = self._candidates(slope, low, high)
        values = [self.value(x) for x in points]
        ends = [value - slope * x for x, value in zip(points, values, strict=True)]
        value = 1 + torch.stack(values).abs().amax(0)
        largest = value + slope.abs() * torch.maximum(-low, high)
        room = _ROOM * torch.finfo(low.dtype).eps * largest + self.allowance * value
        stacked = torch.stack(ends)
        return stacked.amin(0) - room - stray, stacked.amax(0) + room + stray

    def range(self, low: Tensor, high: Tensor) -> Bounds:
        """Bounds of f over `[low, high]`."""
        if self.monotone:
            ends = self._at_ends(low, high)
        else:
            ends = self.residual(torch.zeros_like(low), low, high)
        least, most = (torch.as_tensor(limit, dtype=torch.float64) for limit in self.limits)
        down, up = least.to(low.dtype), most.to(low.dtype)
        infinity = torch.tensor(torch.inf, dtype=low.dtype)
        down = torch.where(down.double() > least, torch.nextafter(down, -infinity), down)
        up = torch.where(up.double() < most, torch.nextafter(up, infinity), up)
        return ends[0].clamp(down, up), ends[1].clamp(down, up)

    def _at_ends(self, low: Tensor, high: Tensor) -> Bounds:
        values = torch.stack([self.value(low), self.value(high)])
        share = _ROOM * torch.finfo(low.dtype).eps + self.allowance
        room = share * (1 + values.abs().amax(0))
        return values.amin(0) - room, values.amax(0) + room

    def _candidates(
        self, slope: Tensor, low: Tensor, high: Tensor
    ) -> tuple[list[Tensor], Tensor | float]:
        """Points among which the residual is least and most, and how far it strays between."""
        if self.curvature is not None:
            width = (high - low) / _GRID
            points = [low + width * step for step in range(_GRID)] + [high]
            curvature = torch.as_tensor(self.curvature, dtype=low.dtype)
            return points, 1.001 * curvature / 8 * (width * 1.001).square()
        points = [low, high]
        for kink in self.kinks:
            points.append(torch.as_tensor(kink, dtype=low.dtype).expand_as(low).clamp(low, high))
        if self.turning is not None:
            for x in self.turning(slope):
                points.append(torch.where(torch.isnan(x), low, x).clamp(low, high))
        return points, 0.0


Lines = tuple[Tensor, Tensor, Tensor, Tensor]
"""Lower slope, lower intercept, upper slope, upper intercept, `[N, n]` each."""


def lines(function: Function, low: Tensor, high: Tensor) -> Lines:
    """The line below and the line above f that are nearest to it in the middle of the interval.

    CROWN's choice (Zhang et al. 2018, arXiv 1811.00866) among the chord and three tangents.
    """
    if function is RELU:
        return _relu_lines(low, high)
    middle = (low + high) / 2
    best: Lines | None = None
    for slope in _slopes(function, low, high):
        least, most = function.residual(slope, low, high)
        if best is None:
            best = (slope, least, slope, most)
            continue
        nearer = slope * middle + least > best[0] * middle + best[1]
        closer = slope * middle + most < best[2] * middle + best[3]
        best = (
            torch.where(nearer, slope, best[0]),
            torch.where(nearer, least, best[1]),
            torch.where(closer, slope, best[2]),
            torch.where(closer, most, best[3]),
        )
    assert best is not None
    return best


def band(function: Function, low: Tensor, high: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The narrowest band of one slope around f: slope, centre and radius of the intercept.

    The zonotope's relaxation (Singh et al. 2018, "Fast and effective robustness certification").
    """
    if function is RELU:
        slope = _relu_slope(low, high)
        half = _relu_top(slope, low, high) / 2
        return slope, half, half
    best: tuple[Tensor, Tensor, Tensor] | None = None
    for slope in _slopes(function, low, high):
        least, most = function.residual(slope, low, high)
        if best is None:
            best = slope, least, most
            continue
        narrower = most - least < best[2] - best[1]
        best = (
            torch.where(narrower, slope, best[0]),
            torch.where(narrower, least, best[1]),
            torch.where(narrower, most, best[2]),
        )
    assert best is not None
    slope, least, most = best
    centre = (least + most) / 2
    radius = torch.maximum(most - centre, centre - least)
    return slope, centre, radius * (1 + 4 * torch.finfo(low.dtype).eps)


def _slopes(function: Function, low: Tensor, high: Tensor) -> list[Tensor]:
    width = high - low
    middle = function.slope((low + high) / 2)
    rise = function.value(high) - function.value(low)
    wide = width > 1e-6 * (1 + low.abs() + high.abs())
    chord = torch.where(wide, rise / torch.where(wide, width, torch.ones_like(width)), middle)
    found = [chord, function.slope(low), function.slope(high), middle]
    return [torch.where(torch.isfinite(slope), slope, torch.zeros_like(slope)) for slope in found]


def _relu_slope(low: Tensor, high: Tensor) -> Tensor:
    """U / (u - l) for unstable units, 1 or 0 for the others."""
    up, down = high.clamp(min=0), low.clamp(max=0)
    slope = (up / (up - down).clamp(min=torch.finfo(low.dtype).tiny)).clamp(max=1)
    return torch.where(low >= 0, torch.ones_like(slope), slope)  # also of subnormal numbers


def _relu_lines(low: Tensor, high: Tensor) -> Lines:
    upper = _relu_slope(low, high)
    lower = (high > -low).to(low.dtype)
    return lower, torch.zeros_like(low), upper, _relu_top(upper, low, high)


def _relu_top(slope: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """How far a ReLU rises above slope x: nothing where it is stable."""
    numbers = torch.finfo(low.dtype)
    top = torch.maximum(-slope * low, (1 - slope) * high).clamp(min=0)
    room = 8 * numbers.eps * top + 2 * numbers.tiny
    return torch.where((low < 0) & (high > 0), top + room, torch.zeros_like(low))


# -- the functions -------------------------------------------------------------------------------


def _tanh_turning(s: Tensor) -> tuple[Tensor, ...]:
    # Not the atanh of sqrt(1 - s): a slope below the rounding of 1 would have no turning point.
    x = torch.log1p((1 - s).clamp(0, 1).sqrt()) - s.log() / 2
    return x, -x


def _sigmoid_turning(s: Tensor) -> tuple[Tensor, ...]:
    x = 2 * torch.log1p((1 - 4 * s).clamp(0, 1).sqrt()) - (4 * s).log()
    return x, -x


def _silu_slope(x: Tensor) -> Tensor:
    s = torch.sigmoid(x)
    return s * (1 + x * (1 - s))


def _gelu_slope(x: Tensor) -> Tensor:
    density = torch.exp(-x.square() / 2) / math.sqrt(2 * math.pi)
    return 0.5 * (1 + torch.erf(x / math.sqrt(2))) + x * density


def _sigmoid_slope(x: Tensor) -> Tensor:
    s = torch.sigmoid(x)
    return s * (1 - s)


RELU = Function(
    "relu",
    torch.relu,
    lambda x: (x > 0).to(x.dtype),
    kinks=(0.0,),
    allowance=0.0,
    steepest=1.0,
    limits=(0.0, math.inf),
)
TANH = Function(
    "tanh",
    torch.tanh,
    lambda x: 1 - torch.tanh(x).square(),
    turning=_tanh_turning,
    steepest=1.0,
    limits=(-1.0, 1.0),
)
SIGMOID = Function(
    "sigmoid",
    torch.sigmoid,
    _sigmoid_slope,
    turning=_sigmoid_turning,
    steepest=0.25,
    limits=(0.0, 1.0),
)
SILU = Function("silu", F.silu, _silu_slope, curvature=0.5, steepest=1.1)
GELU = Function("gelu", F.gelu, _gelu_slope, curvature=0.8, steepest=1.13)
SOFTPLUS = Function(
    "softplus",
    F.softplus,
    torch.sigmoid,
    turning=lambda s: (torch.logit(s.clamp(0, 1)),),
    steepest=1.0,
    limits=(0.0, math.inf),
)
SQUARE = Function(
    "square", torch.square, lambda x: 2 * x, turning=lambda s: (s / 2,), allowance=2.0**-23
)


@dataclass(frozen=True)
class _Outside(Function):
    """A function that is not defined everywhere: where an interval meets the rest, no bound."""

    refuses: Callable[[Tensor, Tensor], Tensor] = lambda low, high: low > high
    """Which intervals."""

    def residual(self, slope: Tensor, low: Tensor, high: Tensor) -> Bounds:
        """As `Function.residual`; infinite where there is no bound."""
        lost, (least, most) = self.refuses(low, high), super().residual(slope, low, high)
        return torch.where(lost, -torch.inf, least), torch.where(lost, torch.inf, most)


RECIPROCAL = _Outside(
    "reciprocal",
    torch.reciprocal,
    lambda x: -x.reciprocal().square(),
    turning=lambda s: ((-s).clamp(min=0).rsqrt(), -(-s).clamp(min=0).rsqrt()),
    refuses=lambda low, high: (low <= 0) & (high >= 0),
)
ROOT = _Outside(
    "root",
    torch.sqrt,
    lambda x: 0.5 * x.rsqrt(),
    turning=lambda s: (0.25 / s.square(),),
    refuses=lambda low, high: low < 0,
)
EXP = Function("exp", torch.exp, torch.exp, turning=lambda s: (torch.log(s.clamp(min=0)),))
IDENTITY = Function("identity", lambda x: x, torch.ones_like, allowance=0.0, steepest=1.0)
ABSOLUTE = Function("abs", torch.abs, torch.sign, kinks=(0.0,), allowance=0.0, steepest=1.0)


def leaky_relu(negative: float) -> Function:
    """max(x, 0) + negative min(x, 0)."""
    return Function(
        f"leaky_relu({negative!r})",
        lambda x: F.leaky_relu(x, negative),
        lambda x: torch.where(x > 0, torch.ones_like(x), torch.full_like(x, negative)),
        kinks=(0.0,),
        allowance=2.0**-23,
        steepest=max(1.0, abs(negative)),
    )


def elu(alpha: float) -> Function:
    """X above zero, alpha (e^x - 1) below."""
    return Function(
        f"elu({alpha!r})",
        lambda x: F.elu(x, alpha),
        lambda x: torch.where(x > 0, torch.ones_like(x), alpha * x.clamp(max=0).exp()),
        kinks=(0.0,),
        turning=lambda s: (torch.log((s / alpha).clamp(min=0)),),
        allowance=ALLOWANCE * max(1.0, alpha),
        steepest=max(1.0, abs(alpha)),
    )


def clip(least: float | Tensor, most: float | Tensor, name: str | None = None) -> Function:
    """min(max(x, least), most); tensors `[n]` where units have ends of their own."""
    floor, ceiling = (torch.as_tensor(end, dtype=torch.float64) for end in (least, most))
    return Function(
        f"clip({floor.tolist()}, {ceiling.tolist()})" if name is None else name,
        lambda x: torch.minimum(torch.maximum(x, floor.to(x)), ceiling.to(x)),
        lambda x: ((x > floor.to(x)) & (x < ceiling.to(x))).to(x.dtype),
        kinks=tuple(end for end in (floor, ceiling) if bool(torch.isfinite(end).all())),
        allowance=0.0,
        steepest=1.0,
        limits=(floor, ceiling),
    )


def reciprocal_root(floor: float) -> Function:
    """1 / sqrt(max(x, 0) + floor): convex, what a layer norm scales by."""
    return Function(
        f"reciprocal_root({floor!r})",
        lambda x: (x.clamp(min=0) + floor).rsqrt(),
        lambda x: -0.5 * (x.clamp(min=0) + floor).pow(-1.5) * (x > 0),
        kinks=(0.0,),
        turning=lambda s: ((-2 * s).clamp(min=0).pow(-2 / 3) - floor,),
    )


def reciprocal_norm(floor: float) -> Function:
    """1 / max(sqrt(x), floor): what a vector is multiplied by to have length 1."""
    least = floor**2
    return Function(
        f"reciprocal_norm({floor!r})",
        lambda x: x.clamp(min=least).rsqrt(),
        lambda x: -0.5 * x.clamp(min=least).pow(-1.5) * (x > least),
        kinks=(least,),
        turning=lambda s: ((-2 * s).clamp(min=0).pow(-2 / 3),),
        monotone=True,
    )


def sigmoid_power(power: float | Tensor, rising: bool = True) -> Function:
    """sigmoid(x)^power, of -x where it falls: exp(-power softplus(-x)), how memories fade.

    One function instead of three keeps that it never leaves (0, 1). With s = 1 - sigmoid(x), the
    second derivative is a s f (a s - sigmoid): of two parts, at most min(a^2, 4 / e^2) and
    min(a / 4, 1 / e).
    """
    a = torch.as_tensor(power, dtype=torch.float64)
    sign = 1.0 if rising else -1.0
    curvature = torch.maximum(a.square().clamp(max=4 / math.e**2), (a / 4).clamp(max=1 / math.e))

    def value(x: Tensor) -> Tensor:
        return (a.to(x) * F.logsigmoid(sign * x)).exp()

    return Function(
        f"sigmoid_power({a.tolist()}, {rising})",
        value,
        lambda x: sign * a.to(x) * value(x) * torch.sigmoid(-sign * x),
        curvature=curvature * (1 + 1e-6),
        steepest=float((a / (a + 1)).max()),
        limits=(0.0, 1.0),
        monotone=True,
    )


def exp_sigmoid(rate: float) -> Function:
    """exp(-rate sigmoid(x)), rate > 0: a decay that stays between exp(-rate) and 1.

    |f''| <= rate^2 / 16 + 0.0963 rate: the squares of sigmoid's slope, and its own curvature.
    """
    return Function(
        f"exp_sigmoid({rate!r})",
        lambda x: (-rate * torch.sigmoid(x)).exp(),
        lambda x: -rate * _sigmoid_slope(x) * (-rate * torch.sigmoid(x)).exp(),
        curvature=rate**2 / 16 + 0.0963 * rate,
        steepest=rate / 4,
        limits=(0.0, 1.0),
        monotone=True,
    )
