"""The long convolution against its loop.

Legend: B batch, T time, D channels, L taps.
"""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from daneel.backbones.ops import long_conv, long_conv_naive
from daneel.backbones.ops.long_conv import fft_size, reach_ahead
from tests.backbones.ops.matching import normal

SHAPES = [(1, 1, 2, 1), (2, 2, 3, 2), (3, 7, 5, 7), (2, 33, 40, 9), (1, 50, 3, 200), (2, 64, 4, 64)]
ROUNDING = {torch.float64: 1e-12, torch.float32: 2e-6, torch.bfloat16: 1e-2}


def arguments(batch: int, time: int, wide: int, taps: int) -> list[Tensor]:
    """Input, kernel and bias, float64."""
    shapes = [(batch, time, wide), (wide, taps), (wide,)]
    return [normal(*shape, seed=seed) for seed, shape in enumerate(shapes)]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("dtype", list(ROUNDING), ids=str)
def test_equals_the_loop(shape: tuple[int, int, int, int], dtype: torch.dtype) -> None:
    """In value and gradient, kernel shorter or longer than the sequence."""
    results = []
    for operator in (long_conv, long_conv_naive):
        leaves = [x.to(dtype).requires_grad_() for x in arguments(*shape)]
        y = operator(*leaves)
        weight = normal(*y.shape, seed=9)
        results.append([y, *torch.autograd.grad((y.double() * weight).sum(), leaves)])
    assert results[0][0].dtype == dtype
    for fast, loop in zip(*results, strict=True):
        error = (fast.double() - loop.double()).norm() / loop.double().norm()
        assert error <= ROUNDING[dtype]


def test_no_output_depends_on_the_future() -> None:
    """Up to the rounding that the FFT spreads; a prefix gives the prefix."""
    u, kernel, bias = arguments(2, 60, 3, 60)
    later = u.clone()
    later[:, 30:] = 100.0
    y = long_conv(u, kernel, bias)
    for other in (long_conv(later, kernel, bias), long_conv(u[:, :30], kernel, bias)):
        torch.testing.assert_close(other[:, :30], y[:, :30], rtol=0, atol=1e-11)


def test_rows_and_channels_stay_apart() -> None:
    """An impulse in one row and channel comes out there alone, as the kernel."""
    u = torch.zeros(2, 8, 3, dtype=torch.float64)
    u[1, 0, 2] = 1
    kernel = normal(3, 8, seed=0)
    y = long_conv(u, kernel)
    torch.testing.assert_close(y[1, :, 2], kernel[2])
    y[1, :, 2] = 0
    assert not y.any()


@pytest.mark.parametrize("steps", [1, 2, 16])
def test_reach_ahead_is_the_second_half_of_twice_as_long(steps: int) -> None:
    """What inputs give to outputs after their own."""
    u, taps = normal(2, steps, 3, seed=0), normal(3, 2 * steps, seed=1)
    longer = torch.cat([u, torch.zeros_like(u)], 1)
    expected = long_conv_naive(longer, taps)[:, steps:]
    torch.testing.assert_close(reach_ahead(u.mT, taps).mT, expected)


def test_fft_sizes_are_even_and_close() -> None:
    """At least what was asked for, and less than a third more."""
    for least in range(1, 3000):
        size = fft_size(least)
        assert size >= least
        assert size % 2 == 0
        assert size < 1.34 * least + 2


def test_bad_arguments_are_refused_by_name() -> None:
    """With the shapes that disagree."""
    u, kernel, bias = arguments(2, 5, 3, 5)
    for call, words in (
        ((u, kernel[:2]), r"kernel has shape \(2, 5\).*u has shape \(2, 5, 3\)"),
        ((u, kernel, bias[:1]), r"bias has shape \(1,\)"),
        ((u[0], kernel), "u has shape"),
        ((u[:, :0], kernel), "empty"),
        ((u * torch.inf, kernel), "u .*NaN or infinite"),
    ):
        with pytest.raises(ValueError, match=f"(?s){words}"):
            long_conv(*call)
