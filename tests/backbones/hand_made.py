"""Small backbones of every name, and random episodes, for the tests beside this file."""

from itertools import pairwise

import pytest
import torch
from torch import Tensor

from daneel.backbones import BACKBONES, Backbone, State, build

DIM, DEPTH = 16, 2

NAMES = [name for name in BACKBONES.names() if name != "identity"]
"""Backbones with memory."""

every_backbone = pytest.mark.parametrize("name", NAMES)


def generator(seed: int = 0) -> torch.Generator:
    """A generator of its own for each use."""
    return torch.Generator().manual_seed(seed)


def small(name: str, dtype: torch.dtype = torch.float64, depth: int = DEPTH) -> Backbone:
    """The backbone of this name, the same in every test."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        core = build(name, DIM, depth).to(dtype)
        # Weights that begin at zero or one would hide what they multiply.
        for parameter in core.parameters():
            parameter.data += 0.05 * torch.randn(parameter.shape, dtype=dtype)
    return core


def inputs(rows: int, steps: int, dtype: torch.dtype = torch.float64, seed: int = 0) -> Tensor:
    """Random `[B, T, D]`."""
    return torch.randn(rows, steps, DIM, generator=generator(seed), dtype=dtype)


def past(core: Backbone, rows: int, dtype: torch.dtype = torch.float64) -> State:
    """A state that has seen five steps."""
    with torch.no_grad():
        return core(inputs(rows, 5, dtype, seed=9))[1]


def chunks(core: Backbone, x: Tensor, state: State | None, cuts: list[int], resets: Tensor | None):
    """Outputs and state of a run cut at `cuts`, from 0 to T."""
    outputs = []
    for begin, end in pairwise(cuts):
        piece = None if resets is None else resets[:, begin:end]
        y, state = core(x[:, begin:end], state, piece)
        outputs.append(y)
    assert state is not None
    return torch.cat(outputs, 1), state


def far(a: Tensor, b: Tensor) -> float:
    """Largest difference over the largest value."""
    assert a.shape == b.shape, (a.shape, b.shape)
    a, b = a.detach(), b.detach()
    return float((a - b).abs().max() / b.abs().max().clamp(min=1e-6))


def apart(core: Backbone, state: State, other: State) -> float:
    """How differently the core goes on from two states: what a state is for."""
    rows = len(next(iter(state.values())))
    x = inputs(rows, 4, next(core.parameters()).dtype, seed=5)
    return far(core(x, state)[0], core(x, other)[0])
