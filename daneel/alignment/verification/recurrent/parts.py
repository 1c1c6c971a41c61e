"""What the steps of the backbones share, as nodes of a graph.

Sums of products are added up in the order of the deployed step wherever they could cancel: what
float32 may lose is counted from the parts.

Legend: H heads, K key width, V value width, E channels, W steps that a short convolution sees.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from daneel.alignment.verification import functions
from daneel.alignment.verification.graph import Builder
from daneel.alignment.verification.torch_modules import translate
from daneel.backbones.mlp import GatedMLP
from daneel.backbones.short_conv import ShortConv

State = dict[str, int]
"""For each name of the state, its node."""


def split(builder: Builder, source: int, sizes: Sequence[int]) -> list[int]:
    """Consecutive parts."""
    starts = torch.tensor([0, *sizes]).cumsum(0).tolist()
    return [
        builder.gather(source, torch.arange(start, start + size))
        for start, size in zip(starts, sizes, strict=False)
    ]


def minus(builder: Builder, left: int, right: int) -> int:
    """Left - right."""
    return builder.add(left, builder.scale(right, -1.0))


def blended(builder: Builder, start: int, end: int, share: Tensor | int) -> int:
    """Start + share (end - start); the share is a constant of each unit, or a node."""
    away = minus(builder, end, start)
    if isinstance(share, Tensor):
        part = builder.scale(away, share.detach().double().cpu())
    else:
        part = builder.product(share, away)
    return builder.add(start, part)


def short_conv(builder: Builder, conv: ShortConv, x: int, tail: int) -> tuple[int, int]:
    """Output `[E]` and the next tail `[W - 1, E]`."""
    window = builder.concat(tail, x)
    steps, channels = conv.weight.shape
    # weight_j is for the input j steps ago, and the window has the newest last.
    taps = [torch.diag(row) for row in conv.weight.detach().double().cpu().flip(0)]
    y = builder.affine(window, torch.cat(taps, 1), conv.bias, roundings=steps)
    after = builder.gather(window, torch.arange(channels, steps * channels))
    return (builder.apply(y, functions.SILU) if conv.activation else y), after


def gated_mlp(builder: Builder, mlp: GatedMLP, source: int, where: str) -> int:
    """down(silu(gate) up)."""
    both = translate(builder, mlp.up, source, f"{where}.up")
    gate, up = split(builder, both, [builder.size(both) // 2] * 2)
    inner = builder.product(builder.apply(gate, functions.SILU), up)
    return translate(builder, mlp.down, inner, f"{where}.down")


@dataclass(frozen=True)
class MatrixMemory:
    """A memory S `[H, K, V]`, flat: written by k v^T, read by q^T S."""

    heads: int
    key: int
    value: int

    @property
    def size(self) -> int:
        """H K V."""
        return self.heads * self.key * self.value

    def _places(self) -> tuple[Tensor, Tensor, Tensor]:
        grid = torch.cartesian_prod(
            torch.arange(self.heads), torch.arange(self.key), torch.arange(self.value)
        ).reshape(-1, 3)
        head, key, value = grid.unbind(1)
        return head, key, value

    def by_key(self, builder: Builder, source: int) -> int:
        """`[H, K]` for every entry of S."""
        head, key, _ = self._places()
        return builder.gather(source, head * self.key + key)

    def by_value(self, builder: Builder, source: int) -> int:
        """`[H, V]` for every entry of S."""
        head, _, value = self._places()
        return builder.gather(source, head * self.value + value)

    def by_head(self, builder: Builder, source: int) -> int:
        """`[H]` for every entry of S."""
        return builder.gather(source, self._places()[0])

    def outer(self, builder: Builder, k: int, v: int) -> int:
        """K v^T of `[H, K]` and `[H, V]`."""
        return builder.product(self.by_key(builder, k), self.by_value(builder, v))

    def read(self, builder: Builder, q: int, memory: int, scale: float = 1.0) -> int:
        """Scale q^T S: `[H, V]`."""
        head, _, value = self._places()
        places = torch.nn.functional.one_hot(head * self.value + value).T.double()
        found = builder.product(self.by_key(builder, q), memory)
        return builder.affine(found, scale * places, torch.zeros(len(places)), roundings=2)


def linear_map(builder: Builder, source: int, weight: Tensor, roundings: int = 0) -> int:
    """Weight x, for a matrix that is no layer."""
    weight = weight.detach().double().cpu()
    return builder.affine(source, weight, torch.zeros(len(weight)), roundings)


def shifted(builder: Builder, source: int, by: nn.Parameter) -> int:
    """X + by, computed in the widest precision of both."""
    return builder.scale(source, 1.0, by.detach().double().cpu())
