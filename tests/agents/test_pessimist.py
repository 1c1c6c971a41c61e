"""The pessimist: wary of what nobody tried, drawn to what went well, taught by bare logs too."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from gymnasium import spaces

from daneel.agents.pessimist import PessimistAgent, PessimistConfig
from daneel.agents.planning import PlanConfig
from daneel.errors import ConfigError
from daneel.world_models import Batch
from tests.world_models import hand_made
from tests.world_models.hand_made import BOX, DISCRETE, GOAL

SPACE = spaces.Dict({"state": spaces.Box(-np.inf, np.inf, (2,), np.float32)})
UNIT = spaces.Box(-1.0, 1.0, (1,), np.float32)
both = pytest.mark.parametrize("action_space", [BOX, DISCRETE], ids=["box", "discrete"])


def make(
    action_space: spaces.Space[Any] = UNIT, space: spaces.Dict = SPACE, **settings: Any
) -> PessimistAgent:
    """A tiny agent."""
    chosen: dict[str, Any] = {"size": "tiny", "batch_size": 64, "horizon": 2}
    config = PessimistConfig(**{**chosen, **settings})
    return PessimistAgent(config, space, action_space, seed=1)


class Bandit:
    """Logs of one-step episodes: actions in [-1, 0], where the reward is 1 + a; none beyond."""

    def __init__(self) -> None:
        self._rng = torch.Generator().manual_seed(0)

    def __call__(self, rows: int = 64) -> Batch:
        state = torch.randn(rows, 1, 2, generator=self._rng).expand(-1, 3, -1)
        action = -torch.rand(rows, 2, 1, generator=self._rng)
        ends = torch.zeros(rows, 2)
        ends[:, 0] = 1
        mask = torch.tensor([[1.0, 0.0]]).expand(rows, -1)
        return Batch({"state": state}, action, (1 + action[..., 0]) * mask, ends, mask)


def learn(agent: PessimistAgent, updates: int) -> PessimistAgent:
    """Learns from the bandit's logs."""
    sample = Bandit()
    for _ in range(updates):
        agent.update(sample())
    return agent


def test_what_was_never_tried_is_valued_lower() -> None:
    """Actions beyond the logs extrapolate to more reward; with pessimism they are worth less."""
    z_of: dict[str, torch.Tensor] = {}
    value: dict[float, tuple[float, float]] = {}
    for pessimism in (0.0, 5.0):
        agent = learn(make(pessimism=pessimism, imitation=0.0, averaged=False), 300)
        z_of["z"] = agent.model.infer({"state": torch.zeros(1, 2)})[0]
        tried, beyond = torch.tensor([[-0.05]]), torch.tensor([[0.95]])
        with torch.no_grad():
            value[pessimism] = tuple(
                float(agent.model.step(z_of["z"], a)[1]) for a in (tried, beyond)
            )  # type: ignore[assignment]
    assert value[0.0][1] > value[0.0][0]  # the model alone believes in it
    assert value[5.0][1] < value[5.0][0]
    assert abs(value[5.0][0] - 0.95) < 0.35  # and what was tried keeps its value


def test_good_actions_draw_and_bad_ones_do_not() -> None:
    """The pull goes to the better half of the logs: above their mean, not to the mean."""
    agent = learn(make(imitation=20.0, pessimism=5.0), 400)
    obs = {"state": np.zeros((1, 2), np.float32)}
    agent.config = replace(agent.config, plan=PlanConfig(samples=0))
    action, _ = agent.act(obs)
    assert -0.35 < float(action[0, 0]) <= 0.3  # the logs' mean is -0.5, their best 0


@both
def test_the_filter(action_space: spaces.Space[Any]) -> None:
    """What is worth less than the policy's own action exerts no pull at all."""
    agent = make(action_space, GOAL)
    z = torch.randn(8, 32)
    done = agent.actions.from_env(hand_made.actions(action_space, 8, 1))[:, 0]

    class Judge(torch.nn.Module):
        """Values what was done by a fixed amount, everything else by 0."""

        def __init__(self, worth: float) -> None:
            super().__init__()
            self.worth = worth

        def values(self, z: torch.Tensor, action: torch.Tensor) -> torch.Tensor:
            same = (action == done).all(-1)
            return torch.where(same, self.worth, 0.0).expand(2, -1)

    agent.model.value = Judge(-1.0)  # type: ignore[assignment]
    assert float(agent._imitation_loss(z, done)) == 0.0  # type: ignore[arg-type]
    agent.model.value = Judge(1.0)  # type: ignore[assignment]
    assert float(agent._imitation_loss(z, done)) > 0.0  # type: ignore[arg-type]


@both
def test_logs_without_rewards_teach_a_policy(action_space: spaces.Space[Any]) -> None:
    """Rewards are not touched, and what was always done becomes what it would do."""
    agent = make(action_space, GOAL)
    batch = hand_made.batch(GOAL, action_space, 64, 2)
    action = torch.full_like(batch.action, 3) if action_space is DISCRETE else (
        torch.tensor([0.0, 0.7]).expand_as(batch.action)
    )  # fmt: skip
    batch = replace(batch, action=action, reward=torch.full_like(batch.reward, torch.nan))
    first = agent.pretrain(batch)
    for _ in range(150):
        last = agent.pretrain(batch)
    assert last["sense"] < first["sense"] and last["imitation"] < 0.2 * first["imitation"]
    values = agent.model.value
    assert not any(bool(w.any()) for w in values.net[-1].parameters() if w.ndim == 3)
    obs = {key: value[:4, 0].numpy() for key, value in batch.obs.items()}
    agent.slow_policy.load_state_dict(agent.policy.state_dict())
    agent.slow_model.load_state_dict(agent.model.state_dict())
    agent.config = replace(agent.config, plan=PlanConfig(samples=0))
    chosen, _ = agent.act(obs)
    if action_space is DISCRETE:
        assert (chosen == 3).all()
    else:
        np.testing.assert_allclose(chosen, np.tile([0.0, 0.7], (4, 1)), atol=0.25)


@both
def test_states_come_back(action_space: spaces.Space[Any]) -> None:
    """The same updates after loading, doubters included."""
    agent, other = make(action_space, GOAL), make(action_space, GOAL)
    batches = [hand_made.batch(GOAL, action_space, 64, 2, seed=seed) for seed in range(3)]
    agent.update(batches[0])
    agent.pretrain(batches[1])
    other.load_state_dict(agent.state_dict())
    assert agent.update(batches[2]) == other.update(batches[2])


@pytest.mark.parametrize(
    "settings", [{"doubters": 1}, {"pessimism": -1.0}, {"imitation": float("nan")}]
)
def test_settings_are_checked(settings: dict[str, Any]) -> None:
    """The field is named."""
    with pytest.raises(ConfigError, match=f"agent.{next(iter(settings))}"):
        PessimistConfig(**settings)
