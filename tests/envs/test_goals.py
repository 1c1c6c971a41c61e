"""Hindsight rewards against the environments' own."""

import numpy as np
import pytest
from gymnasium import spaces

from daneel import envs


@pytest.mark.parametrize(
    ("env_id", "package"),
    [
        ("PandaReach-v3", "panda_gym"),
        ("PandaFlip-v3", "panda_gym"),
        ("FetchPush-v4", "gymnasium_robotics"),
        ("FetchReachDense-v4", "gymnasium_robotics"),
        ("PointMaze_UMaze-v3", "gymnasium_robotics"),
        ("HandManipulateBlockRotateZ-v1", "gymnasium_robotics"),
    ],
)
def test_relabelled_rewards_are_the_environments_own(env_id, package):
    """Relabelled rewards are the environments own."""
    pytest.importorskip(package)
    env = envs.make(env_id, num_envs=2)
    relabel = envs.goal_relabel(env)
    assert relabel is not None
    env.reset(seed=0)
    env.action_space.seed(0)
    for _ in range(2):
        env.step(env.action_space.sample())
    observation, reward, *_ = env.step(env.action_space.sample())
    again = relabel(observation["achieved"], observation["goal"])
    assert again.dtype == np.float32
    np.testing.assert_allclose(again, reward, rtol=1e-5)
    reached = relabel(observation["goal"], observation["goal"])
    assert (reached >= again).all()
    many = relabel(np.repeat(observation["goal"], 3, 0), np.repeat(observation["goal"], 3, 0))
    assert many.shape == (6,)
    env.close()


def test_no_relabelling_without_goals():
    """No relabelling without goals."""
    assert envs.goal_relabel(envs.make("Pendulum-v1")) is None


def test_no_relabelling_of_repeated_actions():
    """No relabelling of repeated actions."""
    pytest.importorskip("panda_gym")
    with pytest.warns(UserWarning, match="action_repeat=2"):
        assert envs.goal_relabel(envs.make("PandaReach-v3", action_repeat=2)) is None


def test_no_relabelling_of_structured_goals():
    """No relabelling of structured goals."""
    pytest.importorskip("gymnasium_robotics")
    kitchen = envs.make("FrankaKitchen-v1", tasks_to_complete=["kettle"])
    assert envs.goal_relabel(kitchen) is None
    assert isinstance(kitchen.single_observation_space, spaces.Dict)
    assert kitchen.single_observation_space["goal"].shape == (7,)
