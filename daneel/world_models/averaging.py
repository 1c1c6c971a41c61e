"""Slow copies of networks: weights that follow the learned ones as a moving average.

Polyak and Juditsky (1992) for averaging; Lillicrap et al. (2015, arXiv 1509.02971) for targets from
slow copies.
"""

from __future__ import annotations

import copy
from typing import TypeVar

import torch
from torch import nn

Module = TypeVar("Module", bound=nn.Module)


def slow_copy(module: Module) -> Module:
    """A copy of `module` without gradients, for `follow`."""
    return copy.deepcopy(module).requires_grad_(False)


@torch.no_grad()
def follow(slow: nn.Module, fast: nn.Module, rate: float) -> None:
    """Moves the weights of `slow` a step of size `rate` towards those of `fast`; copies buffers."""
    for old, new in zip(slow.parameters(), fast.parameters(), strict=True):
        old.lerp_(new, rate)
    for old, new in zip(slow.buffers(), fast.buffers(), strict=True):
        old.copy_(new)
