"""Causal convolution with a filter as long as the sequence, by FFT.

    y[t] = sum_{s <= t} kernel[s] u[t - s] + bias u[t]

The long convolution of Poli et al., "Hyena Hierarchy" (2023), arXiv 2302.10866, section 3: zero
padded to at least 2T - 1, so nothing wraps around and no output sees a later input. Sums are taken
in float32 (float64 for float64 inputs) whatever the inputs are. The FFT spreads rounding: a change
at t moves earlier outputs by about one unit in the last place of the largest output, no more.

Legend: B batch, T time, D channels, L taps of the kernel.
"""

from __future__ import annotations

import torch
from torch import Tensor

from daneel.backbones.ops import check
from daneel.backbones.ops.precision import accumulator, no_autocast

CHANNELS = 32
"""Channels transformed at once on a CPU: their spectra then stay in the cache."""


def long_conv(u: Tensor, kernel: Tensor, bias: Tensor | None = None) -> Tensor:
    """Convolves `u [B, T, D]` with `kernel [D, L]`; the result has the shape and dtype of `u`.

    Args:
        u: Inputs.
        kernel: Taps, the newest input's first. Taps past the T-th are never reached and not read; a
            kernel of fewer than T taps is zero from there on.
        bias: Weight `[D]` of the input itself, besides tap 0.

    Raises:
        ValueError: shapes, devices or values that do not fit; the message says which.
    """
    _check(u, kernel, bias)
    dtype = accumulator(u, kernel, bias)
    x, taps = u.to(dtype), kernel[:, : u.shape[1]].to(dtype)
    with no_autocast(u):
        y = causal_conv(x.mT, taps).mT
    if bias is not None:
        y = y + bias.to(dtype) * x
    return y.to(u.dtype)


def long_conv_naive(u: Tensor, kernel: Tensor, bias: Tensor | None = None) -> Tensor:
    """The definition: a loop over time in float64; arguments as `long_conv`."""
    _check(u, kernel, bias)
    x, taps = u.double(), kernel.double()
    outputs = []
    for t in range(x.shape[1]):
        reach = min(t + 1, taps.shape[1])
        seen = x[:, t + 1 - reach : t + 1].flip(1)
        outputs.append((seen * taps[:, :reach].T).sum(1))
    y = torch.stack(outputs, 1)
    return y if bias is None else y + bias.double() * x


def causal_conv(x: Tensor, taps: Tensor) -> Tensor:
    """`x [B, D, T]` by `taps [D, L]`, unchecked, time last; gives `[B, D, T]`."""
    size = fft_size(x.shape[-1] + taps.shape[-1] - 1)
    return _by_channels(x, taps, size, slice(0, x.shape[-1]))


def reach_ahead(x: Tensor, taps: Tensor) -> Tensor:
    """What `x [B, D, T]` gives to the T outputs after its own, by `taps [D, 2T]`, unchecked.

    An FFT of 2T wraps only into the first T outputs, which are not wanted here.
    """
    steps = x.shape[-1]
    return _by_channels(x, taps, 2 * steps, slice(steps, 2 * steps))


def _by_channels(x: Tensor, taps: Tensor, size: int, kept: slice) -> Tensor:
    """Cyclic convolution of `size`, a cacheful of channels at a time: twice as fast on a CPU."""
    width = x.shape[1] if x.is_cuda else CHANNELS
    groups = zip(x.split(width, 1), taps.split(width), strict=True)
    return torch.cat([_convolve(part, filters, size)[..., kept] for part, filters in groups], 1)


def _convolve(x: Tensor, taps: Tensor, size: int) -> Tensor:
    return torch.fft.irfft(torch.fft.rfft(x, size) * torch.fft.rfft(taps, size), size)


def fft_size(least: int) -> int:
    """The smallest even `2^a`, `3 * 2^a` or `5 * 2^a` of at least `least`: fast, little padding."""
    power = 1 << max(1, (least - 1).bit_length())
    return next(n for n in (5 * power // 8, 3 * power // 4, power) if n >= least and n % 2 == 0)


def _check(u: Tensor, kernel: Tensor, bias: Tensor | None) -> None:
    axes = check.Axes()
    axes.take("u", u, "BTD")
    axes.take("kernel", kernel, "DL")
    if bias is not None:
        axes.take("bias", bias, "D")
    check.check_finite(u=u, kernel=kernel, bias=bias)
