"""Stable-Baselines3 algorithms behind the agent protocol."""

import random
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium import spaces
from stable_baselines3.common.buffers import ReplayBuffer
from stable_baselines3.common.vec_env import DummyVecEnv
from stable_baselines3.her import HerReplayBuffer
from torch.nn import Linear

from daneel.agents import AGENTS, build
from daneel.agents.baseline_config import ALGORITHMS, CONTINUOUS_ONLY, DISCRETE_ONLY
from daneel.agents.baseline_spaces import is_goal, native_space, replay_bytes, to_native
from daneel.agents.baseline_state import (
    pack_generators,
    pack_replay,
    unpack_generators,
    unpack_replay,
    untouched_generators,
)
from daneel.agents.baselines import SAC, SB3Agent
from daneel.alignment import output_bounds
from daneel.config import from_dict, to_dict
from daneel.errors import CheckpointError, ConfigError, SpaceError

UNBOUNDED = (-np.inf, np.inf)
STATE = spaces.Dict({"state": spaces.Box(*UNBOUNDED, (5,), np.float32)})
GOAL = spaces.Dict(
    {
        "state": spaces.Box(*UNBOUNDED, (4,), np.float32),
        "achieved": spaces.Box(*UNBOUNDED, (2,), np.float32),
        "goal": spaces.Box(*UNBOUNDED, (2,), np.float32),
    }
)
IMAGE = spaces.Dict({"image": spaces.Box(0, 255, (40, 40, 3), np.uint8)})
MIXED = spaces.Dict({**IMAGE.spaces, **STATE.spaces})
BOX = spaces.Box(np.array([-2, -1], np.float32), np.array([1, 3], np.float32))
DISCRETE = spaces.Discrete(3)


def make(name: str, observation: spaces.Dict = STATE, seed: int = 1, **settings: Any) -> SB3Agent:
    """The agent of this name for spaces it can use."""
    cls = AGENTS.load(name)
    actions = DISCRETE if name in DISCRETE_ONLY else BOX
    agent = build(cls.Config(**settings), observation, actions, seed=seed)
    assert isinstance(agent, SB3Agent)
    return agent


def observe(space: spaces.Dict, rows: int = 7) -> dict[str, np.ndarray]:
    """A batch of observations, the same at every call."""
    rng = np.random.default_rng(0)
    return {
        key: rng.normal(0, 3, (rows, *(box.shape or ()))).astype(np.float32)
        if box.dtype == np.float32
        else rng.integers(0, 255, (rows, *(box.shape or ()))).astype(np.uint8)
        for key, box in space.spaces.items()
    }


def flat(obs: dict[str, np.ndarray]) -> torch.Tensor:
    """Vector modalities joined in the order of their sorted keys."""
    return torch.from_numpy(np.concatenate([obs[key] for key in sorted(obs)], axis=1))


@pytest.mark.parametrize("name", ALGORITHMS)
def test_each_name_is_the_librarys_own_algorithm_with_its_defaults(name: str) -> None:
    """Same class, same hyper-parameters and same first weights as a peer's own script."""
    agent = make(name)
    assert type(agent.model) is ALGORITHMS[name]
    assert agent.native_learn
    own_env = agent.model.get_env()
    assert own_env is not None
    fresh = ALGORITHMS[name]("MlpPolicy", own_env, seed=1)  # pyright: ignore[reportCallIssue]
    for setting in ("learning_rate", "gamma", "batch_size", "gradient_steps", "tau", "n_steps"):
        assert getattr(agent.model, setting, None) == getattr(fresh, setting, None)
    ours, theirs = agent.model.policy.state_dict(), fresh.policy.state_dict()
    assert all(torch.equal(ours[key], theirs[key]) for key in theirs)


@pytest.mark.parametrize("name", ALGORITHMS)
@pytest.mark.parametrize("space", [STATE, GOAL], ids=["state", "goal"])
def test_plain_actor_is_what_the_policy_does(name: str, space: spaces.Dict) -> None:
    """The gate proves things about the network that acts."""
    if name == "crossq" and space is GOAL:
        pytest.skip("CrossQ has no policy for several arrays")
    agent = make(name, space)
    _disturb(agent)
    obs = observe(space)
    action, state = agent.act(obs)
    network, notes = agent.actor()
    output = network(flat(obs)).numpy()
    assert state == {}
    if notes["output"] == "logits":
        assert action.dtype == np.int64
        np.testing.assert_array_equal(output.argmax(axis=1), action)
    else:
        assert action.dtype == np.float32
        np.testing.assert_allclose(output, action, atol=2e-6)
        assert len(np.unique(action)) > 4, "a constant policy would pass for any network"


