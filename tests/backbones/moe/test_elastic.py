"""Experts come and go with the load, and outputs do not jump when they do."""

from typing import Any

import pytest
import torch
from torch import Tensor

from daneel.backbones.moe import ElasticMoERouter, MoELayer, auxiliary_loss
from tests.backbones.moe.test_layer import generator, grads, rows

DIM = 8


def make(experts: int = 6, start: int = 3, **settings: Any) -> MoELayer:
    """A float64 layer whose experts serve 40 assignments each."""
    router = ElasticMoERouter(
        DIM, experts, start, 40, patience=2, generator=generator(1), **settings
    )
    return MoELayer(DIM, 6, experts, router, generator(2)).double()


def active(layer: MoELayer) -> list[int]:
    """The layer's active experts."""
    return layer.router.active_experts()


def test_only_active_experts_serve():
    """Experts beyond the first `start` get no token and no gradient."""
    layer, x = make(), rows(50, DIM)
    up = grads(layer(x).sum() + auxiliary_loss(layer), layer.experts.up)[0]
    assert layer.router.load_report().counts == tuple(layer.router.counts[:3].tolist())
    assert up.flatten(1).any(1).tolist() == [True] * 3 + [False] * 3


def bias(layer: MoELayer) -> Tensor:
    """The layer's selection biases."""
    return layer.router.get_buffer("bias")


def jump(layer: MoELayer, x: Tensor, others: list[int]) -> float:
    """How far outputs move in a `rebalance`, apart from what moving the biases of `others` does."""
    before, old = layer(x).detach(), bias(layer).clone()
    layer.rebalance()
    new = bias(layer).clone()
    shift = (new - old)[others].max()
    # Back to the old biases; a newborn, placed below all choices under the new ones, stays below.
    bias(layer).copy_(new - shift)
    bias(layer)[others] = old[others]
    moved = float((layer(x).detach() - before).abs().max())
    bias(layer).copy_(new)
    layer.router.reset_load()
    return moved


def test_an_added_expert_changes_no_output_and_then_takes_load():
    """Traffic for five experts: no output jumps at a birth, and all end up with work."""
    layer, x = make(bias_rate=0.02), rows(100, DIM).detach()
    for _ in range(20):
        there = active(layer)
        assert jump(layer, x, there) < 1e-12
    assert active(layer) == [0, 1, 2, 3, 4]
    total = torch.zeros(5)
    for step in range(200):
        layer(rows(100, DIM, seed=step).detach())
        served = layer.router.load_report().counts
        total = total + torch.tensor(served) if step >= 150 else torch.zeros(5)
        layer.rebalance()
    assert total.min() > 0.5 * total.mean()


def test_a_retired_expert_fades_and_leaves_without_a_jump():
    """Little traffic: experts go down to `least`; each leaves only when it serves no token."""
    layer, x = make(start=6, fade=0.05), rows(30, DIM).detach()
    gone = 0
    for _ in range(300):
        there = active(layer)
        moved = jump(layer, x, there)
        if active(layer) != there:
            gone += 1
            assert moved < 1e-12
    assert (gone, len(active(layer))) == (4, 2)


def test_the_number_follows_a_changing_load():
    """Up with the traffic, down with it, up again."""
    layer = make(bias_rate=0.05, fade=0.3)
    counts = []
    for tokens in (20, 110, 20, 110):
        for step in range(120):
            layer(rows(tokens, DIM, seed=step).detach())
            layer.rebalance()
        counts.append(len(active(layer)))
    assert counts == [2, 6, 2, 6]


def test_training_through_a_growth_has_no_loss_jump():
    """The loss at every growth step is what it would have been without the new expert."""
    layer = make(start=2).float()
    source, target = generator(5), torch.randn(DIM, DIM, generator=generator(6))
    optimiser = torch.optim.Adam(layer.parameters(), lr=3e-3)
    losses, grown = [], []
    for step in range(150):
        x = torch.randn(128, DIM, generator=source)
        loss = (layer(x) - (x @ target).tanh()).square().mean()
        losses.append(loss.item())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        count = len(active(layer))
        layer.rebalance()
        if len(active(layer)) > count:
            grown.append(step)
    assert len(grown) == 4
    for step in grown:
        recent = torch.tensor(losses[max(step - 4, 0) : step + 1])
        assert losses[step + 1] < 1.15 * float(recent.mean())
    assert losses[-1] < 0.5 * losses[0]


def test_the_state_is_saved():
    """A loaded layer has the same active experts and outputs."""
    layer, other, x = make(), make(start=2), rows(100, DIM).detach()
    for _ in range(10):
        layer(x)
        layer.rebalance()
    other.load_state_dict(layer.state_dict())
    assert active(other) == active(layer) != [0, 1]
    torch.testing.assert_close(other(x), layer(x))


def test_bad_settings_are_refused():
    """One expert a token, more than there are, no room."""
    with pytest.raises(ValueError, match="top_k 1"):
        ElasticMoERouter(4, 6, 3, 40, top_k=1)
    with pytest.raises(ValueError, match="start 7"):
        ElasticMoERouter(4, 6, 7, 40)
    with pytest.raises(ValueError, match="tokens_per_expert 0"):
        ElasticMoERouter(4, 6, 3, 0)
