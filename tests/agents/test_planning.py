"""Planning: scores against an oracle and by hand, best actions that are known, rows kept apart."""

import itertools
import math
from dataclasses import fields
from typing import Any

import pytest
import torch
from torch import Tensor

from daneel.agents.planning import PlanConfig, draw_noise, plan, propose, score, score_naive
from daneel.agents.policy import CategoricalPolicy, GaussianPolicy
from daneel.errors import ConfigError
from daneel.world_models import Batch, MultiModalWorldModel, symlog
from tests.world_models import hand_made
from tests.world_models.hand_made import generator, logits_of, make_constant, randomise, unit

Policy = GaussianPolicy | CategoricalPolicy
DIM = 8
FLOATS = [field.name for field in fields(PlanConfig) if isinstance(field.default, float)]
GREEDY = PlanConfig(samples=256, rounds=4, horizon=2, elites=16, temperature=0.1)


def policy_for(discrete: bool, action_dim: int, seed: int = 5) -> Policy:
    """A policy with random weights."""
    return randomise((CategoricalPolicy if discrete else GaussianPolicy)(DIM, action_dim, 16), seed)


def sequences_for(policy: Policy, *lead: int) -> Tensor:
    """Random action sequences `[*lead, A]` in the model's form."""
    noise = torch.randn(*lead, policy.action_dim, generator=generator(7))
    if not policy.discrete:
        return noise.tanh()
    return torch.nn.functional.one_hot(noise.argmax(-1), policy.action_dim).float()