def _disturb(agent: SB3Agent) -> None:
    """Weights as after training: outputs of all sizes, running statistics away from 0 and 1."""
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for key, value in agent.model.policy.state_dict().items():
            if value.is_floating_point():
                noise = torch.rand(value.shape, generator=generator)
                value += noise if "ra_" in key else 0.1 * (noise - 0.5)


@pytest.mark.parametrize("name", ["sac", "td3", "ppo", "crossq"])
def test_the_gate_can_prove_the_action_bounds(name: str) -> None:
    """Also where they are not symmetric, and however far away the observation."""
    agent = make(name)
    _disturb(agent)
    far = torch.full((5,), 1e3)
    low, high = output_bounds(agent.actor()[0], -far, far)
    assert (low.numpy() >= BOX.low).all() and (high.numpy() <= BOX.high).all()
    action, _ = agent.act({"state": 1e3 * observe(STATE)["state"]})
    assert (action >= BOX.low).all() and (action <= BOX.high).all()


@pytest.mark.parametrize("name", ["ppo", "a2c", "trpo"])
def test_on_policy_algorithms_act_in_both_kinds_of_spaces(name: str) -> None:
    """Discrete actions: the largest logit is the action."""
    cls = AGENTS.load(name)
    agent = cls(cls.Config(), STATE, DISCRETE, seed=0)
    action, _ = agent.act(observe(STATE))
    output = agent.actor()[0](flat(observe(STATE))).numpy()
    np.testing.assert_array_equal(output.argmax(axis=1), action)


@pytest.mark.parametrize("space", [IMAGE, MIXED], ids=["image", "mixed"])
def test_images_go_through_the_librarys_convolutions(space: spaces.Dict) -> None:
    """Images act; the gate is told that it cannot bound them."""
    agent = make("ppo", space)
    action, _ = agent.act(observe(space, rows=2))
    assert action.shape == (2, 2)
    with pytest.raises(SpaceError, match="reads images"):
        agent.actor()


def test_exploration_differs_and_evaluation_does_not() -> None:
    """Evaluation is deterministic."""
    agent, obs = make("sac"), observe(STATE)
    np.testing.assert_array_equal(agent.act(obs)[0], agent.act(obs)[0])
    assert not np.array_equal(agent.act(obs, explore=True)[0], agent.act(obs)[0])


def test_native_observations() -> None:
    """Each kind of observation gets the policy that a peer would choose."""
    assert native_space(STATE) == (STATE["state"], "MlpPolicy")
    assert native_space(IMAGE) == (IMAGE["image"], "CnnPolicy")
    assert native_space(MIXED) == (MIXED, "MultiInputPolicy")
    goal, policy = native_space(GOAL)
    assert isinstance(goal, spaces.Dict) and policy == "MultiInputPolicy" and is_goal(GOAL)
    obs = observe(GOAL)
    native = to_native(obs)
    assert isinstance(native, dict) and set(native) == set(goal.spaces)
    assert native["desired_goal"] is obs["goal"]
    assert native["observation"] is obs["state"]
    assert to_native({"state": obs["state"]}) is obs["state"]


def test_text_is_refused() -> None:
    """Stable-Baselines3 reads no text."""
    with pytest.raises(SpaceError, match="'text' is Text"):
        make("ppo", spaces.Dict({"text": spaces.Text(5)}))


@pytest.mark.parametrize("name", sorted(CONTINUOUS_ONLY | DISCRETE_ONLY))
def test_wrong_action_space_names_an_algorithm_that_fits(name: str) -> None:
    """The message names an algorithm that would work."""
    cls = AGENTS.load(name)
    wrong, other = (DISCRETE, "dqn") if name in CONTINUOUS_ONLY else (BOX, "sac")
    with pytest.raises(SpaceError, match=f"{name} needs .* actions.*--agent {other}"):
        cls(cls.Config(), STATE, wrong, seed=0)


