"""Rollouts: fixed seeds, results that do not depend on company, frames, refusals."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.envs.registration import EnvSpec

from daneel.envs import EnvConfig
from daneel.envs.identity import Probe
from daneel.errors import ConfigError, NonFiniteError
from daneel.training.rollout import RolloutStopped, run_episodes
from daneel.training.seeding import episode_seed, evaluation_seed
from tests.training import tiny_envs

tiny_envs.register()


class Follower:
    """Decides each row by itself, and remembers how long its episode has lasted."""

    def __init__(self, gain: float = 1.0) -> None:
        """Push against the second number of the state, ever harder."""
        self.gain = gain

    def act(
        self, obs: dict[str, np.ndarray], state: dict[str, Any] | None = None, explore: bool = False
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Actions [N, 1]."""
        assert not explore
        lasted = np.zeros(len(obs["state"])) if state is None else state["lasted"]
        push = self.gain * obs["state"][:, -1] * (1 + lasted / 10)
        return np.clip(push, -1, 1)[:, None].astype(np.float32), {"lasted": lasted + 1}

    def reset_state(self, state: dict[str, Any], mask: np.ndarray) -> dict[str, Any]:
        """A new episode."""
        return {"lasted": np.where(mask, 0, state["lasted"])}


def roll(agent: Any, config: EnvConfig, episodes: int, seed: int, **options: Any) -> Any:
    """`run_episodes` for an agent that only acts."""
    return run_episodes(agent, config, episodes, seed, **options)


POLE = EnvConfig("InvertedPendulum-v5")


def test_results_do_not_depend_on_company() -> None:
    """Episodes of different lengths, handed to whichever environment is free."""
    alone = roll(Follower(-0.1), POLE, 7, 3)
    for num_envs in (2, 5, 12):
        assert roll(Follower(-0.1), POLE, 7, 3, num_envs=num_envs) == alone
    assert len({result.length for result in alone}) > 1
    assert [result.seed for result in alone] == [evaluation_seed(3, k) for k in range(7)]
    assert alone[0].success is None and alone[0].frames is None


def test_seeds_of_evaluation_are_not_those_of_training() -> None:
    """No episode is seen in both."""
    training = {episode_seed(0, i, k) for i in range(10) for k in range(100)}
    assert not training & {evaluation_seed(0, k) for k in range(1000)}
    assert roll(Follower(), POLE, 2, 1) != roll(Follower(), POLE, 2, 2)


def test_given_environments_are_reused_and_stay_open() -> None:
    """The same results as with new ones, twice."""
    from daneel.envs import make_single

    envs = [make_single(POLE) for _ in range(3)]
    expected = roll(Follower(), POLE, 5, 0)
    assert roll(Follower(), POLE, 5, 0, envs=envs) == expected
    assert roll(Follower(), POLE, 5, 0, envs=envs) == expected
    envs[0].reset(seed=0)


def test_lengths_and_returns_by_hand() -> None:
    """A clock that pays 1 a decision, cut by its own end and by `max_steps`."""
    config = EnvConfig("daneel/Probe-v0", kwargs={"terminate_at": 5})
    assert [(r.return_, r.length) for r in roll(Follower(), config, 2, 0)] == [(5.0, 5)] * 2
    cut = roll(Follower(), config, 2, 0, max_steps=3)
    assert [(r.return_, r.length) for r in cut] == [(3.0, 3)] * 2


class Signal(Probe):
    """Ends after six steps; signals success in the fourth."""

    def __init__(self, key: str) -> None:
        """Signal in the entry `key` of `info`."""
        super().__init__(terminate_at=6)
        self._key = key

    def step(self, action: np.ndarray) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """Advance the clock."""
        result = super().step(action)
        return *result[:4], {self._key: self._clock == 4}


@pytest.mark.parametrize("action_repeat", [1, 2, 3])
@pytest.mark.parametrize(("key", "expected"), [("is_success", False), ("success", True)])
def test_success_of_a_users_own_environment(
    key: str, expected: bool, action_repeat: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Goal environments are scored by the last step, the others by any."""
    spec = EnvSpec("tests/Signal-v0", entry_point=lambda **kwargs: Signal(key))
    monkeypatch.setitem(gym.registry, spec.id, spec)
    env = EnvConfig("tests/Signal-v0", action_repeat=action_repeat)
    (result,) = roll(Follower(), env, 1, 0)
    assert result.length == 6 // action_repeat and result.success is expected


def test_success_of_goal_environments() -> None:
    """Each episode has it; without such a signal none has."""
    results = roll(Follower(), EnvConfig(tiny_envs.GOAL_POINT), 3, 0)
    assert all(isinstance(result.success, bool) for result in results)


def test_frames() -> None:
    """One a observation, drawn without changing the episode."""
    pytest.importorskip("pygame")
    config = EnvConfig("Pendulum-v1", max_episode_steps=4)
    (filmed,) = roll(Follower(), config, 1, 0, render=(40, 60))
    assert len(filmed.frames) == 5
    assert all(f.shape == (40, 60, 3) and f.dtype == np.uint8 for f in filmed.frames)
    (plain,) = roll(Follower(), config, 1, 0)
    assert plain.return_ == filmed.return_


def test_stopping_in_between() -> None:
    """Asked at every decision."""
    answers = iter([False] * 5 + [True])
    with pytest.raises(RolloutStopped):
        roll(Follower(), POLE, 50, 0, should_stop=lambda: next(answers))


@pytest.mark.parametrize("option", ["episodes", "num_envs", "max_steps"])
def test_numbers_below_one_are_refused(option: str) -> None:
    """By name."""
    options = {"episodes": 1, "seed": 0, option: 0}
    with pytest.raises(ConfigError, match=f"{option} is 0"):
        roll(Follower(), POLE, **options)


def test_nan_is_refused() -> None:
    """From the agent, and from the environment."""
    with pytest.raises(NonFiniteError, match=r"action at decision 1 of evaluation episode 0"):
        roll(Follower(float("nan")), POLE, 1, 0)
    broken = EnvConfig("daneel/Probe-v0", kwargs={"nan_reward_at": 2})
    with pytest.raises(NonFiniteError, match=r"reward at decision 2 .* daneel/Probe-v0"):
        roll(Follower(), broken, 1, 0)


@pytest.mark.parametrize(("at", "when"), [(0, "at the beginning of"), (2, "at decision 2 of")])
def test_observations_that_are_not_finite_are_refused(at: int, when: str) -> None:
    """Those of a reset and those of a step, by modality."""
    broken = EnvConfig("daneel/Probe-v0", kwargs={"nan_observation_at": at})
    message = rf"observation 'state' {when} evaluation episode 0 in daneel/Probe-v0 .*nan"
    with pytest.raises(NonFiniteError, match=message):
        roll(Follower(), broken, 1, 0)
