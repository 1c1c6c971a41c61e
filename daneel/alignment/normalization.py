"""Interval rules of LayerNorm and RMSNorm, float32 rounding included.

LayerNorm in real arithmetic, for unit i of D with z = x - mean(x) and t = z_i:

    y_i = t / sqrt(v + eps),   v = t^2 / (D - 1) + S_i / D,

where S_i is the spread of the OTHER units, the least over m of sum_{j != i} (x_j - m)^2. So y_i
rises with t, and with S_i it moves towards zero: its ends come from the ends of t and S_i, each
over the box. That is never looser than the law |y_i| <= sqrt(D - 1).

In float32 that law does NOT hold: for inputs near 1e6 that differ by one rounding step, torch's
LayerNorm returns values of several units at D = 2, because the mean is rounded too. Torch computes
the moments by Welford's method and then x * r - mean * r with r = 1 / sqrt(v + eps). With X the
largest |x| and e = gamma(2 D + 64) X, more than twice the error of a sequential Welford mean:

    |mean' - mean| <= e,    |v' - v| <= gamma v + 8 e sqrt(v) + 8 e^2,    v' >= 0

(Chan, Golub and LeVeque 1983 for the form; v' >= 0 because Welford only adds squares). `_Scale`
turns this into bounds on r' / r and on r' itself. A kernel that computes E[x^2] - mean^2 is not
covered.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from daneel.alignment.interval_bounds import register_bound
from daneel.alignment.rounding import TINY, UNIT, Bounds, NoBoundError, gamma, magnitude, widen

_SMALLEST_EPS = 1e-12
"""A smaller eps could be lost to underflow."""

_LARGEST_INPUT = 1e17
"""The square of a larger input may overflow float32."""

_BISECTIONS = 40

_FEW = 1 + 16 * UNIT
"""Covers the roundings of v + eps, the root and the division, twice over."""


@dataclass(frozen=True)
class _Scale:
    """What float32 can make of r = 1 / sqrt(v + eps), over all inputs in the box."""

    least_ratio: float
    """r' is at least this times r."""
    most_ratio: float
    """r' is at most this times r."""
    most: float
    """r' is at most this."""


def _scale(v_least: float, e: float, g: float, eps: float) -> _Scale:
    """From the least variance over the box, the mean's error e and gamma g."""
    s = math.sqrt(v_least)
    up, down = math.inf, math.inf
    # 8 e s <= k s^2 + 16 e^2 / k for every k > 0: each k gives a bound, the best one counts.
    for k in (2.0**-power for power in range(1, 30)):
        q, slope = (16 / k + 8) * e * e, 1 - g - k
        if slope > 0:
            up = min(up, max(1 + q / (slope * eps), 1 / slope))
        down = min(down, max(1 + q / eps, 1 + g + k))
    if s > 0:
        relative = g + 8 * e / s + 8 * (e / s) ** 2
        up = min(up, 1 / (1 - relative)) if relative < 1 else up
        down = min(down, 1 + relative)
    turning = 4 * e / (1 - g)  # the lower bound on v' falls up to here and rises after
    at = max(s, turning)
    v_computed = max(0.0, (1 - g) * at * at - 8 * e * at - 8 * e * e)
    return _Scale(
        least_ratio=1 / (math.sqrt(down) * _FEW),
        most_ratio=math.sqrt(up) * _FEW,
        most=_FEW / math.sqrt(v_computed + eps),
    )


def _least_spread(low: Tensor, high: Tensor, keep: Tensor) -> Tensor:
    """Least sum_j keep_rj (x_j - m_r)^2 over x in the box and m, for each row r of `keep [R, D]`.

    The distance of m to an interval is convex in m: bisection on the slope, and the tangent at the
    last point is below the function, so the result is a lower bound wherever the search stopped.
    """
    start, end = low.min(), high.max()
    left, right = start.expand(len(keep)), end.expand(len(keep))
    for _ in range(_BISECTIONS):
        middle = (left + right) / 2
        rising = _slope(middle, low, high, keep) > 0
        left, right = torch.where(rising, left, middle), torch.where(rising, middle, right)
    middle = (left + right) / 2
    slope = _slope(middle, low, high, keep)
    value = (keep * _distance(middle, low, high).square()).sum(1)
    reach = torch.where(slope > 0, middle - start, end - middle)
    rounding = low.numel() ** 2 * 2.0**-48 * (end - start).square()
    return (value - slope.abs() * reach - rounding).clamp(min=0)


