"""The environment that Stable-Baselines3 steps: same as its Monitor, and restorable."""

from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium import spaces
from stable_baselines3.common.monitor import Monitor

from daneel.envs import EnvConfig, make_single
from daneel.errors import CheckpointError, NonFiniteError
from daneel.training.baseline_env import RecordedEnv
from daneel.training.collector import SeenRange
from daneel.training.seeding import episode_seed


def make(config: EnvConfig, index: int = 0, seed: int = 5, **settings: Any) -> RecordedEnv:
    """A recorded environment of its own."""
    env = make_single(config)
    assert isinstance(env.observation_space, spaces.Dict)
    return RecordedEnv(env, config.id, seed, index, SeenRange(env.observation_space), **settings)


def run(env: RecordedEnv, actions: list[Any]) -> list[Any]:
    """Everything that comes back, resetting where an episode ends."""
    out = []
    for action in actions:
        obs, reward, terminated, truncated, info = env.step(action)
        out.append((obs, reward, terminated, truncated, info.get("episode", {}).get("r")))
        if terminated or truncated:
            out.append(env.reset()[0])
    return out


def assert_same(one: list[Any], other: list[Any]) -> None:
    """Bit for bit."""
    for left, right in zip(one, other, strict=True):
        if isinstance(left, tuple):
            np.testing.assert_array_equal(left[0], right[0])
            assert left[1:] == right[1:]
        else:
            np.testing.assert_array_equal(left, right)


def test_reports_what_monitor_reports() -> None:
    """Return, length and observations as a peer's own wrapper gives them, with the same seeds."""
    ours = make(EnvConfig("Pendulum-v1", max_episode_steps=6))
    theirs = Monitor(gym.make("Pendulum-v1", max_episode_steps=6))
    first, _ = ours.reset()
    np.testing.assert_array_equal(first, theirs.reset(seed=episode_seed(5, 0, 0))[0])
    info: dict[str, Any] = {}
    for step in range(6):
        action = np.array([0.3 * step - 1], np.float32)
        obs, reward, *_, info = ours.step(action)
        peer = theirs.step(action)
        np.testing.assert_array_equal(obs, peer[0])
        assert reward == pytest.approx(float(peer[1]), rel=1e-12)
    assert ours.needs_reset
    assert info["episode"]["r"] == pytest.approx(theirs.get_episode_rewards()[0], rel=1e-12)
    assert info["episode"]["l"] == 6


@pytest.mark.parametrize("env_id", ["HalfCheetah-v5", "CartPole-v1", "daneel/IdentityBox-v0"])
def test_restored_environment_goes_on_bit_for_bit(env_id: str) -> None:
    """Saved in the middle of the second or a later episode."""
    config = EnvConfig(env_id, max_episode_steps=15)
    one = make(config)
    one.reset()
    space = one.action_space
    space.seed(0)
    actions = [space.sample() for _ in range(60)]
    run(one, actions[:20])
    state = one.state_dict()
    expected = run(one, actions[20:])

    other = make(config)
    other.restore(state)
    obs, _ = other.reset()
    np.testing.assert_array_equal(obs, state["observation"]["state"])
    assert_same(run(other, actions[20:]), expected)


def test_episodes_have_seeds_of_their_own() -> None:
    """Episodes and parallel environments begin differently, and the same in every run."""
    config = EnvConfig("Pendulum-v1")
    one, other, again = make(config), make(config, index=1), make(config)
    starts = [env.reset()[0] for env in (one, one, other)]
    assert len({start.tobytes() for start in starts}) == 3
    np.testing.assert_array_equal(again.reset()[0], starts[0])


def test_a_simulator_that_does_not_come_back_is_noticed() -> None:
    """Replaying into another simulator is an error, not a quiet difference."""
    one = make(EnvConfig("Pendulum-v1"))
    one.reset()
    run(one, [np.zeros(1, np.float32)] * 3)
    other = make(EnvConfig("Pendulum-v1", kwargs={"g": 9.0}))
    other.restore(one.state_dict())
    with pytest.raises(CheckpointError, match=r"Pendulum-v1 .* did not return .*'state'"):
        other.reset()


@pytest.mark.parametrize(
    ("setting", "what"), [("nan_reward_at", "reward"), ("nan_observation_at", "observation")]
)
def test_nan_stops_with_env_and_step(setting: str, what: str) -> None:
    """Where it happened is in the message."""
    env = make(EnvConfig("daneel/Probe-v0", kwargs={setting: 3}), index=2)
    env.reset()
    run(env, [np.zeros(1, np.float32)] * 2)
    with pytest.raises(NonFiniteError, match=rf"Probe-v0 \(environment 2\).*{what}.*decision 3"):
        env.step(np.zeros(1, np.float32))


def test_range_of_observations_includes_first_and_last() -> None:
    """Observation 0 comes from the reset, 4 from the step that ends the episode."""
    env = make(EnvConfig("daneel/Probe-v0", kwargs={"terminate_at": 4}))
    env.reset()
    run(env, [np.zeros(1, np.float32)] * 4)
    assert (env.seen.low["state"], env.seen.high["state"]) == ([0.0], [4.0])


class _Flag(gym.Wrapper[Any, Any, Any, Any]):
    """Signals success at some steps."""

    def __init__(self, env: gym.Env[Any, Any], at: set[int], of_goals: bool) -> None:
        super().__init__(env)
        self.at, self.steps = at, 0
        self.keys = ("success", "is_success") if of_goals else ("success",)

    def step(self, action: Any) -> Any:
        self.steps += 1
        *rest, info = self.env.step(action)
        return *rest, {**info, **dict.fromkeys(self.keys, self.steps in self.at)}


@pytest.mark.parametrize(
    ("at", "at_end", "expected"),
    [({2}, False, True), ({2}, True, False), ({3}, True, True), (set(), False, False)],
)
def test_success_at_the_end_or_ever(at: set[int], at_end: bool, expected: bool) -> None:
    """Goal environments are scored at the end, the others by any decision."""
    inner = _Flag(make_single(EnvConfig("daneel/Probe-v0", kwargs={"terminate_at": 3})), at, at_end)
    assert isinstance(inner.observation_space, spaces.Dict)
    seen = SeenRange(inner.observation_space)
    env = RecordedEnv(inner, "probe", 0, 0, seen)
    env.reset()
    info = [env.step(np.zeros(1, np.float32))[-1] for _ in range(3)][-1]
    assert info["episode"]["success"] is expected
