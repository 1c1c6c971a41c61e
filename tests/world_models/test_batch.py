"""The batch moves as a whole."""

import dataclasses

import pytest
import torch

from daneel.world_models import Batch
from tests.world_models import hand_made


def test_every_tensor_moves():
    """Every tensor moves (to `meta`, a device that every machine has), and keeps shape and type."""
    batch = hand_made.batch(hand_made.EVERYTHING, hand_made.BOX, 4, 3)
    moved = batch.to("meta")
    assert set(moved.obs) == set(hand_made.EVERYTHING.spaces)
    for before, after in zip(_tensors(batch), _tensors(moved), strict=True):
        assert after.device.type == "meta"
        assert (after.shape, after.dtype) == (before.shape, before.dtype)


def test_it_cannot_be_changed():
    """It cannot be changed."""
    batch = hand_made.batch(hand_made.STATE, hand_made.DISCRETE, 2, 1)
    with pytest.raises(dataclasses.FrozenInstanceError):
        batch.reward = torch.zeros(2, 1)  # type: ignore[misc]


def _tensors(batch: Batch) -> list[torch.Tensor]:
    rest = (batch.action, batch.reward, batch.terminated, batch.mask)
    return [*batch.obs.values(), *rest]
