"""What can be done with a state: pure functions, nothing is changed in place.

A state is a flat dict of batch-first tensors, so it saves with `safetensors.torch.save_file` as it
is. One tensor may grow in its second axis (the cache of attention); everything else is fixed.

Legend: B batch, T time, D model width.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from daneel.backbones.protocol import State

GROWS = -1
"""Stands in a shape for an axis that is empty at first and grows with every step."""

Shapes = Mapping[str, tuple[int, ...]]
"""Shape of each tensor of a state without the batch axis; an axis may be `GROWS`.

A name that ends in `*` stands for any number of tensors, none at first, whose names begin so.
"""


def zeros(shapes: Shapes, batch: int, device: torch.device | str, dtype: torch.dtype) -> State:
    """The state of `shapes` before the first step: zeros."""
    return {
        key: torch.zeros(batch, *(max(size, 0) for size in shape), device=device, dtype=dtype)
        for key, shape in shapes.items()
        if not key.endswith("*")
    }


def wide(x: Tensor) -> Tensor:
    """`x` in float32, or as it is in float64: the precision in which states are kept."""
    return x if x.dtype == torch.float64 else x.float()


def detach(state: State) -> State:
    """The state cut off from the graph that computed it: what truncated training carries on."""
    return {key: value.detach() for key, value in state.items()}


def select(state: State, index: Tensor | slice) -> State:
    """The rows that `index` names: integers `[N]`, a mask `[B]` or a slice."""
    return {key: value[index] for key, value in state.items()}


def repeat(state: State, n: int) -> State:
    """Each row n times in a row, for n futures of each: `[B, ...]` to `[B n, ...]`."""
    return {key: value.repeat_interleave(n, 0) for key, value in state.items()}


def to(state: State, device: torch.device | str) -> State:
    """The state on another device."""
    return {key: value.to(device) for key, value in state.items()}


def where(mask: Tensor, a: State, b: State) -> State:
    """The rows of `a` where `mask [B]` is true, those of `b` elsewhere.

    Where an axis has grown more in one of them, the other is filled up with zeros in front.

    Raises:
        ValueError: the states have different keys or shapes that cannot be joined (those of hyena
            can be only after equally many steps).
    """
    if a.keys() != b.keys():
        raise ValueError(
            f"The states have keys {sorted(a)} and {sorted(b)}. Expected equal keys. Join states "
            "of one backbone."
        )
    mixed = {}
    for key in a:
        left, right = level(key, a[key], b[key])
        mixed[key] = torch.where(mask.reshape(-1, *[1] * (left.ndim - 1)), left, right)
    return mixed


def check_state(shapes: Shapes, state: State, batch: int, device: torch.device) -> None:
    """Refuses a state that is not of these shapes, this batch size and this device.

    Raises:
        ValueError: names the key and both shapes.
    """
    fixed = {key for key in shapes if not key.endswith("*")}
    own = {key: _shape_of(shapes, key) for key in state}
    if not fixed <= own.keys() or None in own.values():
        raise ValueError(
            f"state has keys {sorted(state)}. Expected {sorted(shapes)}. Take it from this "
            "backbone's initial_state or forward."
        )
    for key, shape in own.items():
        value, expected = state[key], (batch, *(shape or ()))
        if not _fits(tuple(value.shape), expected):
            raise ValueError(
                f"state[{key!r}] has shape {tuple(value.shape)}. Expected "
                f"{_shown(expected)} for x with {batch} rows. Take the state from this backbone's "
                "initial_state or forward, or pick its rows with state.select."
            )
        if value.device != device:
            raise ValueError(
                f"state[{key!r}] (shape {tuple(value.shape)}) is on {value.device}, but x is on "
                f"{device}. Expected one device. Move it with state.to(state, x.device)."
            )


def level(key: str, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """The tensors of one name, both with the longer second axis: zeros in front are no steps."""
    if a.shape[1:] == b.shape[1:]:
        return a, b
    if a.ndim < 2 or a.shape[2:] != b.shape[2:]:
        raise ValueError(
            f"state[{key!r}] has shapes {tuple(a.shape)} and {tuple(b.shape)}. Expected equal "
            "shapes up to the batch and a cache axis. Join states of one backbone."
        )
    length = max(a.shape[1], b.shape[1])
    return _fill(a, length), _fill(b, length)


def _fill(x: Tensor, length: int) -> Tensor:
    front = x.new_zeros(len(x), length - x.shape[1], *x.shape[2:])
    return torch.cat([front, x], 1)


def _shape_of(shapes: Shapes, key: str) -> tuple[int, ...] | None:
    """The shape that the tensor of this name should have; None if there is no such tensor."""
    if key in shapes:
        return shapes[key]
    several = (name for name in shapes if name.endswith("*") and key.startswith(name[:-1]))
    return next((shapes[name] for name in several), None)


def _fits(shape: tuple[int, ...], expected: tuple[int, ...]) -> bool:
    if len(shape) != len(expected):
        return False
    return all(b in (a, GROWS) for a, b in zip(shape, expected, strict=True))


def _shown(shape: tuple[int, ...]) -> str:
    return "(" + ", ".join("any" if size == GROWS else str(size) for size in shape) + ")"
