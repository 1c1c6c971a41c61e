"""Slow copies of networks."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from daneel.world_models import follow, slow_copy
from tests.world_models import hand_made
from tests.world_models.hand_made import STATE


def test_a_copy_follows_slowly():
    """Weights move the share `rate` of the way; input statistics are copied at once."""
    fast, slow = hand_made.model(), slow_copy(hand_made.model(seed=1))
    fast.standardise(hand_made.observe(STATE, 9, 2), torch.ones(9, 2, dtype=torch.bool), 1.0)
    before, target = _flat(slow), _flat(fast)
    follow(slow, fast, 0.25)
    torch.testing.assert_close(_flat(slow), before + 0.25 * (target - before))
    statistics = dict(slow.named_buffers())
    assert statistics
    for name, value in fast.named_buffers():
        assert torch.equal(value, statistics[name])


def test_a_copy_is_equal_and_never_learns():
    """A copy begins equal, shares no memory, and asks for no gradient."""
    fast = hand_made.model()
    slow = slow_copy(fast)
    assert torch.equal(_flat(slow), _flat(fast))
    assert not any(parameter.requires_grad for parameter in slow.parameters())
    assert all(parameter.requires_grad for parameter in fast.parameters())
    with torch.no_grad():
        next(fast.parameters()).add_(1.0)
    assert not torch.equal(_flat(slow), _flat(fast))


def _flat(module: nn.Module) -> Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in module.parameters()])
