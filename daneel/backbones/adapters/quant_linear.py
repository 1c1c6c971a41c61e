"""A linear layer that keeps its weight in four bits only, in the forward and in the backward.

Legend: R rows, I inputs, O outputs.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from daneel.backbones.adapters.nf4 import BLOCK, NF4, dequantise, quantise

SLICE = 2**18
"""Weights that are dequantised at a time: a slice is used once and forgotten."""


def quant_matmul(x: Tensor, weight: NF4) -> Tensor:
    """`x [..., I]` times the transpose of `weight [O, I]`, with the gradient of x.

    Raises:
        ValueError: the widths differ.
    """
    if len(weight.shape) != 2 or x.shape[-1] != weight.shape[1]:
        raise ValueError(
            f"x is {list(x.shape)} and the packed weight {list(weight.shape)}. Expected [..., I] "
            "and [O, I] with the same I. Look which layer the input was meant for."
        )
    rows: Any = _QuantMatmul.apply(x.reshape(-1, x.shape[-1]), weight)
    return rows.view(*x.shape[:-1], weight.shape[0])


class _QuantMatmul(torch.autograd.Function):
    """Keeps the packed weight for the backward, which dequantises it again, slice by slice."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: NF4) -> Tensor:
        ctx.weight = weight
        y = x.new_empty(len(x), weight.shape[0])
        for first, last, part in _slices(weight, x.dtype):
            y[:, first:last] = x @ part.T
        return y

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        grad, weight = grads[0], ctx.weight
        gx = grad.new_zeros(len(grad), weight.shape[1])
        for first, last, part in _slices(weight, grad.dtype):
            gx += grad[:, first:last] @ part
        return gx, None


def _slices(weight: NF4, dtype: torch.dtype) -> Iterator[tuple[int, int, Tensor]]:
    """Rows `[first, last)` of the weight, dequantised, that begin and end with a block."""
    rows, width = weight.shape
    least = BLOCK // math.gcd(width, BLOCK)
    step = max(SLICE // (width * least), 1) * least
    for first in range(0, rows, step):
        last = min(first + step, rows)
        start, stop = first * width // BLOCK, -(-last * width // BLOCK)
        part = dequantise(weight, dtype, start, stop).flatten()
        yield first, last, part[: (last - first) * width].view(-1, width)


class QuantLinear(nn.Module):
    """`nn.Linear` with its weight packed in NF4 and frozen; the bias stays as it is, frozen too.

    Loads its own state and that of an `nn.Linear`, which it packs.

    Args:
        linear: The layer whose weights are packed; it is not changed.
    """

    packed: Tensor
    scale: Tensor
    group: Tensor
    offset: Tensor
    bias: Tensor | None

    def __init__(self, linear: nn.Linear) -> None:
        """Packs the weights."""
        super().__init__()
        self.in_features, self.out_features = linear.in_features, linear.out_features
        for name, part in _parts(linear.weight).items():
            self.register_buffer(name, part)
        bias = None if linear.bias is None else linear.bias.detach().clone()
        self.register_buffer("bias", bias)

    @property
    def packed_weight(self) -> NF4:
        """The weight `[O, I]`."""
        shape = (self.out_features, self.in_features)
        return NF4(self.packed, self.scale, self.group, self.offset, shape)

    def dequantised(self, dtype: torch.dtype = torch.float32) -> Tensor:
        """The whole weight `[O, I]`, for merging and for tests."""
        return dequantise(self.packed_weight, dtype)

    def forward(self, x: Tensor) -> Tensor:
        """`[..., I] -> [..., O]`."""
        y = quant_matmul(x, self.packed_weight)
        return y if self.bias is None else y + self.bias.to(y.dtype)

    def extra_repr(self) -> str:
        """Sizes, as `nn.Linear` shows them."""
        bias = self.bias is not None
        return f"in_features={self.in_features}, out_features={self.out_features}, bias={bias}"

    def _load_from_state_dict(
        self, state_dict: dict[str, Any], prefix: str, *args: Any, **kwargs: Any
    ) -> None:
        weight = state_dict.pop(f"{prefix}weight", None)
        if weight is not None:
            expected = (self.out_features, self.in_features)
            if tuple(weight.shape) != expected:
                raise ValueError(
                    f"{prefix}weight is {list(weight.shape)}. Expected {list(expected)}. "
                    "Load the weights of a model of the same sizes."
                )
            parts = _parts(weight.to(self.packed.device))
            state_dict.update({f"{prefix}{name}": part for name, part in parts.items()})
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)


def _parts(weight: Tensor) -> dict[str, Tensor]:
    """The buffers of a weight."""
    found = quantise(weight)
    return {
        "packed": found.packed,
        "scale": found.scale,
        "group": found.group,
        "offset": found.offset,
    }
