"""A state is a flat dict of tensors that can be cut, selected, repeated, joined and saved."""

import pytest
import torch
from safetensors.torch import load_file, save_file

from daneel.backbones import build
from daneel.backbones import state as states
from tests.backbones.hand_made import (
    DIM,
    apart,
    every_backbone,
    far,
    inputs,
    past,
    small,
)


@every_backbone
def test_a_state_comes_back_from_a_file(name, tmp_path):
    """Saved and loaded with the weights, a stream goes on to the bit."""
    core = small(name, torch.float32)
    before = past(core, 2, torch.float32)
    save_file({k: v.contiguous() for k, v in before.items()}, tmp_path / "state.safetensors")
    save_file(core.state_dict(), tmp_path / "core.safetensors")
    other = build(name, DIM, 2).float()
    other.load_state_dict(load_file(tmp_path / "core.safetensors"))
    x = inputs(2, 3, torch.float32)
    y, _ = other(x, load_file(tmp_path / "state.safetensors"))
    assert torch.equal(y, core(x, before)[0])


@every_backbone
def test_rows_are_selected_and_repeated(name):
    """Selected and repeated rows go on as their originals."""
    core, state, x = small(name), past(small(name), 3), inputs(3, 2)
    y, _ = core(x, state)
    index = torch.tensor([2, 0])
    assert far(core(x[index], states.select(state, index))[0], y[index]) <= 1e-12
    twice = states.repeat(state, 2)
    assert far(core(x.repeat_interleave(2, 0), twice)[0], y.repeat_interleave(2, 0)) <= 1e-12


@every_backbone
def test_states_are_joined_by_rows(name):
    """`where` takes each row from one of two states; only attention's caches differ in length."""
    core = small(name)
    a, b = past(core, 3), past(core, 3)
    if name == "attention":
        _, b = core(inputs(3, 4), b)
    else:
        b = {key: -value for key, value in b.items()}
    mask = torch.tensor([True, False, True])
    mixed = states.where(mask, a, b)
    for row, origin in ((0, a), (1, b), (2, a)):
        piece = slice(row, row + 1)
        assert apart(core, states.select(mixed, piece), states.select(origin, piece)) <= 1e-10


def test_a_detached_state_has_no_past():
    """Detach cuts the graph and keeps the values."""
    core = small("gru")
    _, state = core(inputs(1, 2))
    cut = states.detach(state)
    assert all(torch.equal(cut[key], state[key]) for key in state)
    assert all(state[key].requires_grad and not cut[key].requires_grad for key in state)


@every_backbone
def test_the_state_is_float32_under_autocast(name):
    """Outputs are near those without autocast, and the state stays float32."""
    core, x = small(name, torch.float32), inputs(2, 5, torch.float32)
    with torch.autocast("cpu", torch.bfloat16):
        y, state = core(x)
        step, after = core(x[:, :1], state)
    assert far(y.float(), core(x)[0]) < 0.1
    assert bool(step.isfinite().all())
    assert all(value.dtype == torch.float32 for value in {**state, **after}.values())
    assert all(value.dtype == torch.float64 for value in past(small(name), 2).values())


@every_backbone
def test_the_state_is_float32_in_a_bfloat16_core(name):
    """Outputs are bfloat16, the state is not, whatever dtype is asked for."""
    core, x = small(name, torch.bfloat16), inputs(2, 5, torch.bfloat16)
    y, state = core(x)
    step, after = core(x[:, :1], state)
    assert y.dtype == step.dtype == torch.bfloat16
    first = core.initial_state(2, dtype=torch.bfloat16)
    for found in (first, state, after):
        assert all(value.dtype == torch.float32 for value in found.values())


@pytest.mark.parametrize("name", ["gru", "mamba", "attention"])
def test_a_wrong_state_is_refused_with_both_shapes(name):
    """Another batch, another depth, another width."""
    core = small(name)
    key = "layer0.k" if name == "attention" else next(iter(core.initial_state(1)))
    with pytest.raises(ValueError, match="Expected") as error:
        core(inputs(2, 1), past(core, 3))
    for part in (f"state['{key}']", "has shape (3,", "(2, ", "2 rows"):
        assert part in str(error.value)
    with pytest.raises(ValueError, match="state has keys"):
        core(inputs(2, 1), past(small(name, depth=3), 2))
    wide = build(name, 2 * DIM, 2).double()
    with pytest.raises(ValueError, match="has shape"):
        core(inputs(2, 1), wide.initial_state(2))


def test_a_state_elsewhere_is_refused():
    """A state on another device names both devices."""
    core = small("gru")
    with pytest.raises(ValueError, match=r"layer0.h.* is on meta, but x is on cpu"):
        core(inputs(2, 1), states.to(core.initial_state(2), "meta"))


def test_states_that_do_not_fit_are_not_joined():
    """States of different backbones are refused."""
    a, b = small("gru").initial_state(1), small("mamba").initial_state(1)
    with pytest.raises(ValueError, match="have keys"):
        states.where(torch.tensor([True]), a, b)
