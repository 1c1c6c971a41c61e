"""The planner agent: acting, learning, targets, padding, saving, and tasks it must learn."""

import copy
import math
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest
import torch
from gymnasium import spaces
from torch import Tensor

from daneel.agents.planner import PlannerAgent, PlannerConfig
from daneel.agents.planning import PlanConfig
from daneel.envs import EnvConfig
from daneel.errors import CheckpointError, ConfigError, SpaceError
from daneel.training import TrainConfig, train
from daneel.world_models import Batch, WorldModelConfig, symlog
from tests.world_models import hand_made
from tests.world_models.hand_made import (
    BOX,
    DISCRETE,
    EVERYTHING,
    GOAL,
    IMAGE,
    STATE,
    logits_of,
    make_constant,
    make_transition,
    randomise,
)

ACTIONS = {"box": BOX, "discrete": DISCRETE}
FLOATS = [field.name for field in fields(PlannerConfig) if isinstance(field.default, float)]
PLAN = PlanConfig(samples=16, rounds=2, horizon=2, elites=4)
POLICY_ALONE = PlanConfig(samples=0)
ROWS = 16

both = pytest.mark.parametrize("action_space", ACTIONS.values(), ids=ACTIONS.keys())


def make(
    action_space: spaces.Space[Any] = BOX,
    observation_space: spaces.Dict = GOAL,
    seed: int = 1,
    **settings: Any,
) -> PlannerAgent:
    """A tiny agent."""
    chosen: dict[str, Any] = {"size": "tiny", "batch_size": ROWS, "horizon": 2, "plan": PLAN}
    config = PlannerConfig(**{**chosen, **settings})
    return PlannerAgent(config, observation_space, action_space, seed=seed)


def sample(agent: PlannerAgent, seed: int = 0, lengths: Tensor | None = None) -> Batch:
    """A random batch of what the agent asks for."""
    return hand_made.batch(
        *(agent.observation_space, agent.action_space, agent.batch_size, agent.horizon),
        seed=seed,
        lengths=lengths,
    )


def observe(agent: PlannerAgent, rows: int, seed: int = 0) -> dict[str, np.ndarray]:
    """Random observations `[N, ...]`."""
    obs = hand_made.observe(agent.observation_space, rows, seed=seed)
    return {key: value.numpy() for key, value in obs.items()}


def flat(tree: Any, name: str = "") -> dict[str, Any]:
    """The leaves of a nested state by path; tensors as lists of bits."""
    if isinstance(tree, dict):
        pairs = tree.items()
    elif isinstance(tree, list | tuple):
        pairs = enumerate(tree)
    else:
        return {name: tree.numpy().tobytes() if isinstance(tree, Tensor) else tree}
    return {path: leaf for key, sub in pairs for path, leaf in flat(sub, f"{name}/{key}").items()}


def state_of(agent: PlannerAgent) -> dict[str, Any]:
    """Everything the agent consists of."""
    return flat(agent.state_dict())


# -- act -------------------------------------------------------------------------------------------


@both
@pytest.mark.parametrize("explore", [False, True])
@pytest.mark.parametrize("plan", [PLAN, POLICY_ALONE], ids=["plan", "policy"])
def test_actions_are_in_the_environments_units(action_space, explore, plan):
    """Actions have the space's shape, type and range, for any number of environments."""
    agent = make(action_space, plan=plan)
    randomise(agent.slow_policy, scale=3.0)
    for rows in (1, 5):
        action, _ = agent.act(observe(agent, rows), explore=explore)
        assert action.dtype == action_space.dtype
        assert all(action_space.contains(one) for one in action)
        assert len(action) == rows


@both
def test_without_exploring_every_environment_is_alone(action_space):
    """Over several decisions each environment does alone what it does among others."""
    agent = make(action_space)
    together: Any = None
    alone: list[Any] = [None] * 4
    for decision in range(3):
        obs = observe(agent, 4, seed=decision)
        action, together = agent.act(obs, together)
        for row in range(4):
            one = {key: value[row : row + 1] for key, value in obs.items()}
            single, alone[row] = agent.act(one, alone[row])
            np.testing.assert_allclose(single[0], action[row], rtol=1e-3, atol=1e-3)


