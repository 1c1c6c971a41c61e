"""A world model by itself: learned from batches, followed with a policy."""

import numpy as np
import pytest
import torch
from gymnasium import spaces

from daneel.errors import ConfigError, NonFiniteError
from daneel.world_models import (
    Batch,
    MultiModalWorldModel,
    PessimisticWorldModel,
    WorldModelConfig,
    rollout_policy,
    train_world_model,
)

SPACE = spaces.Dict({"state": spaces.Box(-np.inf, np.inf, (2,), np.float32)})
SIZES = WorldModelConfig(dim=16, width=32)


class Slider:
    """Batches of a point that slides: x' = x + 0.3 a, reward -|x'|."""

    def __init__(self, broken: bool = False) -> None:
        """`broken` logs have NaN for rewards."""
        self._rng = torch.Generator().manual_seed(0)
        self._broken = broken

    def __call__(self, rows: int = 64, horizon: int = 3) -> Batch:
        """The next batch."""
        at = [torch.rand(rows, generator=self._rng) * 2 - 1]
        action = torch.rand(rows, horizon, 1, generator=self._rng) * 2 - 1
        for t in range(horizon):
            at.append(at[-1] + 0.3 * action[:, t, 0])
        x = torch.stack(at, 1)
        reward = -x[:, 1:].abs() * (torch.nan if self._broken else 1.0)
        ones = torch.ones(rows, horizon)
        return Batch({"state": torch.stack([x, -x], -1)}, action, reward, 0 * ones, ones)


def model(kind: type = PessimisticWorldModel) -> MultiModalWorldModel:
    """A small one."""
    torch.manual_seed(0)
    if kind is PessimisticWorldModel:
        return PessimisticWorldModel(SIZES, SPACE, 1, 0.0, 3)
    return MultiModalWorldModel(SIZES, SPACE, 1)


@pytest.mark.parametrize("kind", [PessimisticWorldModel, MultiModalWorldModel])
def test_rewards_of_a_policy_are_foreseen(kind: type) -> None:
    """After some hundred updates the imagined rewards of pushing right are the true ones."""
    learned, sample = model(kind), Slider()
    losses = train_world_model(learned, sample, 400, learning_rate=2e-3)
    assert {"consistency", "reward", "termination"} <= set(losses)
    start = torch.linspace(-0.9, 0.3, 7)
    seen = {"state": torch.stack([start, -start], -1)}
    found = rollout_policy(learned, lambda z: torch.ones(len(z), 1), seen, 2)
    truth = -(start[:, None] + 0.3 * torch.tensor([1.0, 2.0])).abs()
    assert found.z.shape == (7, 3, 16) and found.action.shape == (7, 2, 1)
    assert float((found.reward - truth).abs().mean()) < 0.1
    assert bool((found.continues > 0.9).all())
    untrained = rollout_policy(model(kind), lambda z: torch.ones(len(z), 1), seen, 2)
    assert not torch.allclose(untrained.reward, found.reward, atol=0.3)


def test_without_rewards_sensors_are_foreseen() -> None:
    """The point can be read from latents two steps ahead; rewards were not even looked at."""
    learned = model()
    losses = train_world_model(learned, Slider(True), 500, rewards=False, learning_rate=2e-3)
    assert set(losses) == {"consistency", "sense"} and losses["sense"] < 0.05


def test_what_cannot_be_learned_is_refused() -> None:
    """Without rewards a model needs sensors; a loss that is no number ends it."""
    with pytest.raises(ConfigError, match="cannot learn without rewards"):
        train_world_model(model(MultiModalWorldModel), Slider(), 1, rewards=False)
    with pytest.raises(NonFiniteError, match="'reward' became nan at update 0"):
        train_world_model(model(), Slider(True), 5)
    assert train_world_model(model(), Slider(), 0) == {}
