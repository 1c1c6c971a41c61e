"""Decisions: repeated actions, summed rewards, success."""

from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium import spaces

from daneel.envs.identity import Probe
from daneel.envs.wrappers import ActionRepeat, Modalities, scored_at_end

ACTION = np.zeros(1, np.float32)


class SuccessAt(Probe):
    """Signals success in one step only, in the types that suites use."""

    def __init__(self, step: int, value: Any, key: str) -> None:
        """Signal `value` in step number `step`, in the entry `key`."""
        super().__init__()
        self._success = (step, value, key)

    def step(self, action: np.ndarray) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """Advance the clock."""
        step, value, key = self._success
        result = super().step(action)
        return *result[:4], {key: value if self._clock == step else type(value)(0)}


def test_rewards_are_summed_over_the_repeat():
    """Rewards are summed over the repeat."""
    env = ActionRepeat(Probe(), 4)
    env.reset()
    observation, reward, terminated, truncated, info = env.step(ACTION)
    assert (observation.tolist(), reward, terminated, truncated) == ([4], 4.0, False, False)
    assert info["frames"] == 4


@pytest.mark.parametrize(("limits", "ends"), [((6, None), (1, 0)), ((None, 6), (0, 1))])
def test_the_end_of_an_episode_stops_the_repeat(limits, ends):
    """The end of an episode stops the repeat."""
    env = ActionRepeat(Probe(*limits), 4)
    env.reset()
    env.step(ACTION)
    observation, reward, terminated, truncated, info = env.step(ACTION)
    assert (observation.tolist(), reward, info["frames"]) == ([6], 2.0, 2)
    assert (terminated, truncated) == tuple(map(bool, ends))


@pytest.mark.parametrize("is_named", [True, False])
@pytest.mark.parametrize("value", [1.0, np.float32(1), True, np.bool_(True)])
@pytest.mark.parametrize(
    ("key", "at", "expected"),
    [
        ("success", 3, [False, True, False]),
        ("success", 4, [False, True, False]),
        ("is_success", 3, [False, False, False]),
        ("is_success", 4, [False, True, False]),
    ],
)
def test_a_task_is_done_in_any_repeated_step_but_a_goal_is_held_in_the_last(
    key, at, expected, value, is_named
):
    """Whether the suite names the signal, or a user's own environment just has it."""
    env = Modalities(ActionRepeat(SuccessAt(at, value, key), 2), "x", key if is_named else None)
    env.reset()
    infos = [env.step(ACTION)[-1] for _ in range(3)]
    found = [info["success"] for info in infos]
    assert found == expected
    assert all(type(flag) is bool for flag in found)
    assert [scored_at_end(info) for info in infos] == [key == "is_success"] * 3


def test_no_success_entry_without_a_signal():
    """Without repeats and with them."""
    for repeat in (1, 3):
        env = Modalities(ActionRepeat(Probe(), repeat), "x")
        env.reset()
        assert "success" not in env.step(ACTION)[-1]


def test_video_rate_counts_decisions():
    """Video rate counts decisions."""
    env = Probe()
    env.metadata = {"render_fps": 60}
    assert ActionRepeat(env, 3).metadata["render_fps"] == 20


def test_actions_are_reshaped_for_the_environment():
    """Actions are reshaped for the environment."""

    class Matrix(gym.Env):
        observation_space = spaces.Box(-1, 1, (1,), np.float32)
        action_space = spaces.Box(-1, 1, (2, 2), np.float64)

        def step(self, action):
            assert self.action_space.contains(action)
            return np.zeros(1, np.float32), float(action[1, 0]), False, False, {}

    env = Modalities(Matrix(), "x")
    assert env.action_space.shape == (4,)
    assert env.step(np.array([0.1, 0.2, 0.5, 0.4], np.float32))[1] == 0.5
