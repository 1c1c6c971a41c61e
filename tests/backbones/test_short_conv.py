"""The short convolution and the token shift, against torch's convolution and by hand."""

import pytest
import torch
import torch.nn.functional as F

from daneel.backbones.short_conv import ShortConv, token_shift
from tests.backbones.hand_made import generator


@pytest.mark.parametrize("width", [2, 3, 4])
@pytest.mark.parametrize("steps", [1, 2, 9])
def test_it_is_a_causal_depthwise_convolution(width, steps):
    """With the tail in front, as `conv1d` with one group per channel."""
    conv = ShortConv(5, width).double()
    x = torch.randn(2, steps, 5, generator=generator(), dtype=torch.float64)
    tail = torch.randn(2, width - 1, 5, generator=generator(1), dtype=torch.float64)
    y, after = conv(x, tail)
    window = torch.cat([tail, x], 1)
    kernel = conv.weight.flip(0).T.unsqueeze(1)
    expected = F.conv1d(window.transpose(1, 2), kernel, conv.bias, groups=5).transpose(1, 2)
    torch.testing.assert_close(y, F.silu(expected))
    torch.testing.assert_close(after, window[:, steps:])


@pytest.mark.parametrize("begin", range(6))
def test_taps_do_not_reach_into_an_earlier_episode(begin):
    """From the reset on, as if the sequence began there; the tail too."""
    conv = ShortConv(3, 4).double()
    x = torch.randn(1, 6, 3, generator=generator(), dtype=torch.float64)
    tail = torch.randn(1, 3, 3, generator=generator(1), dtype=torch.float64)
    resets = torch.zeros(1, 6, dtype=torch.bool)
    resets[0, begin] = True
    y, after = conv(x, tail, resets)
    alone, own = conv(x[:, begin:], torch.zeros_like(tail))
    torch.testing.assert_close(y[:, begin:], alone)
    torch.testing.assert_close(y[:, :begin], conv(x, tail)[0][:, :begin])
    torch.testing.assert_close(after, own)


def test_token_shift_by_hand():
    """Each step sees the one before; the first of an episode sees zero."""
    x = torch.tensor([[[1.0], [2.0], [3.0]]])
    resets = torch.tensor([[False, False, True]])
    shifted, last = token_shift(x, torch.tensor([[7.0]]), resets)
    assert shifted.flatten().tolist() == [7, 1, 0]
    assert last.tolist() == [[3]]


def test_widths_below_two_are_refused():
    """One step is no convolution."""
    with pytest.raises(ValueError, match="width is 1"):
        ShortConv(3, 1)
