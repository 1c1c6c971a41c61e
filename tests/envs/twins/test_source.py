"""The source simulator as an environment."""

import numpy as np
import pytest

from daneel import envs
from daneel.envs.twins import SourceTwin, load_task
from daneel.errors import ConfigError, UnknownNameError


def roll(env, seed=3, steps=20):
    """States of an episode under a constant command."""
    seen = [env.reset(seed=seed)[0]["state"]]
    for _ in range(steps):
        seen.append(env.step(np.full(env.action_space.shape, 0.4))[0]["state"])
    return np.array(seen)


def test_parameters_change_the_motion():
    """Parameters by name change the motion; the nominal ones do not."""
    nominal = roll(SourceTwin("Drawer"))
    np.testing.assert_array_equal(roll(SourceTwin("Drawer", {"gain": 1.0})), nominal)
    assert np.abs(roll(SourceTwin("Drawer", {"gain": 0.7})) - nominal).max() > 0.01


def test_success_is_the_goal_held():
    """Success comes after the goal was held, not when it is met."""
    env, task = SourceTwin("SwingUp"), load_task("SwingUp")
    env.reset(seed=0)
    plant = env._episode._plant
    plant.begin(np.array([[np.pi]]), np.zeros((1, 1)))  # balanced upright
    done = [env.step(np.zeros(1))[4]["is_success"] for _ in range(task.hold)]
    assert done == [False] * (task.hold - 1) + [True]


def test_names_are_checked():
    """Unknown tasks and parameters are answered with the nearest."""
    with pytest.raises(UnknownNameError, match="friction"):
        SourceTwin("Drawer", {"fricton": 1.0})
    with pytest.raises(UnknownNameError, match="Twin/Drawer-v0"):
        envs.make("Twin/Drawr-v0")
    with pytest.raises(ConfigError, match="'hiden': 3"):
        envs.make("Twin/Drawer-v0", hiden=3)


def test_the_door_of_all_environments_opens_it():
    """`envs.make` makes it, with goal, success and its own time limit."""
    env = envs.make("Twin/Reach-v0", num_envs=2, seed=0, max_episode_steps=3)
    observation, _ = env.reset()
    assert observation["state"].shape == (2, 4) and observation["goal"].shape == (2, 2)
    for _ in range(2):
        env.step(env.action_space.sample())
    _, _, terminated, truncated, info = env.step(env.action_space.sample())
    assert truncated.all() and not terminated.any() and not info["success"].any()
    env.close()
