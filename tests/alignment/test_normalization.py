"""LayerNorm and RMSNorm: sound in float32, not far from what is reached."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from daneel.alignment import NoBoundError, output_bounds
from daneel.alignment.normalization import _least_spread


def corners_and_points(low: Tensor, high: Tensor, seed: int = 0) -> Tensor:
    """Random points, random corners, and each unit alone at an end."""
    generator = torch.Generator().manual_seed(seed)
    inner = low + (high - low) * torch.rand(2000, len(low), generator=generator)
    corners = torch.where(torch.rand(2000, len(low), generator=generator) < 0.5, low, high)
    one_up = torch.where(torch.eye(len(low), dtype=torch.bool), high, low)
    one_down = torch.where(torch.eye(len(low), dtype=torch.bool), low, high)
    points = torch.cat([inner, corners, one_up, one_down])
    return torch.minimum(torch.maximum(points, low), high)


@pytest.mark.parametrize("layer_type", [nn.LayerNorm, nn.RMSNorm])
@pytest.mark.parametrize("size", [1, 2, 3, 16, 130])
@pytest.mark.parametrize("width", [0.0, 1e-4, 0.1, 10.0])
@pytest.mark.parametrize("offset", [0.0, 1.0, 100.0, 1e6])
def test_float32_outputs_stay_inside(layer_type, size: int, width: float, offset: float) -> None:
    """Float32 outputs stay inside."""
    generator = torch.Generator().manual_seed(size)
    layer = layer_type(size)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.copy_(torch.randn(size, generator=generator))
    centre = torch.randn(size, generator=generator) + offset
    radius = torch.rand(size, generator=generator) * width
    low, high = centre - radius, centre + radius
    lower, upper = output_bounds(layer, low, high)
    y = layer(corners_and_points(low, high)).double()
    assert bool((y >= lower).all() and (y <= upper).all())


def test_the_law_of_real_arithmetic_fails_in_float32_and_the_bounds_do_not() -> None:
    """|y_i| <= sqrt(D - 1) holds in real arithmetic.

    Three neighbouring floats near 3e6 break it.
    """
    low, high = torch.full((2,), 3e6 - 0.25), torch.full((2,), 3e6 + 0.25)
    steps = torch.tensor([-0.25, 0.0, 0.25])
    x = 3e6 + torch.cartesian_prod(steps, steps)
    layer = nn.LayerNorm(2)
    y = layer(x).detach().double()
    assert float(y.abs().max()) > 2 * math.sqrt(1)
    lower, upper = output_bounds(layer, low, high)
    assert bool((y >= lower).all() and (y <= upper).all())


def test_wide_boxes_give_the_law_and_narrow_ones_the_value() -> None:
    """Wide boxes give the law and narrow ones the value."""
    layer = nn.LayerNorm(64, elementwise_affine=False)
    wide = output_bounds(layer, torch.full((64,), -5.0), torch.full((64,), 5.0))
    assert float(wide[1].max()) < 1.1 * math.sqrt(63)
    x = torch.randn(64, generator=torch.Generator().manual_seed(0))
    narrow = output_bounds(layer, x, x)
    assert float((narrow[1] - narrow[0]).max()) < 1e-2
    assert float((narrow[1] - layer(x).double()).abs().max()) < 1e-2


def test_bounds_are_reached_within_a_half() -> None:
    """Bounds are reached within a half."""
    low, high = torch.linspace(-1, 1, 16) - 0.1, torch.linspace(-1, 1, 16) + 0.1
    layer = nn.LayerNorm(16)
    _, upper = output_bounds(layer, low, high)
    x = corners_and_points(low, high).requires_grad_(True)
    for _ in range(200):  # ascend every unit from 16 points each
        pick = torch.arange(len(x)) % 16
        (slope,) = torch.autograd.grad(layer(x).gather(1, pick[:, None]).sum(), x)
        x = (x + 0.02 * slope.sign()).clamp(low, high).detach().requires_grad_(True)
    with torch.no_grad():
        reached = layer(x).max(0).values.double()
        centre = layer((low + high) / 2)
    slack = (upper - reached) / (reached - centre)
    assert bool((upper >= reached).all())
    assert float(slack.max()) < 0.5


def test_least_spread_against_a_fine_grid() -> None:
    """Least spread against a fine grid."""
    generator = torch.Generator().manual_seed(3)
    low = torch.randn(6, generator=generator, dtype=torch.float64)
    high = low + torch.rand(6, generator=generator, dtype=torch.float64)
    keep = torch.ones(6, 6, dtype=torch.float64).fill_diagonal_(0)
    m = torch.linspace(float(low.min()), float(high.max()), 200_001, dtype=torch.float64)[:, None]
    square = ((low - m).clamp(min=0) + (m - high).clamp(min=0)).square()
    naive = (square @ keep.T).min(0).values
    found = _least_spread(low, high, keep)
    assert bool((found <= naive + 1e-12).all())
    assert torch.allclose(found, naive, atol=1e-6)


@pytest.mark.parametrize(
    ("layer", "size", "reason"),
    [
        (nn.LayerNorm(4), 5, "does not span"),
        (nn.LayerNorm(4, eps=0.0), 4, "eps"),
        (nn.RMSNorm(4, eps=0.0), 4, "eps"),
    ],
)
def test_what_cannot_be_bounded_is_refused(layer: nn.Module, size: int, reason: str) -> None:
    """What cannot be bounded is refused."""
    with pytest.raises(NoBoundError, match=reason):
        output_bounds(layer, torch.zeros(size), torch.ones(size))


def test_squares_that_overflow_are_refused() -> None:
    """Squares that overflow are refused."""
    with pytest.raises(NoBoundError, match="overflow"):
        output_bounds(nn.LayerNorm(2), torch.tensor([0.0, -1e20]), torch.tensor([0.0, 1e20]))