def test_crossq_has_no_policy_for_goals() -> None:
    """The library has only MlpPolicy for CrossQ."""
    with pytest.raises(SpaceError, match="crossq needs a single flat vector"):
        make("crossq", GOAL)


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("ppo", {"buffer_size": 5}, r"agent\.buffer_size is set, but ppo has no such argument"),
        ("a2c", {"batch_size": 5}, r"agent\.batch_size is set, but a2c has no such argument"),
        ("ppo", {"action_noise": 0.1}, r"agent\.action_noise is set, but ppo"),
        ("dqn", {"action_noise": 0.1}, r"agent\.action_noise is set, but dqn"),
        ("sac", {"kwargs": {"entcoef": 1}}, r"'entcoef'.*It has ent_coef"),
        ("sac", {"kwargs": {"env": 1}}, r"'env'.*no such argument"),
        ("sac", {"kwargs": {"gamma": 0.9}}, r"Type `--agent\.gamma 0\.9`"),
        ("sac", {"learning_rate": 0.0}, r"agent\.learning_rate is 0\.0\. Expected .* above 0"),
        ("sac", {"gamma": 1.5}, r"agent\.gamma is 1\.5"),
        ("sac", {"gradient_steps": -2}, r"agent\.gradient_steps is -2"),
        ("sac", {"net_arch": (0,)}, r"agent\.net_arch is \(0,\)"),
        ("sac", {"name": "sax"}, r"agent\.name is 'sax'"),
    ],
)
def test_bad_settings_say_what_is_wrong(name: str, settings: dict[str, Any], message: str) -> None:
    """The message names the field, the value and what there is."""
    with pytest.raises(ConfigError, match=message):
        AGENTS.load(name).Config(**settings)


def test_settings_reach_the_library() -> None:
    """Every field arrives where the library reads it."""
    agent = make(
        "td3",
        learning_rate=0.01,
        batch_size=32,
        gamma=0.9,
        gradient_steps=-1,
        train_freq=3,
        learning_starts=7,
        net_arch=(8,),
        action_noise=0.2,
        kwargs={"tau": 0.5},
    )
    model: Any = agent.model
    assert (model.learning_rate, model.batch_size, model.gamma, model.tau) == (0.01, 32, 0.9, 0.5)
    assert (model.gradient_steps, model.train_freq.frequency, model.learning_starts) == (-1, 3, 7)
    assert (agent.batch_size, agent.warmup_decisions) == (32, 7)
    widths = [layer.out_features for layer in agent.actor()[0].modules() if type(layer) is Linear]
    assert widths[:2] == [8, 2]
    np.testing.assert_array_equal(model.action_noise._sigma, [0.2, 0.2])


def test_config_survives_the_run_folder() -> None:
    """Plain data and back."""
    config = SAC.Config(net_arch=(32, 16), kwargs={"ent_coef": "auto_0.1"})
    assert from_dict(SAC.Config, to_dict(config)) == config


@pytest.mark.parametrize("name", ALGORITHMS)
def test_state_goes_from_one_agent_to_another(name: str) -> None:
    """Weights and target networks arrive exactly."""
    one, other = make(name, seed=1), make(name, seed=2)
    _disturb(one)
    obs = observe(STATE)
    assert not np.array_equal(one.actor()[0](flat(obs)), other.actor()[0](flat(obs)))
    other.load_state_dict(one.state_dict())
    np.testing.assert_array_equal(one.act(obs)[0], other.act(obs)[0])
    ours, theirs = one.model.policy.state_dict(), other.model.policy.state_dict()
    assert all(torch.equal(ours[key], theirs[key]) for key in ours)


def test_state_of_another_algorithm_or_shape_is_refused() -> None:
    """A checkpoint of something else is refused, not half loaded."""
    with pytest.raises(CheckpointError, match=r"holds 'td3'\. Expected 'sac'"):
        make("sac").load_state_dict(make("td3").state_dict())
    with pytest.raises(CheckpointError, match="does not fit sac"):
        make("sac").load_state_dict(make("sac", net_arch=(8,)).state_dict())


def test_building_and_looking_at_an_agent_draws_nothing_from_the_process() -> None:
    """Watching an agent must not change a run in the same process."""
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    space = spaces.Box(-1, 1, (2,), np.float32, seed=4)
    draws = spaces.Box(-1, 1, (2,), np.float32, seed=4).sample()
    agent = SAC(SAC.Config(), STATE, space, seed=0)
    agent.actor()
    agent.act(observe(STATE))
    torch.testing.assert_close(torch.rand(3), expected, rtol=0, atol=0)
    np.testing.assert_array_equal(space.sample(), draws)


