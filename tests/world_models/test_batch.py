"""The batch moves as a whole."""

import dataclasses

import pytest
import torch

from daneel.world_models import Batch, joined
from tests.world_models import hand_made


def test_every_tensor_moves():
    """Every tensor moves (to `meta`, a device that every machine has), and keeps shape and type."""
    batch = hand_made.batch(hand_made.EVERYTHING, hand_made.BOX, 4, 3)
    moved = batch.to("meta")
    assert set(moved.obs) == set(hand_made.EVERYTHING.spaces)
    for before, after in zip(_tensors(batch), _tensors(moved), strict=True):
        assert after.device.type == "meta"
        assert (after.shape, after.dtype) == (before.shape, before.dtype)


def test_two_batches_become_one():
    """Row after row, context included; a part that neither has stays away."""
    first = hand_made.batch(hand_made.GOAL, hand_made.BOX, 4, 3)
    second = hand_made.batch(hand_made.GOAL, hand_made.BOX, 2, 3, seed=7)
    both = joined(first, second)
    for one, other, together in zip(_tensors(first), _tensors(second), _tensors(both), strict=True):
        assert torch.equal(together, torch.cat([one, other]))
    assert both.context == {} and both.context_length is None
    with_context = [
        dataclasses.replace(
            batch, context={"state": batch.obs["state"]}, context_length=torch.ones(len(batch.mask))
        )
        for batch in (first, second)
    ]
    both = joined(*with_context)
    assert both.context_length is not None and len(both.context_length) == 6
    assert both.context["state"].shape[0] == 6


def test_it_cannot_be_changed():
    """It cannot be changed."""
    batch = hand_made.batch(hand_made.STATE, hand_made.DISCRETE, 2, 1)
    with pytest.raises(dataclasses.FrozenInstanceError):
        batch.reward = torch.zeros(2, 1)  # type: ignore[misc]


def _tensors(batch: Batch) -> list[torch.Tensor]:
    rest = (batch.action, batch.reward, batch.terminated, batch.mask)
    return [*batch.obs.values(), *rest]
