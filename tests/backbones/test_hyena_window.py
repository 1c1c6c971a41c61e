"""Hyena's filter over a window equals the whole one, as far as the window reaches.

Legend: B batch, T time, D channels, L length of the window.
"""

from __future__ import annotations

import itertools

import pytest
import torch

from daneel.backbones.hyena_window import WindowedFilter
from daneel.backbones.ops import long_conv_naive
from tests.backbones.test_hyena_filter import WIDE, inputs, made


@pytest.mark.parametrize(("max_len", "length"), [(37, 37), (37, 50), (1000, 150), (1, 1)])
def test_a_window_equals_the_filter(max_len: int, length: int) -> None:
    """As far as it reaches, with episodes that begin anywhere, in any cut."""
    core, u = made(max_len), inputs()
    windowed = WindowedFilter(core, length)
    resets = torch.rand(2, 150, generator=torch.Generator().manual_seed(2)) < 0.04
    state, outputs = {"window": u.new_zeros(2, *windowed.shape)}, []
    for start, stop in itertools.pairwise((0, 1, 60, 150)):
        y, state = windowed(u[:, start:stop], state, resets[:, start:stop])
        outputs.append(y)
    expected = core(u, None, resets)[0]
    torch.testing.assert_close(torch.cat(outputs, 1), expected, rtol=0, atol=1e-11)


def test_a_short_window_forgets_what_is_older() -> None:
    """It is the convolution with the first taps alone."""
    core, u = made(1000), inputs()
    windowed = WindowedFilter(core, 20)
    found, _ = windowed(u, {"window": u.new_zeros(2, 20, WIDE)})
    expected = long_conv_naive(u, torch.nn.functional.pad(core.kernel(20), (0, 130)), core.bias)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-11)