@both
@pytest.mark.parametrize("averaged", [True, False])
def test_the_networks_that_act(action_space, averaged):
    """The slow networks act and imagine when `averaged`, else the learned ones do."""
    agent = make(action_space, averaged=averaged)
    obs = observe(agent, 5)
    acting = {True: (agent.slow_model, agent.slow_policy), False: (agent.model, agent.policy)}
    before = agent.act(obs)[0]
    for part in acting[not averaged]:
        randomise(part, seed=7)
    np.testing.assert_array_equal(agent.act(obs)[0], before)
    for part in acting[averaged]:
        randomise(part, seed=7)
    assert not np.array_equal(agent.act(obs)[0], before)


def test_slow_networks_follow():
    """An update moves each slow network its share of the way to where the learned one went."""
    agent = make(target_rate=0.25)
    slow = {name: agent.state_dict()[f"slow_{name}"] for name in ("model", "policy")}
    slow = {name: {k: v.clone() for k, v in state.items()} for name, state in slow.items()}
    agent.update(sample(agent))
    for name, network in (("model", agent.model), ("policy", agent.policy)):
        for key, learned in network.named_parameters():
            expected = slow[name][key].lerp(learned, 0.25)
            torch.testing.assert_close(agent.state_dict()[f"slow_{name}"][key], expected)


def test_exploring_draws_anew():
    """Without exploring a decision repeats, exploring it varies."""
    agent = make()
    obs = observe(agent, 3)
    assert np.array_equal(agent.act(obs)[0], agent.act(obs)[0])
    first, second = (agent.act(obs, explore=True)[0] for _ in range(2))
    assert (first != second).any(1).all()


def test_reset_state_affects_masked_rows_alone():
    """After a reset the masked rows act as in a new episode, the others as if nothing was."""
    agent = make()
    _, state = agent.act(observe(agent, 4))
    # A plan far away from what a new episode would begin with.
    state = {**state, "plan": torch.full_like(state["plan"], -0.95)}
    obs, mask = observe(agent, 4, seed=1), np.array([True, False, True, False])
    before = copy.deepcopy(state)
    fresh, going = agent.act(obs)[0], agent.act(obs, state)[0]
    mixed = agent.act(obs, agent.reset_state(state, mask))[0]
    np.testing.assert_array_equal(mixed[mask], fresh[mask])
    np.testing.assert_array_equal(mixed[~mask], going[~mask])
    assert (fresh != going).any(1).all()
    assert flat(before) == flat(state)


# -- the actor for the gate ------------------------------------------------------------------------


def test_the_actor_acts_as_the_policy():
    """The actor does what the agent does without planning, from the vectors joined by its keys."""
    agent = make(plan=POLICY_ALONE)
    agent.update(sample(agent))
    actor, notes = agent.actor()
    obs = observe(agent, 50)
    joined = torch.cat([torch.as_tensor(obs[key]) for key in notes["keys"]], -1)
    np.testing.assert_allclose(actor(joined).numpy(), agent.act(obs)[0], rtol=1e-5, atol=1e-6)


def test_the_discrete_actor_gives_logits():
    """The largest output of the discrete actor is the action."""
    agent = make(DISCRETE, STATE, plan=POLICY_ALONE)
    actor, _ = agent.actor()
    obs = observe(agent, 50)
    logits = actor(torch.as_tensor(obs["state"]))
    np.testing.assert_array_equal(logits.argmax(-1) + int(DISCRETE.start), agent.act(obs)[0])


@both
def test_taking_the_actor_leaves_the_agent_alone(action_space):
    """An agent whose actor was taken, and ruined, learns on like one whose actor was not."""
    agent, twin = make(action_space), make(action_space)
    actor, _ = agent.actor()
    for parameter in actor.parameters():
        parameter.data.fill_(7.0)
    for one in (agent, twin):
        for seed in range(2):
            one.update(sample(one, seed))
    assert state_of(agent) == state_of(twin)


# -- learning --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("v", "reward", "discount"), [(50.0, 1.0, 0.99), (-3.0, 0.25, 0.9)])
@pytest.mark.parametrize("terminated", [0.0, 1.0])
def test_value_targets_against_hand_numbers(v, reward, discount, terminated):
    """Where everything is worth `v`, a termination is worth `reward`, else `reward + g v`.

    The model gives `(1 - g) v` at each step and never ends: `v` however far it looks ahead.
    """
    agent = make(imagined=0.0, discount=discount, horizon=1)
    _make_world(agent, reward=(1 - discount) * v, alive=1.0, value=v)
    target = reward + (1 - terminated) * discount * v
    _check_value_loss(agent, reward, terminated, target)


