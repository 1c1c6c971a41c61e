"""Needles among many cached keys: a decoding step by an index, beside dense attention.

Legend: T cached tokens, H heads, D width of a head.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from daneel.backbones.key_index import TopKSparseAttention
from daneel.backbones.ops.attention import attention

SHARPNESS = 30.0
"""Score of a needle's own key, about where trained attention retrieves; noise scores around 4."""


@dataclass(frozen=True)
class Haystack:
    """Cached keys and values, and where the needles are."""

    keys: Tensor
    """`[1, T, H, D]`, unit length."""
    values: Tensor
    """`[1, T, H, D]`."""
    places: Tensor
    """`[needles]`, distinct."""


def haystack(tokens: int, needles: int, noise: float, heads: int = 2, width: int = 64) -> Haystack:
    """Keys that stay near a topic for 64 steps, `noise` away from it, and needles near none.

    With an infinite `noise` there are no topics: no index can bound such keys.
    """
    generator = torch.Generator().manual_seed(tokens)
    shape = (1, tokens, heads, width)
    keys = torch.randn(shape, generator=generator)
    if noise < float("inf"):
        topics = F.normalize(torch.randn(1024, heads, width, generator=generator), dim=-1)
        which = torch.randint(1024, (tokens // 64 + 1,), generator=generator)
        keys.mul_(noise * width**-0.5).add_(topics[which.repeat_interleave(64)[:tokens]])
    places = torch.randperm(tokens, generator=generator)[:needles]
    keys[0, places] = torch.randn(len(places), heads, width, generator=generator)
    keys /= keys.norm(dim=-1, keepdim=True)
    return Haystack(keys, torch.randn(shape, generator=generator), places)


@dataclass
class Searched:
    """What all queries together gave."""

    append_us: float
    """Microseconds to append a key."""
    seconds: dict[str, list[float]] = field(default_factory=lambda: {"index": [], "dense": []})
    """Of each query."""
    right: dict[str, int] = field(default_factory=lambda: {"index": 0, "dense": 0})
    """Queries whose needle was found."""
    fallbacks: int = 0
    """Queries for which the index looked at every key."""


def search(stack: Haystack) -> Searched:
    """Asks for every needle once, by the index and by dense attention in turn."""
    began, tokens = time.perf_counter(), stack.keys.shape[1]
    cache = TopKSparseAttention(scale=1.0)
    for keys, values in zip(stack.keys.split(4096, 1), stack.values.split(4096, 1), strict=True):
        cache.append(keys, values)
    found = Searched(1e6 * (time.perf_counter() - began) / tokens)
    # Heads first, contiguous: the layout in which dense decoding is fastest.
    keys, values = (
        x.transpose(1, 2).contiguous().transpose(1, 2) for x in (stack.keys, stack.values)
    )
    generator = torch.Generator().manual_seed(1)
    for place in stack.places:
        key = stack.keys[:, int(place)]
        noise = torch.randn(key.shape, generator=generator) / key.shape[-1] ** 0.5
        q = SHARPNESS * (key + 0.3 * noise)
        answer, seconds = _timed(lambda q=q: cache.decode(q))
        found.seconds["index"].append(seconds)
        found.right["index"] += _is_needle(answer.output, stack, place)
        found.fallbacks += int((answer.read == tokens).all())
        full, seconds = _timed(lambda q=q: attention(q[:, None], keys, values, scale=1.0))
        found.seconds["dense"].append(seconds)
        found.right["dense"] += _is_needle(full[:, 0], stack, place)
    return found


def _is_needle(output: Tensor, stack: Haystack, place: Tensor) -> bool:
    """Whether the output of every head is nearer to the needle's value than to another needle's."""
    values = stack.values[0, stack.places]
    nearest = (output[0] - values).square().sum(-1).argmin(0)
    return bool((stack.places[nearest] == place).all())


def _timed(call: Callable[[], Any]) -> tuple[Any, float]:
    began = time.perf_counter()
    return call(), time.perf_counter() - began
