"""In what precision an operator computes: float32 or better, whatever its inputs are."""

from __future__ import annotations

import torch
from torch import Tensor


def accumulator(*tensors: Tensor | None) -> torch.dtype:
    """Float64 when any tensor is, float32 otherwise; None is skipped."""
    wide = any(x is not None and x.dtype == torch.float64 for x in tensors)
    return torch.float64 if wide else torch.float32


def no_autocast(tensor: Tensor) -> torch.autocast:
    """A context in which autocast does not narrow the products of this tensor's device."""
    return torch.autocast(tensor.device.type, enabled=False)


def initial_state(
    state: Tensor | None, shape: tuple[int, ...], dtype: torch.dtype, device: torch.device
) -> Tensor:
    """The given state in `dtype`, or zeros of this shape."""
    return torch.zeros(shape, dtype=dtype, device=device) if state is None else state.to(dtype)


def read_scale(scale: float | None, width: int) -> float:
    """The given scale of the outputs, or `width ** -0.5`."""
    return width**-0.5 if scale is None else scale
