"""The doubt of an ensemble: none where the data were, more away from them, and what it costs."""

import pytest
import torch
from torch import Tensor

from daneel.world_models import PessimisticWorldModel, WorldModelConfig
from daneel.world_models.doubt import Doubt
from tests.world_models import hand_made
from tests.world_models.hand_made import BOX, GOAL, IMAGE, STATE, generator

SIZES = WorldModelConfig(dim=8, width=16)


def trained(updates: int = 300) -> tuple[Doubt, Tensor, Tensor]:
    """Doubters that know actions near -0.5, and a batch of what they know."""
    torch.manual_seed(0)
    doubt, source = Doubt(8, 2, 32, 4), generator(1)
    optimiser = torch.optim.Adam(doubt.parameters(), lr=3e-3)
    z = torch.randn(256, 8, generator=source)
    action = -0.5 + 0.1 * torch.randn(256, 2, generator=source)
    following, reward = torch.roll(z, 1, 1) * 0.5, z[:, 0]
    for _ in range(updates):
        optimiser.zero_grad()
        doubt.loss(z, action, following, reward).backward()
        optimiser.step()
    return doubt, z, action


def test_what_was_never_tried_is_doubted() -> None:
    """Hardly any doubt on the data, much where actions are other ones, and more the farther."""
    doubt, z, action = trained()
    with torch.no_grad():
        known = doubt(z, action).mean()
        near, far = doubt(z, action + 0.5).mean(), doubt(z, action + 1.5).mean()
    assert known < 0.3 * doubt.spread and near > 2 * known and far > near
    assert far <= 5 * doubt.spread  # bounded, whatever the distance


def test_disagreement_is_the_deviation_between_members() -> None:
    """The fast form against torch's own variance."""
    doubt = Doubt(4, 1, 8, 3)
    z, action = torch.randn(5, 4), torch.randn(5, 1)
    expected = doubt.predict(z, action).var(0).mean(-1).sqrt()
    torch.testing.assert_close(doubt.disagreement(z, action), expected)
    assert bool((expected > 0).all())  # members begin with other weights


def test_level_and_spread_follow_the_data() -> None:
    """The mean disagreement on what was seen, and the deviation of its rewards."""
    doubt, z, action = trained(1)
    with torch.no_grad():
        level = Doubt.disagreement(doubt, z, action).mean()
    assert float(doubt.spread) == pytest.approx(float(z[:, 0].std()), rel=1e-4)
    assert float(doubt.level) == pytest.approx(float(level), rel=0.5)


def test_imagined_rewards_are_lowered_and_latents_are_not() -> None:
    """By pessimism times doubt; without pessimism it is the base class, step for step."""
    model = PessimisticWorldModel(SIZES, GOAL, 2, pessimism=2.0, doubters=3)
    model.doubt.level.fill_(0.1)
    z, action = torch.randn(6, 8), torch.rand(6, 2)
    wary = model.step(z, action)
    model.pessimism = 0.0
    plain = model.step(z, action)
    torch.testing.assert_close(wary[0], plain[0])
    torch.testing.assert_close(wary[1], plain[1] - 2.0 * model.doubt(z, action))
    assert bool((wary[1] < plain[1]).all())


def test_doubters_do_not_shape_latents() -> None:
    """Their loss reaches no encoder."""
    model = PessimisticWorldModel(SIZES, GOAL, 2, 1.0, 3)
    batch = hand_made.batch(GOAL, BOX, 4, 2)
    start = model.infer_window(batch, 0)[:, 0]
    terms = model.loss(batch, batch.action, start, torch.randn(4, 2, 8))
    terms["doubt"].backward()
    assert all(weight.grad is None for weight in model.encoder.parameters())
    assert all(weight.grad is not None for weight in model.doubt.parameters())


def test_sensors_are_read_back() -> None:
    """Without rewards there is a term for latents and one for sensors; an image has none."""
    model = PessimisticWorldModel(SIZES, STATE, 2, 1.0, 3)
    batch = hand_made.batch(STATE, BOX, 4, 2)
    start, target = model.infer_window(batch, 0)[:, 0], torch.randn(4, 2, 8)
    terms = model.sensorimotor_loss(batch, batch.action, start, target)
    assert set(terms) == {"consistency", "sense"}
    other = hand_made.batch(STATE, BOX, 4, 2, seed=9)
    assert float(model.sensorimotor_loss(other, other.action, start, target)["sense"].detach()) != (
        float(terms["sense"].detach())
    )
    assert PessimisticWorldModel(SIZES, IMAGE, 2, 1.0, 3).sense is None
