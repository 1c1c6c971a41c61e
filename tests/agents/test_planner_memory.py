"""The planner with a core that remembers: acting and learning see the same latents."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from daneel.agents.planner import PlannerAgent, PlannerConfig
from daneel.agents.planning import PlanConfig
from daneel.envs import EnvConfig
from daneel.errors import ConfigError, SpaceError, UnknownNameError
from daneel.training import TrainConfig, train
from daneel.world_models import Batch
from tests.world_models import hand_made
from tests.world_models.hand_made import BOX, STATE

PLAN = PlanConfig(samples=16, rounds=1, horizon=2, elites=4)
CORES = ["gru", "retention", "attention", "mamba2", "rwkv", "hyena"]
ROWS, CONTEXT = 4, 5

every = pytest.mark.parametrize("core", CORES)


def make(core: str, **settings: Any) -> PlannerAgent:
    """A tiny agent that sees vectors."""
    chosen: dict[str, Any] = {"size": "tiny", "batch_size": ROWS, "horizon": 2, "plan": PLAN}
    chosen["context"] = CONTEXT
    return PlannerAgent(PlannerConfig(**{**chosen, "core": core, **settings}), STATE, BOX, seed=1)


def with_context(batch: Batch, lengths: list[int]) -> Batch:
    """`batch` after CONTEXT random observations of which the last `lengths` are of its episode."""
    (key,) = batch.obs
    shape = (ROWS, CONTEXT, *batch.obs[key].shape[2:])
    context = torch.randn(shape, generator=torch.Generator().manual_seed(9))
    return replace(batch, context={key: context}, context_length=torch.tensor(lengths))


def sample() -> Batch:
    """A random batch of two transitions."""
    return hand_made.batch(STATE, BOX, ROWS, 2, seed=0)


@every
def test_acting_and_learning_see_the_same_latents(core: str) -> None:
    """One observation at a time with carried memory, or the window at once: equal latents."""
    agent = make(core)
    lengths = [0, 2, 4, CONTEXT]
    batch = with_context(sample(), lengths)
    (key,) = batch.obs
    together = agent.model.infer_window(batch, 2)
    for row, length in enumerate(lengths):
        seen = torch.cat([batch.context[key][row, CONTEXT - length :], batch.obs[key][row]])
        state, alone = None, []
        for observation in seen:
            z, state = agent.model.infer({key: observation[None]}, state)
            alone.append(z[0])
        torch.testing.assert_close(together[row], torch.stack(alone)[length:], atol=2e-5, rtol=1e-4)


@every
def test_what_came_before_the_episode_changes_nothing(core: str) -> None:
    """The filler in front of a short context is forgotten, in updates too."""
    first, second = make(core), make(core)
    batch = with_context(sample(), [0, 1, 3, CONTEXT])
    (key,) = batch.obs
    assert batch.context_length is not None
    filler = torch.arange(CONTEXT) < CONTEXT - batch.context_length[:, None]
    other = batch.context[key].masked_fill(filler[..., None], 7.0)
    for agent, context in ((first, batch.context[key]), (second, other)):
        agent.model.encoder.observe(batch.obs, torch.ones(ROWS, 3, dtype=torch.bool), 1.0)
        agent.update(replace(batch, context={key: context}))
    for one, two in zip(first.model.parameters(), second.model.parameters(), strict=True):
        torch.testing.assert_close(one, two, atol=1e-6, rtol=1e-5)


@every
def test_a_reset_row_remembers_nothing(core: str) -> None:
    """The other rows go on."""
    agent = make(core)
    obs = {key: value.numpy() for key, value in hand_made.observe(STATE, 2, seed=0).items()}
    _, state = agent.act(obs)
    _, state = agent.act(obs, state)
    state = agent.reset_state(state, np.array([True, False]))
    action, _ = agent.act(obs, state)
    fresh, _ = agent.act({key: value[:1] for key, value in obs.items()})
    np.testing.assert_allclose(action[0], fresh[0], atol=1e-5)


@every
def test_the_core_learns(core: str) -> None:
    """Every weight of the core moves, whatever the global generator did before."""
    torch.manual_seed(123)
    agent = make(core)
    torch.manual_seed(321)
    twin = make(core)
    before = {name: value.clone() for name, value in agent.model.core.named_parameters()}
    batch = with_context(sample(), [3, 4, 5, 5])
    for _ in range(4):
        agent.update(batch)
        twin.update(batch)
    for name, value in agent.model.core.named_parameters():
        assert (value != before[name]).any(), name
        torch.testing.assert_close(value, dict(twin.model.core.named_parameters())[name])


def test_without_memory_no_context_is_asked_for() -> None:
    """The identity core learns from windows alone; a recurrent agent has no flat actor."""
    assert make("identity").context == 0
    assert make("gru").context == CONTEXT
    with pytest.raises(SpaceError, match="memory"):
        make("gru").actor()


def test_unknown_cores_are_named() -> None:
    """With the nearest name, and before anything is trained."""
    with pytest.raises(UnknownNameError, match="retention"):
        PlannerConfig(core="retentoin")
    with pytest.raises(ConfigError, match=r"agent\.context is -1"):
        PlannerConfig(context=-1)


def test_memory_is_learned_in_seconds(tmp_path) -> None:
    """To repeat the observation before the last one: without memory nothing exceeds 6 of 10."""
    agent = PlannerConfig(
        size="tiny",
        core="gru",
        context=8,
        plan=PlanConfig(samples=32, rounds=1, horizon=1, elites=8),
        batch_size=64,
        horizon=1,
        expansion=1,
        warmup=150,
        updates=2.0,
        learning_rate=2e-3,
    )
    config = TrainConfig(
        env=EnvConfig("daneel/IdentityBox-v0", kwargs={"delay": 2}),
        agent=agent,
        steps=1000,
        eval_every=1000,
        eval_episodes=10,
        out=str(tmp_path / "run"),
    )
    result = train(config)
    assert result.eval_return is not None
    assert result.eval_return > 7
