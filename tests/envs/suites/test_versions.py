"""What versions of the packages change without a word, pinned: success rules, rewards, tasks.

A failure here means that scores of before and after cannot be compared: look into the package's
change log before you change the number.
"""

from importlib.metadata import version

import gymnasium as gym
import numpy as np
import pytest

from daneel.envs.sources import load_source
from daneel.envs.suites.suite import all_skills
from tests.envs.suites.natives import native, need_package

SKILLS = all_skills()
PINNED = {
    "metaworld": "3.1.1",
    "mujoco": "3.3.0",
    "dm_control": "1.0.28",
    "panda-gym": "3.0.7",
    "gymnasium-robotics": "1.4.2",
}


@pytest.mark.parametrize("package", PINNED)
def test_the_versions_are_those_that_success_rules_name(package: str) -> None:
    """Sources of success rules and of experts name them."""
    assert version(package) == PINNED[package]


def test_sources_of_success_rules_name_the_installed_version() -> None:
    """Written in the data by hand, and checked here."""
    for skill in SKILLS.values():
        package, _, rest = skill.success.source.partition(" ")
        if package in PINNED:
            assert rest.startswith(PINNED[package]), skill.name


@pytest.mark.parametrize("name", ["adroit-door", "adroit-hammer", "adroit-pen", "adroit-relocate"])
def test_adroit_is_sparse(name: str) -> None:
    """The dense rewards of -v1 changed within the version; the sparse ones are 10 and -0.1."""
    need_package(SKILLS[name])
    load_source("robotics")
    spec = gym.spec(SKILLS[name].env)
    assert spec.kwargs == {"reward_type": "sparse"}
    assert spec.entry_point == gym.spec(spec.id.replace("Sparse", "")).entry_point


@pytest.mark.parametrize(
    ("opened", "reached"), [(1.30, False), (1.40, True)], ids=["ajar", "wide open"]
)
def test_the_adroit_door_is_open_from_1_35_rad(opened: float, reached: bool) -> None:
    """The success of the package, and the sparse reward with it."""
    env = native(SKILLS["adroit-door"])
    env.reset(seed=0)
    position = env.data.qpos.copy()
    position[env.door_hinge_addrs] = opened
    env.set_state(position, env.data.qvel * 0)
    *_, reward, _, _, info = env.step(np.zeros(28, np.float32))
    assert bool(info["success"]) == reached
    assert reward == (10.0 if reached else -0.1)


@pytest.mark.parametrize("name", [name for name in SKILLS if name.startswith("kitchen")])
def test_a_kitchen_episode_asks_for_one_task_and_ends_when_it_is_done(name: str) -> None:
    """No task is complete at the start; setting its joints completes it and ends the episode."""
    need_package(SKILLS[name])
    from gymnasium_robotics.envs.franka_kitchen import kitchen_env

    skill = SKILLS[name]
    env = native(skill, unwrapped=False)
    kitchen = env.unwrapped
    (task,) = skill.kwargs["tasks_to_complete"]
    assert kitchen_env.BONUS_THRESH == 0.3
    env.reset(seed=0)
    still = np.zeros(9)
    *_, terminated, _, info = env.step(still)
    assert (terminated, info["success"]) == (False, False)
    position = kitchen.data.qpos.copy()
    position[kitchen_env.OBS_ELEMENT_INDICES[task]] = kitchen_env.OBS_ELEMENT_GOALS[task]
    kitchen.robot_env.set_state(position, kitchen.data.qvel * 0)
    *_, terminated, _, info = env.step(still)
    assert (terminated, info["success"]) == (True, True)


def test_the_hinge_cabinet_of_the_kitchen_is_its_right_door() -> None:
    """The page of the environment says left; instructions follow the joints."""
    need_package(SKILLS["kitchen-hinge-cabinet"])
    from gymnasium_robotics.envs.franka_kitchen import kitchen_env

    env = native(SKILLS["kitchen-hinge-cabinet"])
    moved = kitchen_env.OBS_ELEMENT_INDICES["hinge cabinet"][1]
    assert kitchen_env.OBS_ELEMENT_GOALS["hinge cabinet"][1] == 1.45
    assert env.model.joint("right_hinge_cabinet").qposadr[0] == moved
    names = {"bottom burner": "bottom_left_burner", "top burner": "top_left_burner"}
    for task, joint in names.items():
        assert env.model.joint(joint).qposadr[0] == kitchen_env.OBS_ELEMENT_INDICES[task][1]


def test_meta_world_episodes_have_500_steps() -> None:
    """And the fifty tasks are those of the suite."""
    need_package(SKILLS["reach"])
    from metaworld.env_dict import ALL_V3_ENVIRONMENTS
    from metaworld.sawyer_xyz_env import SawyerXYZEnv

    tasks = {skill.env: skill for skill in SKILLS.values() if skill.block == "meta_world"}
    assert set(tasks) == {f"Meta-World/{name}" for name in ALL_V3_ENVIRONMENTS}
    assert {skill.horizon for skill in tasks.values()} == {SawyerXYZEnv.max_path_length}


@pytest.mark.parametrize(("name", "metres"), [("fetch-reach", 0.05), ("hand-reach", 0.01)])
def test_how_near_a_goal_counts_as_reached(name: str, metres: float) -> None:
    """The thresholds that the pages of the suites state."""
    env = native(SKILLS[name])
    assert env.distance_threshold == metres


@pytest.mark.parametrize("name", ["point-maze-umaze", "ant-maze-umaze"])
def test_a_maze_goes_on_at_the_goal_and_never_starts_there(name: str) -> None:
    """Success is a signal of each step, not the end; AntMaze before v4 had none."""
    env = native(SKILLS[name], unwrapped=False)
    maze = env.unwrapped
    assert maze.continuing_task and not maze.reset_target
    for seed in range(5):
        _, info = env.reset(seed=seed)
        assert info["success"] is False
