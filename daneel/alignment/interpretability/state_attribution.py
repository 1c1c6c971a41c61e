"""What a carried state remembers: the share of every past input in it, and in the present output.

A linear backbone (retention, gla, mamba, mamba2, rwkv, delta) carries a state that is affine in
itself: s_t = A(x_t) s_{t-1} + w(x_t). So s_t is exactly the sum of what each step wrote, carried
through the later A's (the view of attention of Katharopoulos et al. 2020, arXiv 2006.16236, and of
Ali et al. 2024, arXiv 2403.01590, for Mamba). Nothing but the layer's public step is used: the
write of step s is the state after x_s from an empty memory, and A c = step(c) - step(0). Whether a
layer really is affine is measured, not assumed.

The effect on the output is an intervention: the present step is run once more without the share of
step s. That is exact, norms and gates included; effects need not add up, shares do.

For cores whose state is not affine (GRU, attention, long convolutions) `gradient_attribution` has
gradient times input: a first-order figure, not a decomposition.

Legend: B batch, T time, D model width, S source steps (S = T).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from daneel.backbones import State
from daneel.errors import ConfigError

Step = Callable[[Tensor, State, Tensor | None], tuple[Tensor, State]]
"""A layer of a backbone: `(x [B, T, D], state, resets) -> (y [B, T, D], state)`."""

MEMORY = "s"
"""Name of the matrix memory in every linear layer's state; its other tensors are short windows."""

_AFFINE = 1e-4
"""Largest relative defect of a step that counts as affine, in float32."""


@dataclass(frozen=True)
class Attribution:
    """Who wrote what the state holds after the last step of one sequence."""

    shares: Tensor
    """`[S, *state]`: what step s put into the memory, as it is after the last step; adds up to
    `state` (with the share of the state it began with, which is zero here)."""
    state: Tensor
    """`[*state]`, the memory itself."""
    effects: Tensor
    """`[S, D]`: the last output minus the last output without that share."""
    defect: float
    """Relative error of the sum of the shares against the state: rounding, if all is well."""

    @property
    def influence(self) -> Tensor:
        """`[S]`, length of each effect."""
        return self.effects.norm(dim=-1)


@torch.no_grad()
def state_attribution(layer: nn.Module, x: Tensor, initial: State) -> Attribution:
    """Splits the memory of a linear layer after `x` into what each step wrote.

    Costs S rows for T steps: sequences of hundreds of steps, not millions.

    Args:
        layer: A layer of a backbone, as in `backbone.layers[i]`.
        x: `[1, T, D]`, what enters that layer; `layer_inputs` records it.
        initial: The empty state for one row, under the layer's own names.

    Raises:
        ConfigError: the layer has no affine memory; the message says what to use.
    """
    _require_one(x)
    if MEMORY not in initial:
        raise ConfigError(
            f"The layer's state holds {', '.join(initial) or 'nothing'}, no {MEMORY!r}. Expected a "
            "linear backbone's layer. Use gradient_attribution."
        )
    carried, before = _walk(layer, x, initial)
    _require_affine(layer, x[:, -1:], before, carried.sum(0, keepdim=True))
    effects = _effects(layer, x[:, -1:], before, carried)
    carried, state = _step(layer, x[:, -1:], before, carried, len(carried) - 1)
    memory = state[MEMORY][0]
    defect = (carried.sum(0) - memory).norm() / memory.norm().clamp(min=1e-12)
    return Attribution(carried, memory, effects, float(defect))


def layer_inputs(backbone: nn.Module, x: Tensor, layer: int) -> tuple[nn.Module, Tensor, State]:
    """What enters layer `layer` of a stack when it reads `x [1, T, D]`: the arguments above."""
    _require_one(x)
    chosen = backbone.get_submodule(f"layers.{layer}")
    kept: list[tuple[Any, ...]] = []
    handle = chosen.register_forward_pre_hook(lambda _, inputs: kept.append(inputs))
    try:
        with torch.no_grad():
            backbone(x)
    finally:
        handle.remove()
    inner, state, _, *more = kept[0]
    if not more:
        return chosen, inner, state
    beside = more[0]
    joined = inner if beside is None else torch.cat([inner, beside], -1)
    return _Beside(chosen, inner.shape[-1]), joined, state


