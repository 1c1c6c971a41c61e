"""Byte models that `bench lm` trains: of one size, and of a third of the FLOPs for row C-4."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch

from daneel import backbones
from daneel.backbones.byte_lm import ByteLM, ByteModel
from daneel.backbones.megabyte import MegaByte

NAMES = ("attention", "gru", "retention", "gla", "mamba", "mamba2", "rwkv", "delta", "hyena")
MEGABYTE, APART, FLAT = "megabyte", "megabyte, attention within patches", "flat attention"
OF_C4 = (FLAT, MEGABYTE, APART)

Make = Callable[[], ByteModel]


def models(names: Sequence[str], dim: int, depth: int) -> dict[str, Make]:
    """What to train, by name; every model matches the attention model's parameters."""
    target = size(ByteLM(backbones.build("attention", dim, depth)))
    made: dict[str, Make] = {}
    for name in names:
        if name == MEGABYTE:
            made |= patched(dim, depth)
        else:
            made[name] = matched(name, dim, depth, target)
    return made


def matched(name: str, dim: int, depth: int, target: int) -> Make:
    """The model of `name` whose width makes its size closest to `target` parameters."""
    widths = range(dim // 2, 2 * dim + 1, 8)
    sizes = {width: _size_at(name, width, depth) for width in widths}
    best = min(widths, key=lambda width: abs(sizes[width] - target))
    return lambda: ByteLM(backbones.build(name, best, depth))


def _size_at(name: str, width: int, depth: int) -> float:
    """Parameters at a width; infinite where the backbone refuses it."""
    try:
        return size(ByteLM(backbones.build(name, width, depth)))
    except ValueError:
        return math.inf


def patched(dim: int, depth: int) -> dict[str, Make]:
    """Row C-4: a flat byte transformer and MegaBytes at a third of its FLOPs or less."""
    half = max(depth // 2, 1)
    return {
        FLAT: lambda: ByteLM(backbones.build("attention", dim, 3 * depth)),
        MEGABYTE: lambda: MegaByte.of(
            "mamba", "mamba", patch=8, cross_patch=True, dims=(2 * dim, dim), depths=(depth, depth)
        ),
        APART: lambda: MegaByte.of(
            patch=4, dims=(3 * dim // 2, 3 * dim // 4), depths=(depth, half)
        ),
    }


def size(model: torch.nn.Module) -> int:
    """Parameters of a model."""
    return sum(parameter.numel() for parameter in model.parameters())
