"""Scripts for the Franka arm of the kitchen: ways of the fingertips, followed by its seven joints.

The kitchen is the same in every episode, and so are the ways. The joints are observed (with noise
of a milliradian); hand and Jacobian follow from the arm's published kinematics (see `panda_arm`).
An action is a velocity of up to 2 rad/s for each joint and 2 m/s for each finger. The environment
adds velocity times 0.08 s to the joints it observed and hands that to position servos, so that
(reference - observed) / 0.16 is the action which asks the servos for a reference. The reference
creeps on while the arm does not follow, up to 0.2 rad: that presses against what is in the way.

World frame: x to the right, y away from the robot, z up; metres. Places are those of the model's
XML files (gymnasium-robotics 1.4.2). A task is complete within 0.3 of its goal, long before a door
is wide open, and the ways lead on from there.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from daneel.agents.experts.panda_arm import forward, joint_step
from daneel.agents.experts.scripted import Controller, Scripted, no_expert
from daneel.envs.suites.skill import Skill

_UNIT = 2 * 0.08  # rad a decision at action 1
_LEASH = 0.2  # rad that the reference may be ahead of the joints
_GAIN = 0.7  # of the way to go that the reference does in a decision
_JOINT_6 = np.array([0.0, 0.0, 0.0, 0.0, 0.0, np.pi / 2, 0.0])  # zero of this model's joint 6
_LOW = np.array([-2.9, -1.8, -2.9, -3.1, -2.9, 0.0, -2.9])  # of the package's franka_config.xml
_HIGH = np.array([2.9, 1.8, 2.9, 0.0, 2.9, 2.1, 2.9])  # joint 6 of the model's own range
_BASE = np.array([0.0, 0.0, 1.8])
_TURN = np.array([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])  # of the arm's base
_FINGERTIP = 0.045  # beyond the point between the pads
_HALF = np.sqrt(0.5)  # this model's hand is turned by 45 degrees from that of `panda_arm`
_HAND_TURN = np.array([[_HALF, -_HALF, 0.0], [_HALF, _HALF, 0.0], [0.0, 0.0, 1.0]])

FORWARD = np.array([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [1.0, 0.0, 0.0]])
"""Rotation of a hand that points away from the robot, its fingers side by side."""
DOWN = np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, -1.0]])
"""Rotation of a hand that points down, its fingers side by side."""


@dataclass(frozen=True)
class Leg:
    """A straight piece of the fingertips' way."""

    to: tuple[float, float, float]
    """Where it ends."""
    stride: float = 0.02
    """Longest step of a decision."""
    near: float = 0.012
    """Distance from the end at which the next leg begins."""
    patience: int = 60
    """Decisions after which the next leg begins anyhow."""
    open: bool = False
    """Whether the fingers are open."""


@dataclass(frozen=True)
class Way:
    """What the hand does in a task."""

    legs: tuple[Leg, ...]
    """In order; the hand stays at the end of the last."""
    rotation: np.ndarray
    """Of the hand [3, 3]."""


def _knob(height: float) -> Way:
    """Push the upper end of a burner's upright knob to the right and down."""
    above = height + 0.045
    legs = (
        Leg((-0.32, 0.45, above), stride=0.05, near=0.03),
        Leg((-0.315, 0.645, above), stride=0.03, near=0.015),
        Leg((-0.19, 0.645, height + 0.03), stride=0.015),
        Leg((-0.19, 0.645, height)),
    )
    return Way(legs, FORWARD)


def _door(handle: tuple[float, float, float], *arc: tuple[float, float, float]) -> Way:
    """Grasp an upright handle from the front and pull it through the points of an `arc`."""
    x, y, z = handle
    legs = (
        Leg((x, y - 0.17, z), stride=0.04, near=0.03, patience=80, open=True),
        Leg((x, y + 0.015, z), stride=0.03, open=True),
        Leg((x, y + 0.015, z), near=0.0, patience=8),
        *(Leg(point, near=0.02) for point in arc),
    )
    return Way(legs, FORWARD)


