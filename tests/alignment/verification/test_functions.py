"""Lines and bands of every scalar function stay on their side of it."""

from __future__ import annotations

import pytest
import torch

from daneel.alignment.verification import functions as f

FUNCTIONS = [
    f.RELU, f.TANH, f.SIGMOID, f.SILU, f.GELU, f.SOFTPLUS, f.SQUARE, f.EXP, f.ABSOLUTE,
    f.leaky_relu(0.1), f.elu(1.3), f.clip(-0.4, 0.9), f.reciprocal_root(1e-3),
]  # fmt: skip


def intervals(dtype: torch.dtype) -> tuple[torch.Tensor, torch.Tensor]:
    """Narrow and wide ones, points among them, `[1, n]`."""
    generator = torch.Generator().manual_seed(0)
    centre = 6 * torch.randn(400, generator=generator, dtype=torch.float64)
    half = 10 ** (3 * torch.rand(400, generator=generator, dtype=torch.float64) - 2.5)
    half[:20] = 0
    ends = (centre - half).clamp(-12, 12), (centre + half).clamp(-12, 12)
    return ends[0][None].to(dtype), ends[1][None].to(dtype)


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: function.name)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_lines_and_bands_enclose_the_function(function: f.Function, dtype: torch.dtype) -> None:
    """On a fine grid of each interval, in float64."""
    low, high = intervals(dtype)
    share = torch.linspace(0, 1, 257, dtype=torch.float64)[:, None]
    x = low.double() + share * (high.double() - low.double())
    x = torch.minimum(torch.maximum(x, low.double()), high.double())
    y = function.value(x)
    room = 1e-13 * (1 + y.abs() + x.abs())  # of evaluating the lines here
    below, b0, above, b1 = (line.double() for line in f.lines(function, low, high))
    assert (below * x + b0 <= y + room * (1 + below.abs())).all()
    assert (above * x + b1 >= y - room * (1 + above.abs())).all()
    slope, centre, radius = (line.double() for line in f.band(function, low, high))
    off = (y - slope * x - centre).abs()
    assert (off <= radius + room * (1 + slope.abs())).all()
    least, most = (end.double() for end in function.range(low, high))
    assert (least <= y).all()
    assert (most >= y).all()


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: function.name)
def test_what_is_said_of_the_slope_is_true(function: f.Function) -> None:
    """The slope is the derivative; its largest value and the curvature are not exceeded."""
    x = torch.linspace(-9.003, 9.001, 40_001, dtype=torch.float64).requires_grad_(True)
    (slope,) = torch.autograd.grad(function.value(x).sum(), x)
    smooth = torch.ones_like(x, dtype=torch.bool)
    for kink in function.kinks:
        smooth &= (x - kink).abs() > 1e-3
    assert torch.allclose(function.slope(x)[smooth], slope[smooth], atol=1e-9)
    if function.steepest is not None:
        assert slope.abs().max() <= function.steepest + 1e-12
    if function.curvature is not None:
        bend = slope.diff() / x.detach().diff()
        assert bend.abs().max() <= function.curvature


def test_any_slope_is_sound() -> None:
    """Also one that no optimiser would choose."""
    low, high = intervals(torch.float64)
    x = (low + high) / 2
    for function in FUNCTIONS:
        for value in (-3.0, 0.0, 0.3, 5.0):
            slope = torch.full_like(low, value)
            least, most = function.residual(slope, low, high)
            residual = function.value(x) - slope * x
            assert (least <= residual).all()
            assert (residual <= most).all()