def test_expanded_value_targets_against_hand_numbers():
    """Two imagined steps of 0.5, each survived by one half, come before a value of 4."""
    agent = make(imagined=0.0, discount=0.9, horizon=1, expansion=2)
    _make_world(agent, reward=0.5, alive=0.5, value=4.0)
    following = 0.5 + 0.45 * 0.5 + 0.45**2 * 4
    _check_value_loss(agent, 1.0, 0.0, 1 + 0.9 * following)
    _check_value_loss(agent, 1.0, 1.0, 1.0)


def test_with_values_of_zero_the_target_is_the_reward():
    """As long as all that follows is worth zero, termination makes no difference to the values."""
    states = []
    for terminated in (0.0, 1.0):
        agent = make(imagined=0.0, horizon=1)
        make_transition(agent.slow_model, 0.0, 0.0)
        batch = replace(sample(agent), terminated=torch.full((ROWS, 1), terminated))
        agent.update(batch)
        states.append([p.detach().clone() for p in agent.model.value.parameters()])
    assert all(torch.equal(a, b) for a, b in zip(*states, strict=True))


def _make_world(agent: PlannerAgent, reward: float, alive: float, value: float) -> None:
    """A model in which every state and action gives these numbers."""
    model = agent.slow_model
    ends = -50.0 if alive == 1 else math.log((1 - alive) / alive)
    make_transition(model, float(symlog(torch.tensor(reward))), ends)
    make_constant(model.value.net, logits_of(model.value.two_hot, value))


def _check_value_loss(agent: PlannerAgent, reward: float, terminated: float, target: float) -> None:
    """The value loss of a known guess is its cross entropy to `target`, of each member."""
    agent, value = copy.deepcopy(agent), agent.model.value
    guess = torch.randn(value.two_hot.bins, generator=hand_made.generator())
    make_constant(agent.model.value.net, guess)
    batch = replace(
        sample(agent),
        reward=torch.full((ROWS, 1), reward),
        terminated=torch.full((ROWS, 1), terminated),
    )
    lower, weight = value.two_hot.encode(torch.tensor(target))
    log_p = guess.log_softmax(0)
    expected = -((1 - weight) * log_p[lower] + weight * log_p[lower + 1]) * value.members
    assert agent.update(batch)["value"] == pytest.approx(float(expected), rel=1e-3)


@both
def test_padding_changes_nothing(action_space):
    """What stands in masked transitions changes nothing of what an agent becomes."""
    agents = [make(action_space, EVERYTHING, horizon=3) for _ in range(2)]
    lengths = torch.arange(ROWS) % 3 + 1
    for seed in range(2):
        batch = sample(agents[0], seed, lengths)
        agents[0].update(batch)
        agents[1].update(_poison(batch))
    assert state_of(agents[0]) == state_of(agents[1])


def _poison(batch: Batch) -> Batch:
    """`batch` with other numbers wherever no transition is."""
    missing = batch.mask == 0
    unseen = torch.cat([torch.zeros_like(missing[:, :1]), missing], 1)
    obs = {}
    for key, value in batch.obs.items():
        junk = 255 - value if value.dtype == torch.uint8 else torch.full_like(value, 1e6)
        obs[key] = torch.where(unseen.view(*unseen.shape, *[1] * (value.ndim - 2)), junk, value)
    discrete = batch.action.dtype == torch.int64
    shape = missing if discrete else missing.unsqueeze(-1)
    return Batch(
        obs=obs,
        action=torch.where(shape, int(DISCRETE.start) if discrete else 99.0, batch.action),
        reward=torch.where(missing, -1e5, batch.reward),
        terminated=torch.where(missing, 1.0, batch.terminated),
        mask=batch.mask,
    )


@both
def test_random_data_stays_finite(action_space):
    """After 200 updates on random data every weight and every metric is finite."""
    agent = make(action_space, GOAL, learning_rate=1e-2)
    batches = [sample(agent, seed, torch.arange(ROWS) % 2 + 1) for seed in range(4)]
    for step in range(200):
        metrics = agent.update(batches[step % 4])
        assert all(math.isfinite(value) for value in metrics.values()), (step, metrics)
    for name in ("model", "policy", "slow_model", "slow_policy"):
        assert all(bool(value.isfinite().all()) for value in agent.state_dict()[name].values())


