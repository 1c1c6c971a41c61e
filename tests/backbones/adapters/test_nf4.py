"""NF4 against hand numbers and its loop."""

import math

import pytest
import torch

from daneel.backbones.adapters import NF4, dequantise, quantise
from daneel.backbones.adapters.nf4 import LEVELS, scales, unpack


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    """Standard normal numbers."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def relative(x: torch.Tensor, y: torch.Tensor) -> float:
    """Root mean square of the difference, in units of that of x."""
    return float((x - y).square().mean().sqrt() / x.square().mean().sqrt())


def test_levels_are_their_own_nearest():
    """All 16 levels, scaled, come back in order: the bytes are 0x01, 0x23, ..."""
    x = 3.0 * torch.tensor(LEVELS).repeat(4)
    found = quantise(x)
    assert found.packed.tolist() == [0x01, 0x23, 0x45, 0x67, 0x89, 0xAB, 0xCD, 0xEF] * 4
    torch.testing.assert_close(dequantise(found), x)


def test_a_block_against_hand_numbers():
    """Of 64 values the largest is 8: 8 -> level 15, -4 -> nearest to -0.5, 1.2 -> 0.15."""
    x = torch.zeros(64)
    x[:3] = torch.tensor([8.0, -4.0, 1.2])
    y = dequantise(quantise(x))
    expected = [8.0, 8 * LEVELS[2], 8 * LEVELS[9]]
    torch.testing.assert_close(y[:3], torch.tensor(expected))
    assert not y[3:].any()


def test_rounding_equals_the_loop():
    """Every value gets the nearest of the 16 levels, found one by one."""
    x = normal(3, 64)
    found = quantise(x)
    codes = [code for byte in found.packed.tolist() for code in (byte >> 4, byte & 15)]
    for block, first in zip(x, range(0, 192, 64), strict=True):
        largest = block.abs().max()
        for value, code in zip(block, codes[first : first + 64], strict=True):
            distance = [abs(float(value / largest) - level) for level in LEVELS]
            assert distance[code] == min(distance)


def test_error_and_size_on_normal_numbers():
    """Relative error at most 0.093, 4.127 bits a value; double scales add next to nothing."""
    x = normal(1024, 1024)
    found = quantise(x)
    assert 0.09 < relative(x, dequantise(found)) < 0.093
    assert 8 * found.nbytes / x.numel() == pytest.approx(4.127, abs=1e-3)
    exact = x.view(-1, 64).abs().amax(1)
    single = unpack(found.packed, exact, torch.float32).view_as(x)
    assert relative(x, dequantise(found)) < relative(x, single) + 1e-4
    assert relative(exact, scales(found)) < 5e-3


@pytest.mark.parametrize("shape", [(1,), (63,), (65,), (5, 13), (2, 3, 7), (130, 64)])
def test_any_shape_comes_back(shape):
    """Sizes that are no multiple of a block, in shape and value."""
    x = normal(*shape)
    y = dequantise(quantise(x))
    assert y.shape == x.shape
    assert relative(x, y) < 0.15


def test_slices_are_parts_of_the_whole():
    """Blocks 256 to 300 span two groups of scales."""
    x = normal(400, 64)
    found = quantise(x)
    whole = dequantise(found).flatten()
    assert torch.equal(dequantise(found, start=250, stop=300), whole[250 * 64 : 300 * 64])


def test_zeros_and_extreme_scales():
    """Blocks of zeros stay zero beside others; tiny and huge tensors keep the relative error."""
    x = normal(4, 64)
    x[1] = 0
    assert not dequantise(quantise(x))[1].any()
    assert not dequantise(quantise(torch.zeros(100))).any()
    for factor in (1e-30, 1e30):
        y = dequantise(quantise(normal(8, 64) * factor))
        assert relative(normal(8, 64), y / factor) < 0.1


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_dtypes(dtype):
    """Quantises any float, dequantises to any."""
    x = normal(4, 64)
    y = dequantise(quantise(x.to(dtype)), dtype)
    assert y.dtype == dtype
    assert relative(x, y.float()) < 0.1


def test_bad_tensors_are_refused():
    """Empty, integer, not finite."""
    for x in (torch.zeros(0), torch.ones(3).long(), torch.tensor([1.0, math.nan])):
        with pytest.raises(ValueError, match="Expected finite floats"):
            quantise(x)


def test_the_parts_are_what_they_say():
    """Dtypes and sizes of the packed form."""
    found = quantise(normal(257 * 64))
    assert isinstance(found, NF4)
    assert found.packed.dtype == torch.uint8 and len(found.packed) == 257 * 32
    assert found.scale.dtype == torch.int8 and len(found.scale) == 257
    assert len(found.group) == 2 and found.offset.dim() == 0
