"""Decisions: repeated actions, summed rewards, success."""

from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium import spaces

from daneel.envs.identity import Probe
from daneel.envs.wrappers import ActionRepeat, Modalities

ACTION = np.zeros(1, np.float32)


class SuccessAt(Probe):
    """Signals success in one step only, in the types that suites use."""

    def __init__(self, step: int, value: Any) -> None:
        """Signal `value` in step number `step`."""
        super().__init__()
        self._success = (step, value)

    def step(self, action: np.ndarray) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """Advance the clock."""
        step, value = self._success
        result = super().step(action)
        return *result[:4], {"is_success": value if self._clock == step else type(value)(0)}


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


@pytest.mark.parametrize("value", [1.0, np.float32(1), True, np.bool_(True)])
def test_success_in_the_middle_of_a_repeat_counts(value):
    """Success in the middle of a repeat counts."""
    env = Modalities(ActionRepeat(SuccessAt(3, value), 2, "is_success"), "x", "is_success")
    env.reset()
    found = [env.step(ACTION)[-1]["success"] for _ in range(3)]
    assert found == [False, True, False]
    assert all(type(flag) is bool for flag in found)


def test_no_success_entry_without_a_signal():
    """No success entry without a signal."""
    env = Modalities(ActionRepeat(Probe(), 1), "x")
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