@pytest.mark.parametrize("rate", [0.25, 1.0, 3.5])
@pytest.mark.parametrize("warmup", [1, 7])
def test_updates_due_add_up(rate, warmup):
    """None before the warm-up ends; then `rate` per decision, spread evenly."""
    agent = make(updates=rate, warmup=warmup)
    assert agent.warmup_decisions == warmup
    due = [agent.updates_due(decision) for decision in range(1, warmup + 400)]
    assert sum(due[: warmup - 1]) == 0
    after = due[warmup - 1 :]
    assert sum(after) == rate * len(after)
    assert set(after) <= {math.floor(rate), math.ceil(rate)}


# -- seeds and saving ------------------------------------------------------------------------------


def _live(agent: PlannerAgent, first: int, count: int) -> list[Any]:
    """What the agent does and becomes over `count` updates and decisions."""
    trace: list[Any] = []
    for seed in range(first, first + count):
        trace.append(agent.update(sample(agent, seed)))
        trace.append(agent.act(observe(agent, 3, seed), explore=True)[0].tolist())
        trace.append(agent.act(observe(agent, 3, seed))[0].tolist())
    return [*trace, state_of(agent)]


@both
def test_a_seed_decides_everything(action_space):
    """The same seed gives the same life bit for bit, whatever torch's own seed; another does not.

    Nor does learning or acting draw from torch's own generator.
    """
    torch.manual_seed(1)
    first = _live(make(action_space), 0, 2)
    torch.manual_seed(2)
    agent = make(action_space)
    before = torch.get_rng_state()
    assert _live(agent, 0, 2) == first
    assert torch.equal(torch.get_rng_state(), before)
    other = _live(make(action_space, seed=2), 0, 2)
    assert other[0] != first[0]
    assert other[-1] != first[-1]


@both
def test_a_loaded_agent_goes_on_exactly(action_space):
    """A fresh agent of another seed that loads a state goes on bit for bit as the saved one."""
    agent, fresh = make(action_space), make(action_space, seed=99)
    _live(agent, 0, 3)
    fresh.load_state_dict(copy.deepcopy(agent.state_dict()))
    assert _live(fresh, 3, 5) == _live(agent, 3, 5)


def test_a_state_is_plain_data():
    """A state holds only what a checkpoint can write."""
    agent = make()
    agent.update(sample(agent))
    plain = bytes | int | float | str | bool | None
    assert all(isinstance(leaf, plain) for leaf in state_of(agent).values())


# -- messages --------------------------------------------------------------------------------------

BAD = [
    ({"size": "huge"}, ["agent.size is 'huge'", "tiny, small or base"]),
    ({"batch_size": 1}, ["agent.batch_size is 1", "2 or more"]),
    ({"horizon": 0}, ["agent.horizon is 0", "1 or more"]),
    ({"warmup": 0}, ["agent.warmup is 0", "1 or more"]),
    ({"model_every": 0}, ["agent.model_every is 0", "1 or more"]),
    ({"policy_every": 0}, ["agent.policy_every is 0", "1 or more"]),
    ({"updates": 0.0}, ["agent.updates is 0.0", "above 0"]),
    ({"learning_rate": -1e-3}, ["agent.learning_rate is -0.001", "above 0"]),
    ({"max_grad_norm": 0.0}, ["agent.max_grad_norm is 0.0", "above 0"]),
    ({"expansion": -1}, ["agent.expansion is -1", "0 or more"]),
    ({"caution": 1.5}, ["agent.caution is 1.5", "0 to 1"]),
    ({"entropy": -0.5}, ["agent.entropy is -0.5", "0 to 1"]),
    ({"updates": math.inf}, ["agent.updates is inf", "above 0"]),
    ({"imagined": 1.5}, ["agent.imagined is 1.5", "0 to 1"]),
    ({"discount": -0.1}, ["agent.discount is -0.1", "0 to 1"]),
    ({"target_rate": 2.0}, ["agent.target_rate is 2.0", "0 to 1"]),
]