_WAYS = {
    "bottom burner": _knob(2.226),
    "top burner": _knob(2.34),
    "light switch": Way(  # its lever points right and towards the robot: push it to the left
        (
            Leg((-0.28, 0.45, 2.28), stride=0.05, near=0.03),
            Leg((-0.28, 0.62, 2.28), stride=0.03, near=0.015),
            Leg((-0.5, 0.63, 2.28)),
        ),
        FORWARD,
    ),
    "slide cabinet": Way(  # behind the left of its upright handle, and along
        (
            Leg((-0.2, 0.45, 2.6), stride=0.05, near=0.03),
            Leg((-0.2, 0.625, 2.6), stride=0.03, near=0.015),
            Leg((0.15, 0.625, 2.6)),
        ),
        FORWARD,
    ),
    "hinge cabinet": _door(
        (-0.526, 0.583, 2.6),
        (-0.45, 0.47, 2.6),
        (-0.35, 0.41, 2.6),
        (-0.23, 0.38, 2.6),
        (-0.1, 0.4, 2.6),
    ),
    "microwave": _door(
        (-0.642, 0.5, 1.8), (-0.66, 0.38, 1.8), (-0.72, 0.25, 1.8), (-0.8, 0.15, 1.8)
    ),
    "kettle": Way(  # push its front from above the stove
        (
            Leg((-0.27, 0.17, 1.95), stride=0.05, near=0.03),
            Leg((-0.27, 0.17, 1.69), stride=0.03, near=0.02),
            Leg((-0.27, 0.45, 1.69)),
        ),
        DOWN,
    ),
}


def expert(skill: Skill) -> Scripted:
    """The script of the one task that the skill's kitchen is made for.

    Raises:
        ConfigError: It is no kitchen, or one with another number of tasks.
    """
    tasks = skill.kwargs.get("tasks_to_complete", ())
    if not skill.env.startswith("FrankaKitchen") or len(tasks) != 1 or tasks[0] not in _WAYS:
        known = [f"FrankaKitchen-v1 with tasks_to_complete [{task}]" for task in _WAYS]
        raise no_expert(skill, "kitchen", known)
    return Scripted(lambda: _controller(_WAYS[tasks[0]]))


def fingertips(joints: np.ndarray) -> np.ndarray:
    """Where the point between the fingertips is [3], by the angles of the arm's joints [7]."""
    position, rotation, _ = forward(joints + _JOINT_6)
    return _BASE + _TURN @ (position + _FINGERTIP * rotation[:, 2])


def _controller(way: Way) -> Controller:
    legs = list(way.legs)
    rotation = _TURN.T @ way.rotation @ _HAND_TURN.T
    reference: np.ndarray | None = None
    age = 0

    def act(obs: dict[str, np.ndarray]) -> np.ndarray:
        nonlocal reference, age
        joints = obs["state"][:7].astype(float)
        to_go = legs[0].to - fingertips(joints)
        distance = float(np.linalg.norm(to_go))
        if len(legs) > 1 and (distance < legs[0].near or age >= legs[0].patience):
            legs.pop(0)
            age = 0
            to_go = legs[0].to - fingertips(joints)
            distance = float(np.linalg.norm(to_go))
        age += 1
        step = to_go * min(1.0, legs[0].stride / max(distance, 1e-9))
        ahead = joint_step(joints + _JOINT_6, _TURN.T @ step, rotation)
        reference = (joints if reference is None else reference) + _GAIN * ahead
        reference = np.clip(reference, joints - _LEASH, joints + _LEASH)
        reference = np.clip(reference, _LOW, _HIGH)
        fingers = np.full(2, 1.0 if legs[0].open else -1.0)
        return np.clip(np.concatenate([(reference - joints) / _UNIT, fingers]), -1, 1)

    return act
