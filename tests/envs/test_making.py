"""Making environments: seeds, resets, limits, spaces, names and errors."""

import sys

import gymnasium as gym
import numpy as np
import pytest
from gymnasium import spaces

from daneel import envs
from daneel.envs.sources import SOURCES, load_source
from daneel.errors import ConfigError, MissingExtraError, SpaceError, UnknownNameError

PACKAGES = {"Meta-World": "metaworld", "robotics": "gymnasium_robotics", "panda": "panda_gym"}
SAMPLES = [
    ("gymnasium", "HalfCheetah-v5"),
    ("gymnasium", "Pendulum-v1"),
    ("gymnasium", "daneel/IdentityBox-v0"),
    ("dm_control", "dm_control/ball_in_cup-catch-v0"),
    ("dm_control", "dm_control/lqr-lqr_2_1-v0"),
    ("Meta-World", "Meta-World/drawer-close-v3"),
    ("Meta-World", "Meta-World/push-v3"),
    ("panda", "PandaReach-v3"),
    ("panda", "PandaPush-v3"),
    ("panda", "PandaFlip-v3"),
    ("robotics", "FetchPush-v4"),
    ("robotics", "AdroitHandDoor-v1"),
    ("robotics", "AntMaze_UMaze-v5"),
    ("twins", "Twin/Lift-v0"),
    ("twins", "Twin/LiftDeployed-v0"),
]


class Unbounded(gym.Env):
    """An environment that agents cannot act in."""

    observation_space = spaces.Box(-1, 1, (1,))
    action_space = spaces.Box(-np.inf, np.inf, (1,))


def need(source):
    """Skip the test when the package of `source` is not installed."""
    if source in PACKAGES:
        pytest.importorskip(PACKAGES[source])


def flat(observation):
    """Return every modality in one vector, or one row per environment."""
    return np.concatenate([np.ravel(observation[key]) for key in sorted(observation)])


def episode(env, seed, actions):
    """Observations and rewards of one episode, as one array."""
    rows = [np.append(flat(env.reset(seed=seed)[0]), 0.0)]
    for action in actions:
        observation, reward, terminated, truncated, _ = env.step(action)
        rows.append(np.append(flat(observation), reward))
        if terminated or truncated:
            break
    return np.stack(rows)


def draw_actions(env, count, seed):
    """Random actions that mostly push one way, so that arms reach what they can touch."""
    low, high = env.action_space.low, env.action_space.high
    rng = np.random.default_rng(seed)
    side = np.where(rng.random(low.shape) < 0.5, low, high)
    return [(0.6 * side + 0.4 * rng.uniform(low, high)).astype(np.float32) for _ in range(count)]


@pytest.mark.parametrize(("source", "env_id"), SAMPLES)
def test_the_seed_determines_the_episode_whatever_came_before(source, env_id):
    """The seed determines the episode whatever came before."""
    need(source)
    first, second = (envs.make_single(envs.EnvConfig(env_id)) for _ in range(2))
    actions = draw_actions(first, 25, seed=0)
    expected = episode(first, 7, actions)
    assert np.isfinite(expected).all()
    np.testing.assert_array_equal(episode(second, 7, actions), expected)  # another instance
    for seed in (8, 9):
        episode(first, seed, draw_actions(first, 25, seed))
    np.testing.assert_array_equal(episode(first, 7, actions), expected)  # later in its life
    if "daneel/" not in env_id and "lqr" not in env_id:
        other = first.reset(seed=8)[0]
        assert (flat(other) != expected[0, :-1]).any()  # the seed matters
    first.close()
    second.close()


@pytest.mark.parametrize(("source", "env_id"), SAMPLES)
def test_resets_without_a_seed_continue_the_generator(source, env_id):
    """Resets without a seed continue the generator."""
    need(source)
    starts = []
    for _ in range(2):
        env = envs.make(env_id, seed=5)
        starts.append([flat(env.reset()[0]) for _ in range(2)])
        env.close()
    np.testing.assert_array_equal(starts[0], starts[1])


@pytest.mark.parametrize(("source", "env_id"), SAMPLES)
def test_spaces_are_what_is_promised(source, env_id):
    """Spaces are what is promised."""
    need(source)
    env = envs.make(env_id, num_envs=2, seed=0)
    assert isinstance(env.single_observation_space, spaces.Dict)
    assert isinstance(env.observation_space, spaces.Dict)
    assert set(env.single_observation_space) <= {"state", "goal", "achieved"}
    action_space = env.single_action_space
    assert isinstance(action_space, spaces.Box)
    assert action_space.dtype == np.float32
    observation, _ = env.reset()
    for _ in range(5):
        for key, value in observation.items():
            assert value.dtype == np.float32
            assert value.shape == env.observation_space[key].shape
        assert env.observation_space.contains(observation)
        observation, reward, terminated, truncated, info = env.step(env.action_space.sample())
        assert reward.shape == terminated.shape == truncated.shape == (2,)
        signal = envs.success_signal(envs.EnvConfig(env_id))
        assert ("success" in info) == (signal is not None)
        if signal is not None:
            assert info["success"].dtype == bool
        if (terminated | truncated).any():
            break
    env.close()