def test_generators_go_back_to_where_they_were() -> None:
    """Every generator that the library draws from is restored."""
    model = make("sac").model

    def draw() -> list[np.ndarray]:
        drawn = [np.random.rand(3), torch.rand(3).numpy(), model.action_space.sample()]
        return [*drawn, np.array(random.random())]

    state = pack_generators(model)
    first = draw()
    unpack_generators(state, model)
    for one, other in zip(first, draw(), strict=True):
        np.testing.assert_array_equal(one, other)
    with untouched_generators():
        inside = np.random.rand(2)
    np.testing.assert_array_equal(inside, np.random.rand(2))


def test_replay_of_another_capacity_is_refused() -> None:
    """A wrapped replay goes back exactly, and only into one of its size."""

    def replay(capacity: int) -> Any:
        return ReplayBuffer(capacity, STATE["state"], BOX, n_envs=1)

    one, other = replay(8), replay(8)
    for step in range(11):  # wraps
        obs = np.full((1, 5), step, np.float32)
        one.add(obs, obs + 1, np.zeros((1, 2)), np.array([step]), np.array([0]), [{}])
    unpack_replay(other, pack_replay(one))
    assert (other.pos, other.full) == (3, True)
    np.testing.assert_array_equal(other.next_observations, one.next_observations)
    with pytest.raises(CheckpointError, match="holds 8 rows, this one 9"):
        unpack_replay(replay(9), pack_replay(one))


def test_hindsight_only_where_it_learns() -> None:
    """An agent that only acts reserves no replay."""
    model: Any = make("sac", GOAL).model
    assert not isinstance(model.replay_buffer, HerReplayBuffer)
    assert model.replay_buffer.buffer_size == 1


def test_single_updates_are_refused() -> None:
    """These algorithms learn natively or not at all."""
    batch: Any = None
    with pytest.raises(ConfigError, match="sac was asked for a single update"):
        make("sac").update(batch)
    assert make("sac").updates_due(10) == 0


@pytest.mark.parametrize(("name", "space"), [("sac", STATE), ("td3", GOAL), ("dqn", STATE)])
def test_estimate_is_what_the_replay_takes(name: str, space: spaces.Dict) -> None:
    """Against the arrays of a real replay of 50 rows."""
    cls = AGENTS.load(name)
    actions = DISCRETE if name == "dqn" else BOX
    env = _Still(native_space(space)[0], actions)
    agent = cls(
        cls.Config(), space, actions, seed=0, env=DummyVecEnv([lambda: env]), buffer_size=50
    )
    replay = agent.model.replay_buffer
    arrays = pack_replay(replay)["arrays"].values()
    assert replay.buffer_size == 50
    assert isinstance(replay, HerReplayBuffer) == is_goal(space)
    replay.full = True
    real = sum(_nbytes(array) for array in pack_replay(replay)["arrays"].values())
    infos = 72 * 50 if is_goal(space) else 0
    assert replay_bytes(cls.Config(), space, actions, rows=50) == real + infos
    assert all(_nbytes(array) == 0 for array in arrays)  # only filled rows are saved


def _nbytes(array: Any) -> int:
    return sum(map(_nbytes, array.values())) if isinstance(array, dict) else array.nbytes


def test_estimate_of_an_on_policy_rollout() -> None:
    """PPO keeps 2048 decisions by default: observation, action, and six numbers."""
    config = AGENTS.load("ppo").Config()
    assert replay_bytes(config, STATE, BOX, rows=10**9, num_envs=2) == 2 * 2048 * (20 + 8 + 24)
    config = AGENTS.load("ppo").Config(kwargs={"n_steps": 10})
    assert replay_bytes(config, STATE, BOX, rows=10**9) == 10 * (20 + 8 + 24)


class _Still(gym.Env[Any, Any]):
    """Spaces and a reward function; nothing is stepped."""

    def __init__(self, observation_space: spaces.Space[Any], action_space: spaces.Space[Any]):
        self.observation_space, self.action_space = observation_space, action_space

    def compute_reward(self, achieved: Any, desired: Any, info: Any) -> Any:
        """As goal environments have it."""
        return -np.abs(achieved - desired).sum(-1)
