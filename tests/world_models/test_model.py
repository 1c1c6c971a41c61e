"""The world model: imagination, losses, masks, slow copies."""

import math
from dataclasses import fields, replace
from typing import Any

import pytest
import torch
from torch import Tensor

from daneel.errors import ConfigError, UnknownNameError
from daneel.world_models import Batch, MultiModalWorldModel, WorldModelConfig
from tests.world_models import hand_made
from tests.world_models.hand_made import BOX, EVERYTHING, STATE, unit

FLOATS = [field.name for field in fields(WorldModelConfig) if isinstance(field.default, float)]


def latents(model: MultiModalWorldModel, batch: Batch) -> Tensor:
    """`[B, H + 1, D]`."""
    return model.observe(batch, batch.action).z


# -- imagination ---------------------------------------------------------------------------------


def test_a_step_against_hand_numbers():
    """With constant heads a step keeps the latent and gives the numbers that were put in."""
    model = hand_made.model()
    hand_made.make_transition(model, 2.0, -math.log(3))
    z = unit(5, 8)
    following, reward, alive = model.step(z, torch.zeros(5, 2))
    torch.testing.assert_close(following, z, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(reward, torch.full((5,), math.e**2 - 1))
    torch.testing.assert_close(alive, torch.full((5,), 0.75))


def test_imagine_repeats_steps():
    """Imagine gives what the same steps give one by one."""
    model, start = hand_made.model(), unit(4, 8)
    imagined = model.imagine(lambda z: z[:, :2].tanh(), start, 3)
    assert (imagined.z.shape, imagined.action.shape) == ((4, 4, 8), (4, 3, 2))
    z = start
    for t in range(3):
        assert torch.equal(imagined.z[:, t], z)
        z, reward, alive = model.step(z, z[:, :2].tanh())
        assert torch.equal(imagined.reward[:, t], reward)
        assert torch.equal(imagined.continues[:, t], alive)
    assert torch.equal(imagined.z[:, 3], z)


def test_one_changed_row_changes_no_other():
    """Changing one row changes neither the steps nor the values of any other."""
    model, z, action = hand_made.model(), unit(5, 8), unit(5, 2, seed=1)
    before = (*model.step(z, action), model.value.values(z, action).T)
    z[3] = -z[3]
    after = (*model.step(z, action), model.value.values(z, action).T)
    for old, new in zip(before, after, strict=True):
        changed = (old != new).reshape(5, -1).any(1)
        assert changed.tolist() == [False, False, False, True, False]


# -- observation ---------------------------------------------------------------------------------


def test_observe_gives_the_latents_that_infer_gives_step_by_step():
    """Observe, parallel over time, gives the latents that infer gives step by step."""
    model, batch = hand_made.model(EVERYTHING), hand_made.batch(EVERYTHING, BOX, 3, 2)
    seen, state = model.observe(batch, batch.action), None
    for t in range(3):
        z, state = model.infer({key: value[:, t] for key, value in batch.obs.items()}, state)
        torch.testing.assert_close(seen.z[:, t], z, rtol=1e-4, atol=1e-5)
    assert torch.equal(seen.reward, batch.reward)
    assert torch.equal(seen.continues, 1 - batch.terminated)


def test_the_future_does_not_change_the_present():
    """Changing the later observations of a batch leaves the first latent as it is."""
    model, batch = hand_made.model(EVERYTHING), hand_made.batch(EVERYTHING, BOX, 4, 3)
    other = hand_made.observe(EVERYTHING, 4, 4, seed=9)
    future = {key: torch.cat([x[:, :1], other[key][:, 1:]], 1) for key, x in batch.obs.items()}
    before, after = latents(model, batch), latents(model, replace(batch, obs=future))
    assert torch.equal(before[:, 0], after[:, 0])
    assert not torch.equal(before[:, 1:], after[:, 1:])


def test_one_changed_sequence_changes_no_other():
    """Changing one sequence of a batch leaves the latents of the others as they are."""
    model, batch = hand_made.model(STATE), hand_made.batch(STATE, BOX, 4, 3)
    state = batch.obs["state"].clone()
    state[1] = -state[1]
    before, after = latents(model, batch), latents(model, replace(batch, obs={"state": state}))
    assert (before != after).flatten(1).any(1).tolist() == [False, True, False, False]


# -- loss ----------------------------------------------------------------------------------------


def test_loss_against_hand_numbers():
    """The three terms with constant heads: later steps weigh half, weights multiply."""
    model = hand_made.model(
        horizon_decay=0.5, consistency_weight=2.0, reward_weight=3.0, termination_weight=0.1
    )
    hand_made.make_transition(model, 0.0, 0.0)
    start, batch = unit(4, 8), hand_made.batch(STATE, BOX, 4, 2)
    batch = replace(batch, reward=torch.full((4, 2), math.e**2 - 1))
    with torch.no_grad():
        terms = model.loss(batch, batch.action, start, start[:, None].expand(-1, 2, -1) + 1)
    assert float(terms["consistency"]) == pytest.approx(2.0 * 1.0 * 1.5, rel=1e-3)
    assert float(terms["reward"]) == pytest.approx(3.0 * (2 - 0.5) * 1.5, rel=1e-4)
    assert float(terms["termination"]) == pytest.approx(0.1 * math.log(2) * 1.5, rel=1e-4)


@pytest.mark.parametrize("lengths", [[3, 3, 3, 3, 3], [1, 2, 3, 1, 2], [1, 1, 1, 1, 1]])
def test_padding_changes_nothing(lengths):
    """What stands in masked transitions changes neither the loss nor any gradient."""
    batch = hand_made.batch(STATE, BOX, 5, 3, lengths=torch.tensor(lengths))
    missing = batch.mask == 0
    target = unit(5, 3, 8, seed=2)
    poisoned = replace(
        batch,
        action=torch.where(missing[..., None], 500.0, batch.action),
        reward=torch.where(missing, -1e5, batch.reward),
        terminated=torch.where(missing, 1.0, batch.terminated),
    )
    clean = _loss_and_gradients(batch, target)
    padded = _loss_and_gradients(poisoned, torch.where(missing[..., None], 1e3, target))
    assert all(torch.equal(a, b) for a, b in zip(clean, padded, strict=True))
    assert any(bool(part.any()) for part in clean)


def test_existing_transitions_count():
    """The same change in a transition that exists does change the loss."""
    batch = hand_made.batch(STATE, BOX, 5, 3)
    target = unit(5, 3, 8, seed=2)
    for name, value in (("reward", 50.0), ("action", 0.3), ("terminated", 1.0)):
        changed = getattr(batch, name).clone()
        changed[2, 2] = value
        other = _loss_and_gradients(replace(batch, **{name: changed}), target)
        assert not torch.equal(_loss_and_gradients(batch, target)[0], other[0]), name


def _loss_and_gradients(batch: Batch, target: Tensor) -> list[Tensor]:
    model, start = hand_made.model(), unit(5, 8, seed=1).requires_grad_()
    loss = torch.stack(list(model.loss(batch, batch.action, start, target).values())).sum()
    inputs = [start, *model.transition.parameters(), *model.normalise.parameters()]
    return [loss.detach(), *torch.autograd.grad(loss, inputs)]


# -- messages ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "parts"),
    [
        ({"dim": 0}, ["dim is 0", "at least 1"]),
        ({"width": -3}, ["width is -3", "at least 1"]),
        ({"members": 0}, ["members is 0", "at least 1"]),
        ({"consistency_weight": -0.1}, ["consistency_weight is -0.1", "0 or more"]),
        ({"reward_weight": -1.0}, ["reward_weight is -1.0", "0 or more"]),
        ({"termination_weight": -1.0}, ["termination_weight is -1.0", "0 or more"]),
        ({"horizon_decay": 0.0}, ["horizon_decay is 0.0", "(0, 1]"]),
        ({"horizon_decay": 1.1}, ["horizon_decay is 1.1", "(0, 1]"]),
    ],
)
def test_messages_name_field_value_and_range(settings, parts):
    """Each message names field, value and range."""
    with pytest.raises(ConfigError) as error:
        WorldModelConfig(**settings)
    for part in (*parts, "Expected"):
        assert part in str(error.value)


@pytest.mark.parametrize("name", FLOATS)
def test_not_a_number_is_out_of_every_range(name):
    """Not a number is out of every range."""
    settings: dict[str, Any] = {name: math.nan}
    with pytest.raises(ConfigError, match=f"{name} is nan"):
        WorldModelConfig(**settings)


def test_an_unknown_core_is_answered_with_the_nearest():
    """An unknown core is answered with the nearest."""
    with pytest.raises(UnknownNameError, match="Nearest: identity"):
        hand_made.model(core="identty")
