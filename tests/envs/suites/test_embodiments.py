"""Names and units of actions, compared with the simulators' own actuators."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from daneel import envs
from daneel.envs.suites import Embodiment, Skill
from daneel.envs.suites.suite import all_skills, embodiments
from daneel.errors import ConfigError
from tests.envs.suites.natives import native, need_package

EXAMPLES: dict[str, Skill] = {}
for _skill in all_skills().values():
    EXAMPLES.setdefault(_skill.embodiment, _skill)
DM_CONTROL = [name for name, skill in EXAMPLES.items() if skill.block == "dm_control"]
SERVO_HANDS = [name for name in EXAMPLES if name.startswith(("adroit", "shadow"))]
ON_JOINT, SLIDE = 0, 2  # mjtTrn.mjTRN_JOINT, mjtJoint.mjJNT_SLIDE
LEGS = {1: (1, 1), 2: (-1, 1), 3: (-1, -1), 4: (1, -1)}


def unit(model: Any, at: int, normalised: bool) -> str:
    """Unit of actuator `at`: of a motor its gear, of a servo what it aims at.

    Args:
        model: `mujoco.MjModel`.
        at: Index of the actuator.
        normalised: Whether -1 and 1 are the ends of its range, or it takes its control as it is.
    """
    gain, stiffness = model.actuator_gainprm[at, 0], -model.actuator_biasprm[at, 1]
    joint = model.actuator_trnid[at, 0]
    is_joint = model.actuator_trntype[at] == ON_JOINT
    slides = bool(is_joint) and model.jnt_type[joint] == SLIDE
    if stiffness == 0:
        return f"{gain * model.actuator_gear[at, 0]:g} {'N' if slides else 'N m'}"
    low, high = model.actuator_ctrlrange[at] * gain / stiffness
    kind = "m" if slides else "rad"
    return f"{low:g}..{high:g} {kind}" if normalised else f"{gain / stiffness:g} {kind}"


def units(model: Any, normalised: bool = False) -> tuple[str, ...]:
    """Units of all actuators."""
    return tuple(unit(model, at, normalised) for at in range(model.nu))


@pytest.mark.parametrize("name", EXAMPLES)
def test_there_is_a_name_and_a_unit_for_each_number_of_an_action(name: str) -> None:
    """The dimension is that of the made environment; names differ from each other."""
    need_package(EXAMPLES[name])
    env = envs.make_single(EXAMPLES[name].config())
    robot = embodiments()[name]
    assert env.action_space.shape == (len(robot.actions),)
    assert len(set(robot.actions)) == len(robot.actions)
    env.close()


@pytest.mark.parametrize("name", DM_CONTROL)
def test_control_suite_robots_are_named_as_their_actuators(name: str) -> None:
    """And an episode of theirs has as many steps as the skill says."""
    env = native(EXAMPLES[name])._env
    model = env.physics.model
    robot = embodiments()[name]
    assert robot.actions == tuple(model.actuator(at).name for at in range(model.nu))
    assert robot.units == units(model)
    assert env._step_limit == EXAMPLES[name].horizon


@pytest.mark.parametrize("name", SERVO_HANDS)
def test_hands_are_named_as_their_joints_and_aim_where_their_servos_do(name: str) -> None:
    """-1 and 1 are the ends of the control range, times gain over stiffness."""
    model = native(EXAMPLES[name]).model
    robot = embodiments()[name]
    joints = [model.joint(int(model.actuator_trnid[at, 0])).name for at in range(model.nu)]
    assert robot.actions == tuple(joint.removeprefix("robot0:") for joint in joints)
    assert robot.units == units(model, normalised=True)


def test_the_ball_of_the_mazes() -> None:
    """Two motors."""
    model = native(EXAMPLES["point"]).point_env.model
    names = tuple(model.actuator(at).name.removeprefix("motor_") for at in range(model.nu))
    assert (names, units(model)) == (embodiments()["point"].actions, embodiments()["point"].units)


def test_the_ant_is_named_as_its_joints() -> None:
    """Its actuators have no names; the joints count the legs, which point where we say."""
    model = native(EXAMPLES["ant"]).ant_env.unwrapped.model
    joints = [model.joint(int(model.actuator_trnid[at, 0])).name for at in range(model.nu)]
    robot = embodiments()["ant"]
    assert robot.actions == tuple(joints)
    assert robot.units == units(model)
    for leg, corner in LEGS.items():
        ankle = model.body(int(model.joint(f"ankle_{leg}").bodyid[0]))
        assert tuple(np.sign(ankle.pos[:2])) == corner


def test_the_sawyer_of_meta_world() -> None:
    """One centimetre a step, and servos of 400 N/m for the fingers."""
    env = native(EXAMPLES["sawyer"])
    assert env.action_scale == 0.01
    np.testing.assert_array_equal(env.model.actuator_gainprm[:, 0], [400, 400])
    assert embodiments()["sawyer"].units == ("1 cm", "1 cm", "1 cm", "400 N")


@pytest.mark.parametrize("name", ["panda-position", "panda-joints-gripper"])
def test_the_panda_moves_as_its_units_say(name: str) -> None:
    """Five centimetres, or 0.05 rad a joint; by name the gripper comes last."""
    robot = native(EXAMPLES[name]).robot
    seen: list[np.ndarray] = []
    if name == "panda-joints-gripper":
        now = np.array([robot.get_joint_angle(joint=joint) for joint in range(7)])
        moved = robot.arm_joint_ctrl_to_target_arm_angles(np.ones(7)) - now
        np.testing.assert_allclose(moved, 0.05)
    else:
        before = np.array(robot.get_ee_position())
        robot.inverse_kinematics = lambda link, position, orientation: seen.append(position) or []
        robot.ee_displacement_to_target_arm_angles(np.ones(3))
        np.testing.assert_allclose(seen[0] - before, 0.05)
    assert robot.block_gripper == (not name.endswith("gripper"))


@pytest.mark.parametrize("name", ["fetch", "fetch-closed"])
def test_the_fetch_moves_as_its_units_say(name: str) -> None:
    """Without grasping, the last number of an action goes nowhere."""
    env = native(EXAMPLES[name])
    base = _declares(type(env), "_set_action", "BaseFetchEnv")
    sent = base(env, np.ones(4))
    np.testing.assert_allclose(sent[:3], 0.05)
    np.testing.assert_array_equal(sent[-2:], [1, 1] if name == "fetch" else [0, 0])


def test_the_kitchen_takes_one_as_two_radians_a_second() -> None:
    """The page of the environment says one."""
    robot = native(EXAMPLES["franka-kitchen"]).robot_env
    np.testing.assert_array_equal(robot.act_rng, 2)
    np.testing.assert_array_equal(robot.act_mid, 0)
    assert np.abs(robot.robot_vel_bound[:9]).min() > 2  # no tighter bound
    actuators = [robot.model.actuator(at).name for at in range(9)]
    joints = embodiments()["franka-kitchen"].actions[:7]
    assert actuators[:7] == [f"panda0_{joint}" for joint in joints]
    assert [name[0] for name in actuators[7:]] == ["r", "l"]


def test_a_robot_needs_as_many_units_as_actions() -> None:
    """The message counts them."""
    with pytest.raises(ConfigError, match="one for each of 2 actions"):
        Embodiment("r", ("a", "b"), ("m",))


def _declares(cls: type, method: str, owner: str) -> Callable[..., Any]:
    """`method` as the base class called `owner` has it."""
    for base in cls.__mro__:
        if base.__name__ == owner:
            return vars(base)[method]
    raise AssertionError(f"{cls} has no base {owner}")
