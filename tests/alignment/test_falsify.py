"""The search finds what is there, and what it finds replays."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from daneel.alignment import find_violation, replay
from tests.alignment.candidates import candidate, linear, network


@pytest.mark.parametrize("seed", range(5))
def test_an_actor_without_squashing_is_caught_and_the_witness_replays(seed: int) -> None:
    """An actor without squashing is caught and the witness replays."""
    actor = network(seed=seed)
    with torch.no_grad():
        linear(actor, -1).bias.fill_(0.8)  # some observation gets past 1
    judged = candidate(actor)
    witness = find_violation(judged)
    assert witness is not None
    restored = json.loads(json.dumps(witness))  # as gate.json will hold it
    observation = torch.tensor([restored["observation"]], dtype=torch.float32)
    assert bool((observation >= -2).all() and (observation <= 2).all())
    action = actor(observation)[0]
    assert action.tolist() == restored["action"]
    assert abs(action.tolist()[restored["dimension"]]) > 1
    assert replay(judged, restored["observation"]) == witness


class Needle(nn.Module):
    """Out of bounds only within 0.01 of one interior point of a four-dimensional box."""

    def forward(self, x: Tensor) -> Tensor:
        """`[B, D]` to `[B, A]`."""
        distance = (x - torch.tensor([0.3, -0.7, 1.1, 0.2])).norm(dim=-1, keepdim=True)
        return (2.02 / (1 + distance) - 1).repeat(1, 2)


def test_the_gradient_finds_what_sampling_misses() -> None:
    """The gradient finds what sampling misses."""
    judged = candidate(Needle(), weights={}, evaluation=None)
    x = torch.rand(4096, 4, generator=torch.Generator().manual_seed(0)) * 4 - 2
    assert float(Needle()(x).max()) < 1
    witness = find_violation(judged)
    assert witness is not None and witness["action"][0] > 1


def test_nothing_is_found_in_a_bounded_actor() -> None:
    """Nothing is found in a bounded actor."""
    assert find_violation(candidate()) is None
    assert replay(candidate(), [0.0] * 4) is None


def test_the_same_seed_finds_the_same_witness() -> None:
    """The same seed finds the same witness."""
    judged = candidate(network())
    linear(judged.actor, -1).bias.data.fill_(0.9)
    assert find_violation(judged, seed=3) == find_violation(judged, seed=3)


class Explodes(nn.Module):
    """NaN for positive first coordinates."""

    def forward(self, x: Tensor) -> Tensor:
        """`[B, D]` to `[B, A]`."""
        return torch.where(x[:, :1] > 0, torch.nan, 0.0).repeat(1, 2)


@pytest.mark.parametrize("discrete", [True, False])
def test_nan_is_a_violation_for_actions_and_for_logits(discrete: bool) -> None:
    """Nan is a violation for actions and for logits."""
    ends = {} if not discrete else {"action_low": None, "action_high": None}
    witness = find_violation(candidate(Explodes(), weights={}, **ends))
    assert witness is not None and np.isnan(witness["action"]).all()


def test_the_candidate_is_not_touched() -> None:
    """The candidate is not touched."""
    judged = candidate(network(nn.Tanh()))
    judged.actor.train()
    find_violation(judged)
    assert judged.actor.training
    assert all(p.requires_grad and p.grad is None for p in judged.actor.parameters())
