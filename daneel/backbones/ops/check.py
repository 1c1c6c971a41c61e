"""Argument checks shared by the operators.

Each message says what was wrong (the argument, its shape or value, and the one it disagrees with),
what was expected, and what to do. Shapes, dtypes and devices are always checked. Values are read
only where reading is cheap and possible: not while a graph is traced, and not on an accelerator,
where it would stop the queue.

Legend: B batch, T time, H heads, G groups, K key width, V value width.
"""

from __future__ import annotations

import torch
from torch import Tensor

_MEANING = {"B": "batch", "T": "time", "H": "heads", "G": "groups", "K": "key width"}
_MEANING |= {"V": "value width", "P": "head width", "N": "state width", "D": "channels"}


class Axes:
    """Remembers which argument set the size of each axis, and refuses those that disagree."""

    def __init__(self) -> None:
        """Knows no axis."""
        self._sizes: dict[str, int] = {}
        self._origins: dict[str, tuple[str, Tensor]] = {}
        self._first: tuple[str, Tensor] | None = None

    def take(self, name: str, tensor: Tensor, axes: str) -> None:
        """Checks the argument `name` against `axes`, one letter an axis, such as "BTHK".

        Raises:
            ValueError: it is no float tensor, has another rank, an empty axis, a size that an
                earlier argument contradicts, or lives on another device.
        """
        if not tensor.dtype.is_floating_point:
            raise ValueError(
                f"{name} has dtype {tensor.dtype}. Expected a floating point tensor "
                f"{_layout(axes)}. Convert it with {name}.float()."
            )
        self.take_shape(name, tensor, axes)

    def take_shape(self, name: str, tensor: Tensor, axes: str) -> None:
        """As `take`, of any dtype.

        Raises:
            ValueError: see `take`.
        """
        if tensor.ndim != len(axes):
            raise ValueError(
                f"{name} has shape {tuple(tensor.shape)}, {tensor.ndim} axes. Expected "
                f"{len(axes)} axes, {_layout(axes)}. Reshape {name}."
            )
        for axis, size in zip(axes, tensor.shape, strict=True):
            self._agree(name, tensor, axes, axis, size)
        self._same_device(name, tensor)

    def size(self, axis: str) -> int:
        """The size of an axis that an argument has set."""
        return self._sizes[axis]

    def _agree(self, name: str, tensor: Tensor, axes: str, axis: str, size: int) -> None:
        shape = tuple(tensor.shape)
        if size == 0:
            raise ValueError(
                f"{name} has shape {shape}, whose axis {_named(axis)} is empty. Expected at least "
                f"one entry in every axis of {_layout(axes)}. Skip the call when there is no data."
            )
        known = self._sizes.setdefault(axis, size)
        origin, other = self._origins.setdefault(axis, (name, tensor))
        if known != size:
            raise ValueError(
                f"{name} has shape {shape}, so {_named(axis)} would be {size}; {origin} has shape "
                f"{tuple(other.shape)}, where it is {known}. Expected {name} {_layout(axes)} with "
                f"{axis} = {known}. Change {name} or {origin} so that they agree."
            )

    def _same_device(self, name: str, tensor: Tensor) -> None:
        self._first = self._first or (name, tensor)
        origin, other = self._first
        if tensor.device != other.device:
            raise ValueError(
                f"{name} (shape {tuple(tensor.shape)}) is on {tensor.device}, but {origin} (shape "
                f"{tuple(other.shape)}) is on {other.device}. Expected one device. Move it with "
                f"{name}.to({origin}.device)."
            )


def check_resets(resets: Tensor | None, axes: Axes) -> None:
    """Refuses resets that are not bool `[B, T]`.

    Raises:
        ValueError: another dtype, shape or device.
    """
    if resets is None:
        return
    if resets.dtype != torch.bool:
        raise ValueError(
            f"resets has dtype {resets.dtype}. Expected bool [B, T], true where an episode "
            "begins. Convert it with resets.bool()."
        )
    axes.take_shape("resets", resets, "BT")


def check_finite(**tensors: Tensor | None) -> None:
    """Refuses NaN and infinity; the keywords are the arguments' names, None is skipped.

    Raises:
        ValueError: a value is not finite.
    """
    for name, tensor in tensors.items():
        # A sum is many times cheaper than isfinite, and finite only if every term is; a finite
        # tensor whose sum overflows is told apart by the second look.
        if tensor is None or not _readable(tensor) or bool(tensor.detach().sum().isfinite()):
            continue
        bad = int((~tensor.isfinite()).sum())
        if bad:
            raise ValueError(
                f"{name} (shape {tuple(tensor.shape)}) holds {bad} values that are NaN or "
                f"infinite. Expected finite values. Find where {name} became non-finite."
            )


def check_log_decay(name: str, log_decay: Tensor, *, strict: bool = False) -> None:
    """Refuses a logarithm of a decay that is NaN, infinite or above 0 (`strict`: 0 too).

    Raises:
        ValueError: the state would grow, or is undefined.
    """
    check_finite(**{name: log_decay})
    if not _readable(log_decay):
        return
    largest = float(log_decay.detach().max())
    if largest > 0 or (strict and largest == 0):
        bound = "below 0" if strict else "of 0 or less"
        raise ValueError(
            f"{name} (shape {tuple(log_decay.shape)}) reaches {largest:g}. Expected values {bound}:"
            f" it is the logarithm of a decay. Use -softplus(x) or logsigmoid(x) for {name}."
        )


def check_positive(name: str, tensor: Tensor) -> None:
    """Refuses values that are NaN, infinite or below 0.

    Raises:
        ValueError: such a value.
    """
    check_finite(**{name: tensor})
    if not _readable(tensor):
        return
    least = float(tensor.detach().min())
    if least < 0:
        raise ValueError(
            f"{name} (shape {tuple(tensor.shape)}) falls to {least:g}. Expected values of 0 or "
            f"more. Use softplus(x) for {name}."
        )


def known_above(tensor: Tensor, least: float) -> bool:
    """Whether every value is at least `least`; false also where values are not read."""
    return _readable(tensor) and float(tensor.detach().min()) >= least


def _readable(tensor: Tensor) -> bool:
    tracing = torch.compiler.is_compiling() or torch.onnx.is_in_onnx_export()
    return tensor.device.type == "cpu" and not tracing


def _named(axis: str) -> str:
    return f"{axis} ({_MEANING[axis]})" if axis in _MEANING else axis


def _layout(axes: str) -> str:
    return "[" + ", ".join(axes) + "]"
