"""The core without memory, and the registry it comes from."""

import pytest
import torch

from daneel.backbones import BACKBONES, build
from daneel.backbones.identity import IdentityBackbone
from daneel.errors import UnknownNameError


def test_a_sequence_comes_back_unchanged():
    """A sequence comes back unchanged, whatever the resets."""
    core, x = build("identity", 5), torch.randn(3, 7, 5)
    resets = torch.zeros(3, 7, dtype=torch.bool)
    resets[1, 4] = True
    for options in ({}, {"state": core.initial_state(3)}, {"resets": resets}):
        y, state = core(x, **options)
        assert torch.equal(y, x)
        assert state == {}


def test_step_by_step_equals_all_at_once():
    """Step by step, the state carried, equals all at once."""
    core, x = build("identity", 4), torch.randn(2, 6, 4)
    state, steps = core.initial_state(2, "cpu", torch.float32), []
    for t in range(6):
        y, state = core(x[:, t : t + 1], state)
        assert y.shape == (2, 1, 4)
        steps.append(y)
    assert torch.equal(torch.cat(steps, 1), core(x)[0])


def test_gradients_pass():
    """Gradients pass."""
    x = torch.randn(2, 1, 3, requires_grad=True)
    y, _ = build("identity", 3)(x)
    y.sum().backward()
    assert x.grad is not None
    assert torch.equal(x.grad, torch.ones_like(x))


def test_it_has_nothing_to_learn_and_nothing_to_carry():
    """It has nothing to learn and nothing to carry."""
    core = build("identity", 9, depth=3)
    assert isinstance(core, IdentityBackbone)
    assert core.dim == 9
    assert list(core.parameters()) == []
    assert core.initial_state(4) == {}


@pytest.mark.parametrize("name", BACKBONES.names())
def test_every_backbone_builds_and_keeps_the_width(name):
    """Every backbone builds and keeps the width."""
    core = build(name, 8)
    y, _ = core(torch.randn(2, 3, 8), core.initial_state(2))
    assert y.shape == (2, 3, 8)


def test_an_unknown_name_is_answered_with_the_nearest():
    """An unknown name is answered with the nearest, and with what to type."""
    with pytest.raises(UnknownNameError) as error:
        build("identiy", 8)
    for part in ("Unknown backbone 'identiy'", "Nearest: identity", "`daneel list backbones`"):
        assert part in str(error.value)
