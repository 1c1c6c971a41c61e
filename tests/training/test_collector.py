"""Seeds of episodes, simulators that come back exactly, NaN that is found at once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from gymnasium import spaces
from gymnasium.vector import VectorWrapper

from daneel.envs import EnvConfig, make_from_config
from daneel.errors import CheckpointError, NonFiniteError
from daneel.training.collector import Collector, SeenRange
from daneel.training.seeding import episode_seed
from tests.training import tiny_envs

tiny_envs.register()

THREE_STEPS = {"episode_steps": 3}


def collect(config: EnvConfig, seed: int = 0, **options: Any) -> Collector:
    """A collector that has not started."""
    return Collector(make_from_config(config), seed, config.id, **options)


def actions(collector: Collector, rng: np.random.Generator) -> np.ndarray:
    """Random actions that are not those of another generator."""
    space = collector.env.single_action_space
    space.seed(int(rng.integers(2**31)))
    return np.stack([space.sample() for _ in range(collector.env.num_envs)])


def assert_same(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> None:
    """Bit for bit."""
    assert one.keys() == other.keys()
    for key, value in one.items():
        np.testing.assert_array_equal(value, other[key], key)


def check_restored(config: EnvConfig, before: int, after: int) -> None:
    """Stop after `before` decisions, restore elsewhere, and compare the next `after`."""
    first, second = collect(config, seed=5), collect(config, seed=5)
    rng = np.random.default_rng(1)
    first.start()
    for _ in range(before):
        first.step(actions(first, rng))
    second.load_state_dict(first.state_dict())
    assert_same(first.obs, second.obs)
    for _ in range(after):
        action = actions(first, rng)
        one, other = first.step(action), second.step(action)
        assert_same(one.next_obs, other.next_obs)
        np.testing.assert_array_equal(one.reward, other.reward)
        np.testing.assert_array_equal(one.terminated, other.terminated)
        assert one.finished == other.finished
    assert_same(first.seen.low, second.seen.low)
    assert first.decisions == second.decisions == (before + after) * config.num_envs
    first.env.close()
    second.env.close()


@pytest.mark.parametrize("before", [0, 1, 6, 7, 23])
def test_streams_of_different_lengths_come_back_together(before: int) -> None:
    """Three poles that fall at different times, at the start, within and at ends of episodes."""
    check_restored(EnvConfig("InvertedPendulum-v5", num_envs=3, action_repeat=2), before, 12)


@pytest.mark.parametrize("before", [7, 10])
def test_noise_of_the_environment_comes_back(before: int) -> None:
    """Its own generator is put back by the seed of the episode; time limits by the replay."""
    check_restored(EnvConfig(tiny_envs.GOAL_POINT, num_envs=2), before, 10)


@pytest.mark.parametrize("id", ["Pendulum-v1", "CartPole-v1", "HalfCheetah-v5"])
def test_one_environment_comes_back(id: str) -> None:
    """Continuous and discrete actions."""
    check_restored(EnvConfig(id), 17, 5)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("id", "package"),
    [
        ("dm_control/ball_in_cup-catch-v0", "shimmy"),
        ("dm_control/walker-walk-v0", "shimmy"),
        ("PandaReach-v3", "panda_gym"),
        ("Meta-World/drawer-close-v3", "metaworld"),
        ("FetchReach-v4", "gymnasium_robotics"),
    ],
)
def test_suites_come_back(id: str, package: str) -> None:
    """One task of each suite, in its second episode."""
    pytest.importorskip(package)
    check_restored(EnvConfig(id, num_envs=2, max_episode_steps=15), 23, 8)


def test_every_episode_has_its_own_seed() -> None:
    """Derived from run, environment and episode; never twice."""
    seeds = {episode_seed(s, i, k) for s in range(4) for i in range(4) for k in range(50)}
    assert len(seeds) == 4 * 4 * 50
    collector = collect(EnvConfig("daneel/IdentityBox-v0", num_envs=2), seed=3)
    collector.start()
    beginnings = [collector.obs["state"].copy()]
    for _ in range(10):
        collector.step(np.zeros((2, 1), np.float32))
    beginnings.append(collector.obs["state"])
    assert len(np.unique(np.concatenate(beginnings))) == 4


def test_the_true_last_observation_and_the_next_first_one() -> None:
    """The clock shows 3 at the end of an episode, and the next decision is made at 0."""
    config = EnvConfig("daneel/Probe-v0", num_envs=2, kwargs={"terminate_at": 3})
    collector = collect(config)
    collector.start()
    for _ in range(2):
        assert collector.step(np.zeros((2, 1), np.float32)).done is None
    step = collector.step(np.zeros((2, 1), np.float32))
    assert step.next_obs["state"].tolist() == [[3.0], [3.0]] and step.terminated.all()
    assert collector.obs["state"].tolist() == [[0.0], [0.0]]
    assert [(e.env_index, e.return_, e.length) for e in step.finished] == [(0, 3.0, 3), (1, 3.0, 3)]
    assert step.finished[0].success is None


class Signals(VectorWrapper):
    """Adds signals of success, one pair of environments a decision."""

    signals: Iterator[list[bool]]
    of_goals: bool

    def step(self, actions: Any) -> tuple[Any, Any, Any, Any, dict[str, Any]]:
        """As the environment, with the next signals."""
        obs, reward, terminated, truncated, info = self.env.step(actions)
        info = {**info, "success": np.array(next(self.signals))}
        if self.of_goals:
            info["is_success"] = info["success"]
        return obs, reward, terminated, truncated, info


@pytest.mark.parametrize(("at_end", "expected"), [(True, [False, True]), (False, [True, True])])
def test_success_at_the_end_or_ever(at_end: bool, expected: list[bool]) -> None:
    """The first environment succeeds in between only, the second at the end; then neither."""
    env = Signals(make_from_config(EnvConfig("daneel/IdentityBox-v0", 2, kwargs=THREE_STEPS)))
    off, on = [False, False], [True, False]
    env.signals = iter([off, on, [False, True], off, off, off])
    env.of_goals = at_end
    collector = Collector(env, 0, "signals")
    collector.start()
    steps = [collector.step(np.zeros((2, 1), np.float32)) for _ in range(6)]
    assert [episode.success for episode in steps[2].finished] == expected
    assert [episode.success for episode in steps[5].finished] == [False, False]


@pytest.mark.parametrize(
    ("broken", "what"), [("nan_reward_at", "reward"), ("nan_observation_at", "observation 'state'")]
)
def test_nan_is_found_at_once(broken: str, what: str) -> None:
    """The message says what, where and when, and what to type."""
    collector = collect(EnvConfig("daneel/Probe-v0", num_envs=2, kwargs={broken: 4}))
    collector.start()
    for _ in range(3):
        collector.step(np.zeros((2, 1), np.float32))
    message = (
        rf"daneel/Probe-v0 \(environment 0 of 2\) gave a {what} that is not finite.*"
        r"at decision 8 of the run.*decision 4 of its episode 0.*daneel resume"
    )
    with pytest.raises(NonFiniteError, match=message):
        collector.step(np.zeros((2, 1), np.float32))


def test_a_simulator_that_does_not_come_back_is_refused() -> None:
    """As after another version of it."""
    collector = collect(EnvConfig("Pendulum-v1"))
    collector.start()
    collector.step(np.zeros((1, 1), np.float32))
    state = collector.state_dict()
    state["obs"] = {"state": state["obs"]["state"] + np.float32(1e-6)}
    with pytest.raises(CheckpointError, match="Pendulum-v1 did not return to its stored state"):
        collect(EnvConfig("Pendulum-v1")).load_state_dict(state)


def test_seen_range() -> None:
    """Smallest and largest of every dimension, over everything the agent saw."""
    collector = collect(EnvConfig("Pendulum-v1", num_envs=3))
    collector.start()
    rng, seen = np.random.default_rng(0), [collector.obs["state"]]
    for _ in range(30):
        seen.append(collector.step(actions(collector, rng)).next_obs["state"])
    everything = np.concatenate(seen)
    np.testing.assert_array_equal(collector.seen.low["state"], everything.min(0))
    np.testing.assert_array_equal(collector.seen.high["state"], everything.max(0))
    space = collector.env.single_observation_space
    assert isinstance(space, spaces.Dict)
    copy = SeenRange(space)
    copy.load_state_dict(collector.seen.state_dict())
    copy.update({"state": np.full((1, 3), 50.0, np.float32)})
    assert copy.high["state"].tolist() == [50.0] * 3
    assert (collector.seen.high["state"] < 50).all()