class _Beside(nn.Module):
    """A layer of rwkv with the values of the first layer, which it reads, beside its input."""

    def __init__(self, layer: nn.Module, width: int) -> None:
        super().__init__()
        self.layer, self.width = layer, width

    def forward(self, x: Tensor, state: State, resets: Tensor | None) -> tuple[Tensor, State]:
        beside = x[..., self.width :] if x.shape[-1] > self.width else None
        y, after, _ = self.layer(x[..., : self.width], state, resets, beside)
        return y, after


def gradient_attribution(model: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """`[T]`: gradient times input of the length of the last output, for `x [1, T, D]`.

    First order in the input: what the output would lose if a step shrank a little.

    Args:
        model: Maps `[1, T, D]` to `[1, T, D']`, such as `lambda x: backbone(x)[0]`.
        x: Inputs of one sequence.
    """
    _require_one(x)
    x = x.detach().requires_grad_(True)
    (slope,) = torch.autograd.grad(model(x)[:, -1].norm(), x)
    return (slope * x).sum(-1)[0].detach()


def _walk(layer: nn.Module, x: Tensor, initial: State) -> tuple[Tensor, State]:
    """The shares `[S, *state]` and the state before the last step."""
    carried = initial[MEMORY].new_zeros(x.shape[1], *initial[MEMORY].shape[1:])
    state = initial
    for t in range(x.shape[1] - 1):
        carried, state = _step(layer, x[:, t : t + 1], state, carried, t)
    return carried, state


def _step(
    layer: nn.Module, now: Tensor, state: State, carried: Tensor, t: int
) -> tuple[Tensor, State]:
    """Carries every share one step on and adds the one that step `t` writes."""
    empty = torch.zeros_like(state[MEMORY])
    written = _after(layer, now, state, empty)
    # Only the shares that exist already: the rest is zero and stays zero.
    held = _after(layer, now, state, carried[:t]) - written if t else carried[:0]
    carried = torch.cat([held, written, carried[t + 1 :]])
    return carried, layer(now, state, None)[1]


def _effects(layer: nn.Module, now: Tensor, before: State, carried: Tensor) -> Tensor:
    """The last output minus what it is without the share of each step, `[S, D]`.

    The last step's own write is its input, no memory: its effect here is zero.
    """
    without = _spread(before, before[MEMORY] - carried)
    y, _ = layer(now.expand(len(carried), -1, -1), without, None)
    return (layer(now, before, None)[0] - y)[:, 0]


def _after(layer: nn.Module, now: Tensor, state: State, memory: Tensor) -> Tensor:
    """The memory after one step from `memory [N, ...]`, everything else of the state as it is."""
    _, after = layer(now.expand(len(memory), -1, -1), _spread(state, memory), None)
    return after[MEMORY]


def _spread(state: State, memory: Tensor) -> State:
    rows = len(memory)
    rest = {key: value.expand(rows, *value.shape[1:]) for key, value in state.items()}
    return {**rest, MEMORY: memory}


def _require_affine(layer: nn.Module, now: Tensor, state: State, probe: Tensor) -> None:
    """A step at three points: affine if f(2 a) - f(a) = f(a) - f(0)."""
    points = torch.cat([torch.zeros_like(probe), probe, 2 * probe])
    zero, one, two = _after(layer, now, state, points)
    bend = (two - 2 * one + zero).norm() / (one.norm() + two.norm()).clamp(min=1e-12)
    if float(bend) > _AFFINE:
        raise ConfigError(
            f"The layer's step bends its memory by {float(bend):.2g} of its size. Expected an "
            "affine step. Use gradient_attribution."
        )


def _require_one(x: Tensor) -> None:
    if x.ndim != 3 or len(x) != 1 or x.shape[1] < 2:
        raise ConfigError(
            f"x has shape {list(x.shape)}. Expected [1, T, D] with at least two steps. Pass one "
            "sequence."
        )