@pytest.mark.parametrize("vectorization", ["sync", "async"])
def test_only_masked_environments_begin_again_and_with_their_seed(vectorization):
    """Only masked environments begin again and with their seed."""
    env = envs.make("Pendulum-v1", num_envs=3, vectorization=vectorization, max_episode_steps=2)
    before, _ = env.reset(seed=[1, 2, 3])
    action = np.zeros((3, 1), np.float32)
    middle = env.step(action)[0]
    mask = np.array([True, False, True])
    after, _ = env.reset(seed=[3, 99, 1], options={"reset_mask": mask})
    np.testing.assert_array_equal(after["state"][0], before["state"][2])
    np.testing.assert_array_equal(after["state"][1], middle["state"][1])
    np.testing.assert_array_equal(after["state"][2], before["state"][0])
    _, _, _, truncated, _ = env.step(action)
    assert truncated.tolist() == [False, True, False]  # each has its own clock
    env.close()


@pytest.mark.parametrize("vectorization", ["sync", "async"])
def test_terminal_observations_are_the_true_ones(vectorization):
    """Terminal observations are the true ones."""
    env = envs.make("daneel/Probe-v0", num_envs=2, vectorization=vectorization, terminate_at=2)
    env.reset(seed=[0, 0])
    action = np.zeros((2, 1), np.float32)
    env.step(action)
    observation, _, terminated, truncated, _ = env.step(action)
    assert observation["state"].tolist() == [[2], [2]]
    assert terminated.all() and not truncated.any()
    with pytest.raises((AssertionError, gym.error.ResetNeeded)):  # nothing was reset
        env.step(action)
    env.close(**({"terminate": True} if vectorization == "async" else {}))


def test_other_autoreset_modes():
    """Other autoreset modes."""
    env = envs.make("daneel/Probe-v0", autoreset="same_step", terminate_at=1)
    env.reset()
    assert env.step(np.zeros((1, 1)))[0]["state"].tolist() == [[0]]
    env = envs.make("daneel/Probe-v0", autoreset="next_step", terminate_at=1)
    env.reset()
    shown = [env.step(np.zeros((1, 1)))[0]["state"].item() for _ in range(3)]
    assert shown == [1, 0, 1]


@pytest.mark.parametrize(
    ("source", "env_id"),
    [
        ("gymnasium", "HalfCheetah-v5"),
        ("dm_control", "dm_control/cartpole-swingup-v0"),
        ("Meta-World", "Meta-World/reach-v3"),
        ("panda", "PandaStack-v3"),
    ],
)
def test_time_limits_count_decisions_and_truncate(source, env_id):
    """Time limits count decisions and truncate."""
    need(source)
    env = envs.make(env_id, action_repeat=4, max_episode_steps=3)
    env.reset(seed=[0])
    frames = []
    for decision in range(3):
        _, _, terminated, truncated, info = env.step(np.zeros_like(env.action_space.sample()))
        frames += info["frames"].tolist()
        assert (terminated.item(), truncated.item()) == (False, decision == 2)
    assert frames == [4, 4, 4]
    env.close()


