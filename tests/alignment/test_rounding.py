"""The error model of float32, measured on this machine's torch kernels."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from daneel.alignment.rounding import ALLOWANCE, NoBoundError, float32_outward, gamma

KERNELS: dict[str, Callable[[Tensor], Tensor]] = {
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "softplus": F.softplus,
    "elu": F.elu,
    "leaky_relu": F.leaky_relu,
    "silu": F.silu,
    "mish": F.mish,
    "gelu": F.gelu,
    "gelu_tanh": lambda x: F.gelu(x, approximate="tanh"),
}


def floats(start: float, end: float, stride: int = 1) -> Tensor:
    """Every `stride`-th float32 from `start` up to `end`, both positive."""
    first, last = (np.float32(end).view(np.uint32) for end in (start, end))
    return torch.from_numpy(np.arange(first, last, stride, dtype=np.uint32).view(np.float32))


@pytest.mark.parametrize("name", KERNELS)
@pytest.mark.parametrize("contiguous", [True, False], ids=["vectorised", "scalar"])
def test_kernels_stay_within_a_quarter_of_the_allowance(name: str, contiguous: bool) -> None:
    """Kernels stay within a quarter of the allowance."""
    positive = floats(1e-30, 1e30, 8191)
    x = torch.cat([positive, -positive, floats(0.01, 20, 257), -floats(0.01, 20, 257)])
    given = x if contiguous else torch.stack([x, x], 1)[:, 0]  # strided: torch's scalar loop
    exact = KERNELS[name](x.double())
    error = (KERNELS[name](given).double() - exact).abs() / (1 + exact.abs())
    assert float(error.max()) < ALLOWANCE / 4
    assert float(error.max()) > 0  # the comparison can fail: float32 is not exact


@pytest.mark.parametrize("contiguous", [True, False], ids=["vectorised", "scalar"])
def test_tanh_never_leaves_one_on_any_float(contiguous: bool) -> None:
    """Below 2 tanh is under 0.97, above 20 it is 1: every float32 between, 28 million of them."""
    for start, end in ((2.0, 4.0), (4.0, 8.0), (8.0, 16.0), (16.0, 20.0)):
        x = floats(start, end)
        given = x if contiguous else torch.stack([x, x], 1)[:, 0]
        assert float(torch.tanh(given).max()) <= 1.0


@pytest.mark.parametrize("terms", [1, 7, 300])
def test_any_order_of_a_sum_stays_within_gamma(terms: int) -> None:
    """Any order of a sum stays within gamma."""
    generator = torch.Generator().manual_seed(terms)
    w, x = torch.randn(2, 500, terms, generator=generator)
    exact = (w.double() * x.double()).sum(1)
    bound = gamma(terms) * (w.double() * x.double()).abs().sum(1)
    forward, total = (w * x).sum(1), torch.zeros(500)
    for index in range(terms):  # worst order: one after the other
        total = total + w[:, index] * x[:, index]
    for computed in (forward, total, torch.bmm(w[:, None], x[:, :, None])[:, 0, 0]):
        assert bool(((computed.double() - exact).abs() <= bound).all())


def test_gamma_refuses_when_no_digit_is_left() -> None:
    """Gamma refuses when no digit is left."""
    assert gamma(10) == pytest.approx(10 * 2.0**-24, rel=1e-5)
    with pytest.raises(NoBoundError, match="no correct digit"):
        gamma(2**24)


def test_float32_outward_encloses_and_keeps_what_is_representable() -> None:
    """Float32 outward encloses and keeps what is representable."""
    values = torch.tensor([0.1, 1.0, -1 / 3, 1 + 2.0**-40], dtype=torch.float64)
    low, high = float32_outward(values, values)
    assert bool((low <= values).all() and (values <= high).all())
    assert low[1] == high[1] == 1.0
    assert bool((high - low <= 2.0**-23).all())
    assert torch.equal(low, low.float().double())
