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
        """Draws from a generator of its own."""
        self._rng = torch.Generator().manual_seed(0)

    def __call__(self, rows: int = 64) -> Batch:
        """The next batch."""
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
    """Beyond the logs the model promises more reward; the pessimist does not believe it."""
    worth: dict[float, tuple[float, float]] = {}
    for pessimism in (0.0, 5.0):
        agent = make(pessimism=pessimism, imitation=0.0, learning_rate=2e-3, model_every=1)
        learn(agent, 300)
        z = agent.model.infer({"state": torch.zeros(1, 2)})[0]
        with torch.no_grad():
            tried, beyond = (
                float(agent.model.step(z, torch.tensor([[action]]))[1]) for action in (-0.5, 0.95)
            )
        worth[pessimism] = tried, beyond
    assert worth[0.0][1] > worth[0.0][0] + 0.3  # the model alone believes in it
    assert worth[5.0][1] < worth[5.0][0]
    lost, taken = (before - after for before, after in zip(worth[0.0], worth[5.0], strict=True))
    assert lost < 0.3 * taken  # what was tried keeps most of its worth


@both
def test_the_better_action_draws_more(action_space: spaces.Space[Any]) -> None:
    """Weights follow the advantage, and are 1 in the mean whatever the values say."""
    agent = make(action_space, GOAL)
    z, rank = torch.randn(8, 32), torch.arange(8.0)
    done = agent.actions.from_env(hand_made.actions(action_space, 8, 1))[:, 0]

    class Judge(torch.nn.Module):
        """Values what was done by its rank, and what the policy would do by 100."""

        def values(self, z: torch.Tensor, action: torch.Tensor) -> torch.Tensor:
            """`[2, 8]`."""
            return (rank if action is done else torch.full((8,), 100.0)).expand(2, -1)

    agent.model.value = Judge()  # type: ignore[assignment]
    merit = agent._merit(z, done)
    assert bool((merit.diff() > 0).all()) and float(merit.mean()) == pytest.approx(1.0)
    agent.config = replace(agent.config, imitation=0.0)
    assert agent._imitation_loss(z, done) == 0.0


def test_the_encoder_stays_once_it_was_taught() -> None:
    """It learns from imitation, and neither values nor dynamics move it afterwards."""
    agent, sample = make(), Bandit()

    def encoder() -> dict[str, Any]:
        return {name: w.clone() for name, w in agent.model.encoder.state_dict().items()}

    untaught = encoder()
    agent.update(sample())
    assert any(not torch.equal(w, untaught[name]) for name, w in encoder().items())
    before = encoder()
    agent.imitate(sample())
    taught = encoder()
    assert any(not torch.equal(w, before[name]) for name, w in taught.items())
    agent.update(sample())
    assert all(torch.equal(w, taught[name]) for name, w in encoder().items())


def test_the_policy_waits_for_the_values() -> None:
    """After logs it does not move for the first updates; without logs it does at once."""
    agent, sample = make(patience=3, policy_every=1), Bandit()
    agent.imitate(sample())
    moved = []
    for _ in range(5):
        before = [weight.clone() for weight in agent.policy.parameters()]
        agent.update(sample())
        after = agent.policy.parameters()
        moved.append(any(not torch.equal(a, b) for a, b in zip(after, before, strict=True)))
    assert moved == [False, False, False, True, True]
    assert "q" in make(patience=3, policy_every=1).update(sample())


@both
def test_logs_without_rewards_teach_a_policy(action_space: spaces.Space[Any]) -> None:
    """Rewards are not touched, and what was always done becomes what it would do."""
    agent = make(action_space, GOAL)
    batch = hand_made.batch(GOAL, action_space, 64, 2)
    action = torch.full_like(batch.action, 3) if action_space is DISCRETE else (
        torch.tensor([0.0, 0.7]).expand_as(batch.action)
    )  # fmt: skip
    batch = replace(batch, action=action, reward=torch.full_like(batch.reward, torch.nan))
    first = last = agent.pretrain(batch)
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
    agent.pretrain(batches[0])
    agent.update(batches[1])
    other.load_state_dict(agent.state_dict())
    assert agent.update(batches[2]) == other.update(batches[2])


@pytest.mark.parametrize(
    "settings",
    [{"doubters": 1}, {"pessimism": -1.0}, {"imitation": float("nan")}, {"patience": -1}],
)
def test_settings_are_checked(settings: dict[str, Any]) -> None:
    """The field is named."""
    with pytest.raises(ConfigError, match=f"agent.{next(iter(settings))}"):
        PessimistConfig(**settings)