def _distance(m: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """Signed distance `[R, D]` from the interval up to m: 0 inside."""
    return (m[:, None] - high).clamp(min=0) - (low - m[:, None]).clamp(min=0)


def _slope(m: Tensor, low: Tensor, high: Tensor, keep: Tensor) -> Tensor:
    return 2 * (keep * _distance(m, low, high)).sum(1)


def _most_spread(low: Tensor, high: Tensor) -> Tensor:
    """An upper bound `[D]` of the others' spread: squares about any point are at least that."""
    centre = ((low + high) / 2).mean()
    worst = magnitude(low - centre, high - centre).square()
    return (worst.sum() - worst).clamp(min=0) * (1 + 1e-9) + worst.sum() * 1e-12


def _check_input(layer: nn.LayerNorm | nn.RMSNorm, low: Tensor, high: Tensor, eps: float) -> float:
    """The largest |x|, after the layer's own preconditions."""
    name, largest = type(layer).__name__, float(magnitude(low, high).max())
    if tuple(layer.normalized_shape) != (low.numel(),):
        raise NoBoundError(f"{name} over {layer.normalized_shape} does not span {low.numel()}.")
    if eps < _SMALLEST_EPS:
        raise NoBoundError(f"{name} has eps {eps}. A bound is known from {_SMALLEST_EPS}.")
    if largest > _LARGEST_INPUT:
        raise NoBoundError(f"{name} may overflow float32 in a square.")
    return largest


@register_bound(nn.LayerNorm)
def _layer_norm(layer: nn.LayerNorm, low: Tensor, high: Tensor) -> Bounds:
    largest = _check_input(layer, low, high, layer.eps)
    size = low.numel()
    g = gamma(2 * size + 64)
    e = g * largest + TINY
    z_low = low - (low + high.sum() - high) / size
    z_high = high - (high + low.sum() - low) / size
    others = torch.ones(size, size, dtype=torch.float64).fill_diagonal_(0)
    everyone = torch.ones(1, size, dtype=torch.float64)
    scale = _scale(float(_least_spread(low, high, everyone)) / size, e, g, layer.eps)
    spreads = _least_spread(low, high, others), _most_spread(low, high)
    lower = -_upper_end(-z_low, spreads, scale, layer.eps)
    upper = _upper_end(z_high, spreads, scale, layer.eps)
    # x r' - mean' r' in three roundings, and mean' itself.
    error = scale.most * (e + 8 * UNIT * largest) + TINY
    return _affine(layer, *widen(lower, upper, 1e-12, error))


def _upper_end(t: Tensor, spreads: Bounds, scale: _Scale, eps: float) -> Tensor:
    """Upper end of t r', given upper ends t of z; by symmetry the lower end is that of -z."""
    size = t.numel()
    spread = torch.where(t > 0, *spreads)
    exact = t / (t.square() / max(size - 1, 1) + spread / size + eps).sqrt()
    above = torch.minimum(exact * scale.most_ratio, t * scale.most)
    return torch.where(t > 0, above, exact * scale.least_ratio)


@register_bound(nn.RMSNorm)
def _rms_norm(layer: nn.RMSNorm, low: Tensor, high: Tensor) -> Bounds:
    """x_i / sqrt(mean(x^2) + eps): a sum of squares, so only relative errors."""
    eps = torch.finfo(torch.float32).eps if layer.eps is None else layer.eps
    _check_input(layer, low, high, eps)
    size = low.numel()
    most = magnitude(low, high).square()
    least = torch.maximum(low, -high).clamp(min=0).square()
    slack = 1e-12 * size * most.max()  # float64 cancellation in leaving one term out
    others = (least.sum() - least - slack).clamp(min=0), most.sum() - most + slack

    def end(t: Tensor) -> Tensor:
        spread = torch.where(t > 0, *others)
        return t / ((t.square() + spread) / size + eps).sqrt()

    return _affine(layer, *widen(-end(-low), end(high), gamma(2 * size + 64), TINY))


def _affine(layer: nn.LayerNorm | nn.RMSNorm, low: Tensor, high: Tensor) -> Bounds:
    """The learned y * weight + bias in float32."""
    weight = 1.0 if layer.weight is None else layer.weight.double().cpu()
    bias = getattr(layer, "bias", None)
    shift = 0.0 if bias is None else bias.double().cpu()
    ends = low * weight, high * weight
    largest = magnitude(*ends) + (0.0 if bias is None else bias.double().cpu().abs())
    lower, upper = torch.minimum(*ends) + shift, torch.maximum(*ends) + shift
    return widen(lower, upper, 0.0, 4 * UNIT * largest + 4 * TINY)