@pytest.mark.parametrize(
    ("source", "env_id", "native"),
    [
        ("dm_control", "dm_control/cartpole-swingup-v0", 1000),
        ("Meta-World", "Meta-World/drawer-close-v3", 500),
    ],
)
@pytest.mark.parametrize("limit", [None, "longer"])
def test_time_limits_of_the_simulators_own(source, env_id, native, limit):
    """Time limits of the simulators own."""
    need(source)
    steps = native if limit is None else native + 10
    env = envs.make_single(
        envs.EnvConfig(env_id, action_repeat=10, max_episode_steps=limit and steps // 10)
    )
    env.reset(seed=0)
    action = np.zeros(np.shape(env.action_space.sample()))
    ends = [env.step(action)[2:4] for _ in range(steps // 10)]
    assert ends[:-1] == [(False, False)] * (len(ends) - 1)
    assert ends[-1] == (False, True)  # truncated, so that the value is bootstrapped
    env.close()


def test_native_observations_for_other_libraries():
    """Native observations for other libraries."""
    config = envs.EnvConfig("Pendulum-v1", action_repeat=2, max_episode_steps=1)
    env = envs.make_single(config, modalities=False)
    assert isinstance(env.observation_space, spaces.Box)
    env.reset(seed=0)
    assert env.step(np.zeros(1, np.float32))[3] is True


def test_meta_world_goals_are_seen_and_in_their_space():
    """Meta world goals are seen and in their space."""
    need("Meta-World")
    env = envs.make_single(envs.EnvConfig("Meta-World/push-v3"))
    goals = [env.reset(seed=seed)[0]["state"][-3:] for seed in range(5)]
    assert len({tuple(goal) for goal in goals}) == 5
    assert all(goal.any() for goal in goals)


def test_meta_world_success_is_reported():
    """Meta world success is reported."""
    need("Meta-World")
    policies = pytest.importorskip("metaworld.policies")
    env = envs.make_single(envs.EnvConfig("Meta-World/drawer-close-v3"))
    policy = policies.SawyerDrawerCloseV3Policy()
    observation, _ = env.reset(seed=1)
    found = []
    for _ in range(150):
        action = policy.get_action(observation["state"].astype(np.float64))
        observation, _, _, _, info = env.step(np.clip(action, -1, 1))
        found.append(info["success"])
    assert found[0] is False
    assert found[-1] is True


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("HalfCheeta-v5", "HalfCheetah-v5"),
        ("HalfCheetah-v9", "HalfCheetah-v5"),
        ("dm_control/walker-wlk-v0", "dm_control/walker-walk-v0"),
        ("Meta-World/drawer-clse-v3", "Meta-World/drawer-close-v3"),
        ("PandaReech-v3", "PandaReach-v3"),
        ("pendulum v1", "Pendulum-v1"),
    ],
)
def test_unknown_ids_get_the_nearest(typed, meant):
    """Unknown ids get the nearest."""
    for source in PACKAGES:
        need(source)
    with pytest.raises(UnknownNameError) as caught:
        envs.make(typed)
    assert repr(typed) in str(caught.value)
    assert meant in str(caught.value)
    assert "daneel list envs" in str(caught.value)


@pytest.mark.parametrize(("source", "package"), list(PACKAGES.items()))
def test_a_missing_package_is_answered_with_its_extra(monkeypatch, source, package):
    """A missing package is answered with its extra."""
    sample = next(env_id for name, env_id in SAMPLES if name == source)
    target = SOURCES.entry(source).target
    for name in [n for n in sys.modules if n == package or n.startswith(package + ".")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delitem(sys.modules, target, raising=False)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtraError, match=r"daneel\[suites\]"):
        envs.make(sample)
    listed = envs.list_ids()
    assert sample not in listed
    assert "HalfCheetah-v5" in listed


def test_a_missing_package_of_gymnasium_is_named():
    """A missing package of gymnasium is named."""
    if "LunarLander-v3" in envs.list_ids():
        pytest.skip("Box2D is installed")
    with pytest.raises(MissingExtraError, match="Box2D"):
        envs.make("LunarLander-v3")


def test_bad_arguments_are_named():
    """Bad arguments are named."""
    with pytest.raises(ConfigError, match="'lenght': 3"):
        envs.make("Pendulum-v1", lenght=3)
    with pytest.raises(ConfigError, match="autoreset is 'never'"):
        envs.make("Pendulum-v1", autoreset="never")
    with pytest.raises(ConfigError, match="vectorization is 'gpu'"):
        envs.make("Pendulum-v1", vectorization="gpu")


def test_unbounded_actions_are_refused():
    """Unbounded actions are refused."""
    gym.register("daneel-test/Unbounded-v0", f"{__name__}:Unbounded")
    try:
        with pytest.raises(SpaceError, match=r"daneel-test/Unbounded-v0.*unbounded"):
            envs.make("daneel-test/Unbounded-v0")
    finally:
        del gym.registry["daneel-test/Unbounded-v0"]


@pytest.mark.parametrize("source", SOURCES.names())
def test_every_suite_lists_ids_without_making_environments(source):
    """Every source lists ids without making environments."""
    need(source)
    ids = envs.list_ids(source)
    assert len(ids) > 15
    assert set(ids) <= set(envs.list_ids())
    assert all(source == "gymnasium" or env_id in load_source(source).ids() for env_id in ids)


def test_the_lists_hold_what_was_promised():
    """The lists hold what was promised."""
    for source in PACKAGES:
        need(source)
    ids = envs.list_ids()
    assert len(ids) == len(set(ids))
    assert len(envs.list_ids("Meta-World")) == 50
    assert set(dict(SAMPLES).values()) <= set(ids)
    assert not [env_id for env_id in ids if env_id.endswith(("Cheetah-v2", "Cheetah-v3"))]
    with pytest.raises(UnknownNameError, match="Meta-World"):
        envs.list_ids("MetaWorld")
