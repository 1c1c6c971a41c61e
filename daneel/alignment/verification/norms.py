"""Normalisation as nodes of a graph, over groups of units, and the laws that it obeys.

A norm is a ratio: bounds of its parts, taken apart, forget that the largest unit also makes the
divisor large. So each norm ends in a node that knows the law of the whole (`Builder.limited`):

- layer norm, with t = x_i - mean(x), n units and S the spread of the others:
  y_i = t / sqrt(t^2 / (n - 1) + S / n + eps), which rises with t (`normalization`, where the
  float32 kernel's error is derived too);
- RMS norm, with S the sum of the others' squares: y_i = x_i / sqrt((x_i^2 + S) / n + eps);
- unit length: y_i = x_i / max(sqrt(x_i^2 + S), eps).

The last two are sums of squares, so float32 is off by a relative error only.

Legend: N boxes, G groups of n units each, one after the other; low, high `[N, G n]`.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from daneel.alignment.rounding import TINY, UNIT, Bounds, gamma, magnitude
from daneel.alignment.verification import functions
from daneel.alignment.verification.graph import Builder, Law

_FEW = 1 + 16 * UNIT
"""Covers the roundings of v + eps, the root and the division, twice over."""


def layer_norm(
    builder: Builder,
    source: int,
    weight: Tensor | None,
    bias: Tensor | None,
    eps: float,
    groups: int = 1,
) -> int:
    """(x - mean) / sqrt(variance + eps) in each group, then weight and bias.

    The mean's and the variance's own roundings (Welford's method, `normalization`) are counted on
    the centred node, whose share they are.
    """
    size = builder.size(source) // groups
    centring = torch.eye(size, dtype=torch.float64) - 1 / size
    centred = builder.affine(
        source, _blocks(centring, groups), torch.zeros(size * groups), roundings=16 * size + 512
    )
    found = _scaled(builder, centred, groups, functions.reciprocal_root(eps), 1 / size)
    found = builder.limited(found, source, layer_norm_law(size, eps))
    return _learned(builder, found, weight, bias)


def rms_norm(
    builder: Builder, source: int, weight: Tensor | None, eps: float, groups: int = 1
) -> int:
    """X / sqrt(mean of squares + eps) in each group, then weight."""
    size = builder.size(source) // groups
    found = _scaled(builder, source, groups, functions.reciprocal_root(eps), 1 / size)
    law = _ratio_law(size, lambda squares: (squares / size + eps).sqrt())
    return _learned(builder, builder.limited(found, source, law), weight, None)


def unit_length(builder: Builder, source: int, eps: float, groups: int = 1) -> int:
    """X / max(|x|, eps) in each group, as `F.normalize`."""
    size = builder.size(source) // groups
    found = _scaled(builder, source, groups, functions.reciprocal_norm(eps), 1.0)
    law = _ratio_law(size, lambda squares: squares.sqrt().clamp(min=eps))
    return builder.limited(found, source, law)


def layer_norm_law(size: int, eps: float) -> Law:
    """What a layer norm over groups of `size` can return, deployed too."""

    def law(low: Tensor, high: Tensor) -> Bounds:
        low, high = _grouped(low, size), _grouped(high, size)
        largest = magnitude(low, high).amax(-1, keepdim=True)
        e = gamma(2 * size + 64) * largest + TINY
        z_low = low - (low + high.sum(-1, keepdim=True) - high) / size
        z_high = high - (high + low.sum(-1, keepdim=True) - low) / size
        spread, scale = _most_spread(low, high), _scale(e, gamma(2 * size + 64), eps)
        lower = -_upper_end(-z_low, spread, scale, size, eps)
        upper = _upper_end(z_high, spread, scale, size, eps)
        # x r' - mean' r' in three roundings, and mean' itself; r' is at most 1 / sqrt(eps).
        room = _FEW / eps**0.5 * (e + 8 * UNIT * largest) + TINY + 1e-12
        return (lower - room).flatten(1), (upper + room).flatten(1)

    return law


def _upper_end(
    t: Tensor, spread: Tensor, scale: tuple[Tensor, Tensor], size: int, eps: float
) -> Tensor:
    """Upper end of y given that of t: the others' spread is 0 where y > 0, the largest else."""
    most_ratio, least_ratio = scale
    spread = torch.where(t > 0, torch.zeros_like(spread), spread)
    exact = t / (t.square() / max(size - 1, 1) + spread / size + eps).sqrt()
    above = torch.minimum(exact * most_ratio, t * _FEW / eps**0.5)
    return torch.where(t > 0, above, exact * least_ratio)


def _scale(e: Tensor, g: float, eps: float) -> tuple[Tensor, Tensor]:
    """Most and least of r' / r, r = 1 / sqrt(v + eps), where the mean is off by at most e.

    As `normalization._scale` with nothing known of v: for every k > 0, v' is off by at most
    (g + k) v + (16 / k + 8) e^2; each k gives a bound, the best one counts.
    """
    k = 2.0 ** -torch.arange(1, 30, dtype=torch.float64)
    q, slope = (16 / k + 8) * e[..., None].square(), 1 - g - k
    up = torch.maximum(1 + q / (slope * eps), 1 / slope).amin(-1)
    down = torch.maximum(1 + q / eps, 1 + g + k).amin(-1)
    return up.sqrt() * _FEW, 1 / (down.sqrt() * _FEW)


def _most_spread(low: Tensor, high: Tensor) -> Tensor:
    """At least the others' spread: squares about any point are at least that."""
    centre = ((low + high) / 2).mean(-1, keepdim=True)
    worst = magnitude(low - centre, high - centre).square()
    total = worst.sum(-1, keepdim=True)
    return (total - worst).clamp(min=0) * (1 + 1e-9) + total * 1e-12


def _ratio_law(size: int, divisor: Callable[[Tensor], Tensor]) -> Law:
    """Of x_i over a divisor that rises with the sum of all squares."""

    def law(low: Tensor, high: Tensor) -> Bounds:
        low, high = _grouped(low, size), _grouped(high, size)
        most, least = magnitude(low, high).square(), torch.maximum(low, -high).clamp(min=0).square()
        total = most.sum(-1, keepdim=True)
        slack = 1e-12 * size * most.amax(-1, keepdim=True)  # of leaving one term out
        smallest = (least.sum(-1, keepdim=True) - least - slack).clamp(min=0)
        largest = total - most + slack

        def end(t: Tensor) -> Tensor:
            return t / divisor(t.square() + torch.where(t > 0, smallest, largest))

        lower, upper = -end(-low), end(high)
        share = gamma(2 * size + 64)
        room = share * magnitude(lower, upper) + TINY + 1e-12
        return (lower - room).flatten(1), (upper + room).flatten(1)

    return law


def _grouped(end: Tensor, size: int) -> Tensor:
    return end.double().unflatten(1, (-1, size))


def _scaled(
    builder: Builder, source: int, groups: int, function: functions.Function, share: float
) -> int:
    """Each group times a function of `share` times the sum of its squares."""
    size = builder.size(source) // groups
    squares = builder.apply(source, functions.SQUARE)
    total = torch.full((1, size), share, dtype=torch.float64)
    measure = builder.affine(
        squares, _blocks(total, groups), torch.zeros(groups), roundings=2 * size + 64
    )
    factor = builder.apply(measure, function)
    spread = builder.gather(factor, torch.arange(groups).repeat_interleave(size))
    return builder.product(source, spread)


def _blocks(block: Tensor, groups: int) -> Tensor:
    return torch.block_diag(*[block] * groups)


def _learned(builder: Builder, source: int, weight: Tensor | None, bias: Tensor | None) -> int:
    if weight is None and bias is None:
        return source
    return builder.scale(
        source, 1.0 if weight is None else weight.detach().double().flatten().cpu(),
        0.0 if bias is None else bias.detach().double().flatten().cpu(),
    )  # fmt: skip
