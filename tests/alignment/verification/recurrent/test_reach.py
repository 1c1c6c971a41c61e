"""States over k steps and for ever: simulated sequences stay inside, and windows are tighter."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from daneel.alignment.verification.recurrent import RecurrentStep, invariant, reach
from tests.alignment.verification.recurrent.test_step import DIM, LINEAR, step_of

FADING = ("gla", "mamba", "mamba2")


def simulated(
    step: RecurrentStep, inputs: tuple[Tensor, Tensor], start: Tensor, steps: int
) -> tuple[Tensor, ...]:
    """Outputs and states `[T, N, ...]` from `start [N, S]`; half the inputs are corners."""
    generator = torch.Generator().manual_seed(0)
    state, outputs, states = start, [], []
    for _ in range(steps):
        share = torch.rand(len(start), step.inputs, generator=generator)
        share[::2] = share[::2].round()
        x = (inputs[0] + share * (inputs[1] - inputs[0])).clamp(*inputs)
        with torch.no_grad():
            y, state = step(torch.cat([x, state], 1)).split([DIM, step.state_size], 1)
        outputs.append(y)
        states.append(state)
    return torch.stack(outputs).double(), torch.stack(states).double()


def corners(size: int, scale: float) -> tuple[Tensor, Tensor]:
    """Of a cube."""
    return torch.full((size,), -scale), torch.full((size,), scale)


@pytest.mark.parametrize("name", LINEAR)
def test_no_sequence_leaves_the_bounds(name: str) -> None:
    """Nor its outputs; a window of two steps is tighter where a step mixes what it holds."""
    step, centre = step_of(name), torch.tensor([1.0, -0.5, 0.3, -1.0])
    inputs = centre - 0.05, centre + 0.05
    start = corners(step.state_size, 0.0)
    outputs, states = simulated(step, inputs, torch.zeros(64, step.state_size), 4)
    found = reach(step, inputs, start, 4, window=2)
    for low, high, values in (
        (found.output_low, found.output_high, outputs),
        (found.low[1:], found.high[1:], states),
    ):
        assert bool((values >= low[:, None]).all())
        assert bool((values <= high[:, None]).all())
    single = reach(step, inputs, start, 2)
    ratio = (found.high - found.low)[2].sum() / (single.high - single.low)[2].sum()
    assert float(ratio) < (1 - 1e-3 if name in ("retention", "rwkv", "delta") else 1 + 1e-4)


@pytest.mark.parametrize("name", FADING)
def test_a_memory_that_fades_has_a_box_that_is_never_left(name: str) -> None:
    """Long sequences stay in it, from its own corners too."""
    step, inputs = step_of(name, spread=0.05), corners(DIM, 0.5)
    start = corners(step.state_size, 0.01)
    found = invariant(step, inputs, start)
    assert found is not None
    generator = torch.Generator().manual_seed(1)
    share = torch.rand(64, step.state_size, generator=generator).round().double()
    states = (found[0] + (0.001 + 0.998 * share) * (found[1] - found[0])).float()
    states[::2] = start[0]
    _, states = simulated(step, inputs, states, 40)
    assert bool((states >= found[0]).all())
    assert bool((states <= found[1]).all())
    assert bool((found[0] <= start[0]).all() and (start[1] <= found[1]).all())


def test_a_memory_that_does_not_fade_has_none() -> None:
    """A delta rule without decay adds up."""
    step = step_of("delta")
    mixer = step.backbone.get_submodule("layers.0.mixer")
    with torch.no_grad():
        mixer.get_parameter("log_rate").fill_(-30.0)
    start = corners(step.state_size, 0.0)
    assert invariant(step, corners(step.inputs, 1.0), start) is None