@pytest.mark.parametrize(("settings", "parts"), BAD)
def test_messages_name_field_value_and_range(settings, parts):
    """Each message names field, value and range."""
    with pytest.raises(ConfigError) as error:
        PlannerConfig(**settings)
    for part in (*parts, "Expected"):
        assert part in str(error.value)


@pytest.mark.parametrize("name", FLOATS)
def test_not_a_number_is_out_of_every_range(name):
    """Not a number is out of every range."""
    settings: dict[str, Any] = {name: math.nan}
    with pytest.raises(ConfigError, match=f"{name} is nan"):
        PlannerConfig(**settings)


UNUSABLE = {
    "unbounded": spaces.Box(-np.inf, np.inf, (2,), np.float32),
    "matrix": spaces.Box(-1, 1, (2, 2), np.float32),
    "several": spaces.MultiDiscrete([2, 3]),
}


@pytest.mark.parametrize("name", UNUSABLE)
def test_unusable_actions_are_refused(name):
    """Actions that cannot be planned are refused: what they are, what was expected, what next."""
    with pytest.raises(SpaceError) as error:
        make(UNUSABLE[name])
    for part in (str(UNUSABLE[name]), "Expected a bounded Box", "Type `daneel list agents`"):
        assert part in str(error.value)


def test_there_is_no_flat_actor_of_images():
    """A policy that sees images has no actor on flat vectors, and says so."""
    for space in (IMAGE, EVERYTHING):
        with pytest.raises(SpaceError, match=r"images.*Expected vector observations"):
            make(observation_space=space).actor()


FOREIGN = {
    "size": {"size": "small"},
    "actions": {"action_space": DISCRETE},
    "observations": {"observation_space": STATE},
}


@pytest.mark.parametrize("name", FOREIGN)
def test_the_state_of_another_agent_is_refused(name):
    """The state of another agent is refused: what was expected, and what to type."""
    with pytest.raises(CheckpointError) as error:
        make().load_state_dict(make(**FOREIGN[name]).state_dict())
    for part in ("does not fit this agent", "Expected the agent and sizes", "Type `daneel train`"):
        assert part in str(error.value)


@pytest.mark.parametrize("part", make().state_dict())
def test_an_incomplete_state_is_refused(part):
    """A state that lacks any of its parts is refused, as a checkpoint that does not fit."""
    state = make().state_dict()
    del state[part]
    with pytest.raises(CheckpointError, match=part):
        make().load_state_dict(state)


def test_every_message_says_what_to_type():
    """Each message ends with the next command to type."""
    attempts: list[tuple[Any, dict[str, Any]]]
    attempts = [(PlannerConfig, settings) for settings, _ in BAD]
    attempts += [(PlanConfig, {"samples": 1}), (PlanConfig, {"rounds": 0})]
    attempts += [(PlanConfig, {"std": 0.0}), (PlanConfig, {"noise": -1.0})]
    attempts += [(WorldModelConfig, {"dim": 0}), (WorldModelConfig, {"horizon_decay": 0.0})]
    attempts += [(make, {"observation_space": spaces.Dict({"note": spaces.Text(3)})})]
    attempts += [(lambda: make(observation_space=EVERYTHING).actor(), {})]
    silent = []
    for call, settings in attempts:
        with pytest.raises((ConfigError, SpaceError)) as error:
            call(**settings)
        if "Type `" not in str(error.value):
            silent.append(str(error.value))
    assert silent == []


# -- tasks -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["IdentityBox", "IdentityDiscrete"])
def test_identity_is_learned_in_seconds(name, tmp_path):
    """The agent learns to repeat its observation, through the real loop (best return: 10).

    Random actions return 3.3 and 2.5, the best constant ones 5 and 2.5.
    """
    agent = PlannerConfig(
        size="tiny",
        plan=PlanConfig(samples=64, rounds=2, horizon=2, elites=16),
        batch_size=64,
        horizon=1,
        warmup=150,
        updates=2.0,
        learning_rate=2e-3,
    )
    config = TrainConfig(
        env=EnvConfig(f"daneel/{name}-v0"),
        agent=agent,
        steps=800,
        eval_every=800,
        eval_episodes=10,
        out=str(tmp_path / "run"),
    )
    result = train(config)
    assert result.eval_return is not None
    assert result.eval_return > 8
