"""Parallel, chunked and recurrent runs of every backbone agree, in value and in every gradient."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from daneel.backbones import Backbone, State
from tests.backbones.hand_made import (
    DIM,
    NAMES,
    apart,
    chunks,
    every_backbone,
    far,
    generator,
    inputs,
    past,
    small,
)

T = 21
CUTS = {"uneven": [0, 1, 8, 9, 16, T], "steps": list(range(T + 1))}
TOLERANCE = {torch.float64: 1e-10, torch.float32: 1e-4}


@every_backbone
@pytest.mark.parametrize("cuts", CUTS)
@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
def test_any_cut_agrees_in_value_and_gradient(name, cuts, dtype):
    """Uneven chunks and single steps give the values and gradients of the whole, dS0 included."""
    core = small(name, dtype)
    resets = torch.zeros(2, T, dtype=torch.bool)
    resets[0, 11] = resets[1, 3] = True
    whole = _everything(core, [0, T], resets, dtype)
    cut = _everything(core, CUTS[cuts], resets, dtype)
    assert whole.keys() == cut.keys()
    for key in whole:
        assert far(cut[key], whole[key]) <= TOLERANCE[dtype], key


@every_backbone
def test_gradients_reach_the_first_state_and_every_weight(name):
    """No parameter, and no floating point state that matters, is cut off."""
    core = small(name)
    state = {key: value.requires_grad_() for key, value in past(core, 2).items()}
    y, _ = core(inputs(2, 3), state)
    y.square().sum().backward()
    assert all(parameter.grad is not None for parameter in core.parameters())
    moved = [key for key, value in state.items() if value.grad is not None]
    assert {key.split(".")[0] for key in moved} == {"layer0", "layer1"}


@every_backbone
def test_resets_equal_separate_episodes(name):
    """Resets inside a chunk, at its ends and next to each other: as if each episode ran alone."""
    core, x = small(name), inputs(4, T, seed=3)
    starts = [[0], [5, 6], [T - 1], []]
    resets = torch.zeros(4, T, dtype=torch.bool)
    for row, begins in enumerate(starts):
        resets[row, begins] = True
    before = past(core, 4)
    y, after = core(x, before, resets)
    for row, begins in enumerate(starts):
        state = _row(before, row)
        for begin, end in zip([0, *begins], [*begins, T], strict=True):
            state = core.initial_state(1) if begin in begins else state
            if begin < end:
                alone, state = core(x[row : row + 1, begin:end], state)
                assert far(alone, y[row : row + 1, begin:end]) <= 1e-10
        assert apart(core, _row(after, row), state) <= 1e-10


@every_backbone
def test_what_comes_later_changes_nothing_before(name):
    """A changed input changes its own output and none before it."""
    core, x = small(name), inputs(2, T)
    y, _ = core(x)
    for t in (0, 7, T - 1):
        changed = x.clone()
        changed[:, t] = -x[:, t]
        other, _ = core(changed)
        assert torch.equal(other[:, :t], y[:, :t]) or far(other[:, :t], y[:, :t]) <= 1e-14
        assert far(other[:, t], y[:, t]) > 1e-3


@every_backbone
def test_rows_never_mix(name):
    """A row alone gives what it gives in a batch, resets and state included."""
    core, x = small(name), inputs(3, T)
    resets = torch.rand(3, T, generator=generator()) < 0.1
    state = past(core, 3)
    y, after = core(x, state, resets)
    alone, own = core(x[1:2], _row(state, 1), resets[1:2])
    assert far(alone, y[1:2]) <= 1e-12
    assert apart(core, own, _row(after, 1)) <= 1e-12


@every_backbone
def test_padding_leaves_the_state_untouched(name):
    """With `lengths`, each row ends where it ends, whatever stands behind; also after 0 steps."""
    core, lengths = small(name), torch.tensor([T, 4, 0, 4])
    x = inputs(4, T)
    state = core.initial_state(4) if name == "hyena" else past(core, 4)
    resets = torch.zeros(4, T, dtype=torch.bool)
    resets[1, 2] = resets[3, 9] = True
    y, after = core(x, state, resets, lengths)
    for row, length in enumerate(lengths.tolist()):
        own = _row(state, row)
        if length:
            piece = slice(0, length)
            alone, own = core(x[row : row + 1, piece], own, resets[row : row + 1, piece])
            assert far(y[row : row + 1, piece], alone) <= 1e-10
        assert not y[row, length:].any()
        assert apart(core, _row(after, row), own) <= 1e-10


@every_backbone
def test_strong_inputs_stay_finite(name):
    """Inputs far from the usual give finite outputs and gradients."""
    core = small(name, torch.float32)
    x = (1e4 * inputs(1, T, torch.float32)).requires_grad_()
    y, _ = core(x)
    y.sum().backward()
    assert bool(y.isfinite().all())
    assert x.grad is not None and bool(x.grad.isfinite().all())


@settings(max_examples=15, deadline=None)
@given(
    name=st.sampled_from(NAMES),
    rows=st.integers(1, 3),
    steps=st.integers(1, 40),
    cut=st.integers(0, 40),
    episodes=st.booleans(),
)
def test_any_shape_can_be_cut_anywhere(name, rows, steps, cut, episodes):
    """Any batch and length, cut at any place, with or without resets: the same values."""
    core, x = small(name), inputs(rows, steps, seed=steps)
    resets = torch.rand(rows, steps, generator=generator(cut)) < 0.2 if episodes else None
    cuts = sorted({0, min(cut, steps), steps})
    y, state = core(x, None, resets)
    assert y.shape == (rows, steps, DIM)
    other, after = chunks(core, x, None, cuts, resets)
    assert far(other, y) <= 1e-10
    assert apart(core, after, state) <= 1e-10


def _everything(
    core: Backbone, cuts: list[int], resets: Tensor, dtype: torch.dtype
) -> dict[str, Tensor]:
    """Last outputs, and the gradients of a loss on these and on those before."""
    core.zero_grad()
    x = inputs(2, T, dtype).requires_grad_()
    state = {key: value.requires_grad_() for key, value in past(core, 2, dtype).items()}
    y, after = chunks(core, x, state, cuts, resets)
    loss = (y * inputs(2, T, dtype, seed=1)).sum()
    y, _ = core(inputs(2, 3, dtype, seed=2), after)
    (loss + y.square().sum()).backward()
    found = {"y": y, "dx": x.grad}
    found |= {"d" + key: value.grad for key, value in state.items()}
    found |= {"d" + key: value.grad for key, value in core.named_parameters()}
    return {key: value.detach() for key, value in found.items() if value is not None}


def _row(state: State, row: int) -> State:
    return {key: value[row : row + 1] for key, value in state.items()}