def make_plan(
    model: MultiModalWorldModel,
    policy: Policy,
    z: Tensor,
    config: PlanConfig,
    discount: float = 0.99,
    previous: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """The plan without exploration, of fresh episodes unless a previous plan is given."""
    noise = draw_noise(policy, config, 1, False, generator())
    fresh = torch.full((len(z),), previous is None)
    if previous is None:
        previous = torch.zeros(len(z), config.horizon, policy.action_dim)
    return plan(model, policy, z, previous, fresh, config, discount, noise)


# -- score ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("discrete", [False, True], ids=["box", "discrete"])
@pytest.mark.parametrize(
    ("rows", "count", "horizon", "action_dim"),
    [(1, 1, 1, 1), (1, 7, 3, 2), (3, 5, 4, 3), (5, 2, 1, 7)],
)
def test_score_against_the_naive_loop(discrete, rows, count, horizon, action_dim):
    """Score equals the naive loop over rows, sequences and steps; values are not trivial."""
    model = hand_made.model(action_dim=action_dim, dim=DIM)
    policy = policy_for(discrete, action_dim)
    z, sequences = unit(rows, DIM), sequences_for(policy, rows, count, horizon)
    with torch.no_grad():
        fast = score(model, policy, z, sequences, 0.9)
        slow = score_naive(model, policy, z, sequences, 0.9)
        values = model.value.values(z, policy.mode(z))
    assert fast.shape == (rows, count)
    torch.testing.assert_close(fast, slow, rtol=1e-4, atol=1e-4)
    assert bool((values != 0).all())


@pytest.mark.parametrize(("discount", "ends"), [(0.9, 0.25), (1.0, 0.0), (0.99, 1.0), (0.0, 0.5)])
def test_score_against_hand_numbers(discount, ends):
    """Reward 0.7 and value 12 everywhere: later steps weigh by discount and survival."""
    model, policy = hand_made.model(dim=DIM), policy_for(False, 2)
    logit = 1e3 * (2 * ends - 1) if ends in (0, 1) else _logit(ends)
    hand_made.make_transition(model, math.log(1.7), logit)
    make_constant(model.value.net, logits_of(model.value.two_hot, 12.0))
    with torch.no_grad():
        got = score(model, policy, unit(2, DIM), sequences_for(policy, 2, 3, 3), discount)
    weight = discount * (1 - ends)
    expected = 0.7 * (1 + weight + weight**2) + 12 * weight**3
    torch.testing.assert_close(got, torch.full((2, 3), expected), rtol=1e-3, atol=1e-4)


def _logit(probability: float) -> float:
    return math.log(probability / (1 - probability))


# -- plans whose best action is known --------------------------------------------------------------


def test_a_continuous_plan_finds_the_best_action():
    """Where the reward is the closeness to a known action, the plan is near that action."""

    def best(z: Tensor) -> Tensor:
        return 0.8 * (2 * z[:, :2]).tanh()

    model, policy = hand_made.model(dim=DIM, width=64), policy_for(False, 2)
    _teach_reward(model, lambda z, a: 1 - (a - best(z)).square().sum(-1), 2)
    z = unit(20, DIM, seed=11)
    action, plans = make_plan(model, policy, z, GREEDY)
    mode = policy.mode(z).detach()
    assert float((action - best(z)).abs().mean()) < 0.25  # of any action: 0.7
    assert float((mode - best(z)).abs().mean()) > 0.4  # not the policy's doing
    assert plans.shape == (20, 2, 2)


@pytest.fixture(scope="module")
def table_model() -> tuple[MultiModalWorldModel, Tensor]:
    """A model whose reward of action a at z is (z @ table)[a], and the table."""
    table = torch.randn(DIM, 4, generator=generator(3))
    model = hand_made.model(dim=DIM, action_dim=4, width=64)
    _teach_reward(model, lambda z, a: ((z @ table) * a).sum(-1), 4)
    return model, table


@pytest.mark.parametrize("sure", [False, True], ids=["policy unsure", "policy sure"])
def test_a_discrete_plan_finds_the_best_action(table_model, sure):
    """The plan nearly always picks a clearly best action, also where the policy is sure of another.

    It looks three decisions ahead, so luck with the later actions leaves a few rows wrong.
    """
    model, table = table_model
    policy = policy_for(True, 4)
    config = PlanConfig(samples=128, rounds=2, horizon=3, elites=32)
    if sure:
        make_constant(policy.net, torch.tensor([0.0, 12.0, 0.0, 0.0]))
    z = unit(40, DIM, seed=11)
    first, second = (z @ table).topk(2, -1).values.T
    clear = first - second > 1
    action, _ = make_plan(model, policy, z, config)
    assert int(clear.sum()) >= 10
    right = action.argmax(-1)[clear] == (z @ table).argmax(-1)[clear]
    assert float(right.float().mean()) > 0.8
    assert torch.equal(action.sum(-1), torch.ones(40))


def test_a_discrete_plan_begins_the_best_of_all_sequences():
    """With every sequence of three actions tried, the plan begins the one the oracle puts first."""
    model, policy = hand_made.model(dim=DIM, action_dim=3), policy_for(True, 3)
    config = PlanConfig(samples=400, rounds=2, horizon=2, elites=8, temperature=1e-3)
    z = unit(6, DIM)
    every = torch.eye(3)[torch.tensor(list(itertools.product(range(3), repeat=2)))]
    make_constant(policy.net, 0.0)  # proposes every action alike
    with torch.no_grad():
        scores = score_naive(model, policy, z, every.expand(6, -1, -1, -1), 0.9)
    action, _ = make_plan(model, policy, z, config, 0.9)
    assert torch.equal(action, every[scores.argmax(1)][:, 0])


def test_a_longer_horizon_forgoes_a_reward_now():
    """Nothing now for 1 at each later step: a plan of 3 decisions takes it, one of 1 does not."""
    model, states = _teach_chain(later=1.0, ends=0.0, now=0.0)
    for horizon, expected in ((1, 0), (3, 1)):
        assert _chosen(model, states, horizon) == expected


def test_rewards_after_a_termination_do_not_count():
    """A larger reward that ends the episode is refused, whatever the model says comes after."""
    model, states = _teach_chain(later=5.0, ends=1.0, now=0.5)
    assert _chosen(model, states, 3) == 0
    model, states = _teach_chain(later=5.0, ends=0.0, now=0.5)
    assert _chosen(model, states, 3) == 1


def _teach_reward(model: MultiModalWorldModel, known: Any, action_dim: int) -> None:
    """Fits the reward head to `known`; the latent stays, no episode ends, values are zero."""
    hand_made.make_transition(model, 0.0, -50.0)
    make_constant(model.value.net, 0.0)
    source, one_hot = generator(1), action_dim > 2
    optimiser = torch.optim.Adam(model.transition.parameters(), lr=1e-2)
    for step in range(500):
        optimiser.param_groups[0]["lr"] = 1e-2 * (1 - step / 500)
        z = torch.nn.functional.layer_norm(torch.randn(256, DIM, generator=source), (DIM,))
        a = 2 * torch.rand(256, action_dim, generator=source) - 1
        if one_hot:
            a = torch.nn.functional.one_hot(a.argmax(-1), action_dim).float()
        miss = model.predict(z, a)[1] - symlog(known(z, a))
        optimiser.zero_grad()
        miss.square().mean().backward()
        optimiser.step()


def _teach_chain(later: float, ends: float, now: float) -> tuple[MultiModalWorldModel, Tensor]:
    """A model of two states and two actions, taught by its own loss, and the states' latents.

    In state 0, action 0 stays for a reward of 0.3; action 1 leads to state 1 for `now`, and ends
    the episode or not. State 1 keeps giving `later`.
    """
    model = hand_made.model(dim=DIM, action_dim=2, width=32, termination_weight=1.0)
    model.normalise.reset_parameters()
    make_constant(model.value.net, 0.0)
    states, action = unit(2, DIM, seed=4), torch.eye(2).repeat(2, 1)
    start, target = states[[0, 0, 1, 1]], states[[0, 1, 1, 1]].unsqueeze(1)
    batch = Batch(
        obs={},
        action=action.unsqueeze(1),
        reward=torch.tensor([[0.3], [now], [later], [later]]),
        terminated=torch.tensor([[0.0], [ends], [0.0], [0.0]]),
        mask=torch.ones(4, 1),
    )
    optimiser = torch.optim.Adam(model.transition.parameters(), lr=1e-2)
    for _ in range(250):
        terms = model.loss(batch, batch.action, start, target)
        optimiser.zero_grad()
        torch.stack(list(terms.values())).sum().backward()
        optimiser.step()
    return model, states


def _chosen(model: MultiModalWorldModel, states: Tensor, horizon: int) -> int:
    config = PlanConfig(samples=64, rounds=3, horizon=horizon, elites=8, temperature=0.01)
    action, _ = make_plan(model, policy_for(True, 2), states[:1], config)
    return int(action.argmax())


# -- rows, proposals, noise ------------------------------------------------------------------------


@pytest.mark.parametrize("discrete", [False, True], ids=["box", "discrete"])
@pytest.mark.parametrize("fresh", [False, True])
def test_rows_never_mix(discrete, fresh):
    """The plan of each environment is the same alone and among others."""
    model, policy = hand_made.model(action_dim=3, dim=DIM), policy_for(discrete, 3)
    config = PlanConfig(samples=32, rounds=2, horizon=3, elites=6)
    z = unit(5, DIM)
    previous = None if fresh else sequences_for(policy, 5, 3)
    together = make_plan(model, policy, z, config, previous=previous)
    for row in range(5):
        part = None if previous is None else previous[row : row + 1]
        alone = make_plan(model, policy, z[row : row + 1], config, previous=part)
        for one, all_ in zip(alone, together, strict=True):
            torch.testing.assert_close(one[0], all_[row], rtol=1e-3, atol=1e-3)


def test_the_last_plan_matters_only_while_the_episode_runs():
    """A fresh row forgets the last plan, another begins from it."""
    model, policy = hand_made.model(dim=DIM), policy_for(False, 2)
    config = PlanConfig(samples=16, rounds=1, horizon=3, elites=4)
    noise, z = draw_noise(policy, config, 1, False, generator()), unit(2, DIM)
    fresh = torch.tensor([True, False])
    actions = [
        plan(model, policy, z, torch.full((2, 3, 2), last), fresh, config, 0.9, noise)[0]
        for last in (-0.9, 0.9)
    ]
    assert (actions[0] != actions[1]).any(1).tolist() == [False, True]


@pytest.mark.parametrize("discrete", [False, True], ids=["box", "discrete"])
def test_the_first_proposal_is_the_mode_inside_the_model(discrete):
    """The first proposal follows the policy's mode, step by step, inside the model."""
    model, policy = hand_made.model(action_dim=3, dim=DIM), policy_for(discrete, 3)
    z, noise = unit(2, DIM), policy.noise(2, 5, 3, generator=generator())
    with torch.no_grad():
        proposals = propose(model, policy, z, noise)
        expected = model.imagine(policy.mode, z, 3).action
    assert proposals.shape == (2, 5, 3, 3)
    torch.testing.assert_close(proposals[:, 0], expected, rtol=1e-4, atol=1e-4)
    assert len(proposals[0].reshape(5, -1).unique(dim=0)) > 1


@pytest.mark.parametrize("discrete", [False, True], ids=["box", "discrete"])
@pytest.mark.parametrize("explore", [False, True])
@pytest.mark.parametrize(("samples", "elites"), [(2, 1), (3, 5), (9, 9)])
def test_small_and_odd_sizes_plan(discrete, explore, samples, elites):
    """Small and odd sizes give actions of the right form, exploring or not."""
    model, policy = hand_made.model(action_dim=3, dim=DIM), policy_for(discrete, 3)
    config = PlanConfig(samples=samples, rounds=1, horizon=1, elites=elites)
    noise = draw_noise(policy, config, 4, explore, generator())
    action, plans = plan(
        *(model, policy, unit(4, DIM), torch.zeros(4, 1, 3), torch.ones(4, dtype=torch.bool)),
        *(config, 0.9, noise),
    )
    assert (action.shape, plans.shape) == ((4, 3), (4, 1, 3))
    assert bool(action.isfinite().all())
    assert bool((action.abs() <= 1).all())
    if discrete:
        assert torch.equal(action.sort(-1).values, torch.tensor([0.0, 0.0, 1.0]).expand(4, -1))


def test_exploration_varies_around_the_plan():
    """Exploring, equal rows act differently; without, they act alike."""
    model, policy = hand_made.model(dim=DIM), policy_for(False, 2)
    config = PlanConfig(samples=32, rounds=2, horizon=2, elites=8)
    z, fresh = unit(1, DIM).expand(6, -1), torch.ones(6, dtype=torch.bool)
    for explore, distinct in ((False, 1), (True, 6)):
        noise = draw_noise(policy, config, 6 if explore else 1, explore, generator())
        action, _ = plan(model, policy, z, torch.zeros(6, 2, 2), fresh, config, 0.9, noise)
        assert len(action.unique(dim=0)) == distinct


# -- messages --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "parts"),
    [
        ({"samples": 1}, ["samples is 1", "0, or 2 and more"]),
        ({"samples": -2}, ["samples is -2", "0, or 2 and more"]),
        ({"rounds": 0}, ["rounds is 0", "1 or more"]),
        ({"horizon": 0}, ["horizon is 0", "1 or more"]),
        ({"elites": 0}, ["elites is 0", "1 or more"]),
        ({"temperature": 0.0}, ["temperature is 0.0", "above 0"]),
        ({"std": -1.0}, ["std is -1.0", "above 0"]),
        ({"least_std": 0.0}, ["least_std is 0.0", "above 0"]),
        ({"noise": -0.1}, ["noise is -0.1", "0 or more"]),
    ],
)
def test_messages_name_field_value_and_range(settings, parts):
    """Each message names field, value and range."""
    with pytest.raises(ConfigError) as error:
        PlanConfig(**settings)
    for part in (*parts, "Expected"):
        assert part in str(error.value)


@pytest.mark.parametrize("name", FLOATS)
def test_not_a_number_is_out_of_every_range(name):
    """Not a number is out of every range."""
    settings: dict[str, Any] = {name: math.nan}
    with pytest.raises(ConfigError, match=f"{name} is nan"):
        PlanConfig(**settings)
