"""A calibrated robot as URDF, for ROS and whatever reads its files.

Carried over: the tree of bodies, one hinge or slide each, masses, centres of mass, inertias, joint
limits, damping, dry friction, and the plain shapes. URDF has no place for armatures, for delays and
gains of the signal path, nor for friction at low speed and under load: `missing` names what was
left out, the file says it too, and `calibration.yaml` has the numbers. Meshes are left to the
original.

A link's frame lies at its joint, where MuJoCo's body frame need not: origins are moved accordingly.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree as ET

import mujoco as _mujoco
import numpy as np
from scipy.spatial.transform import Rotation

from daneel.agents.calibration.friction_targets import is_friction
from daneel.agents.calibration.problem import CalibrationError, Floats

mujoco: Any = _mujoco  # its compiled half has no type stubs

FAR = 1e6
"""Limit of a slide, an effort or a velocity that has none: URDF asks for a number."""
BASE = "world"
"""Name of the root link."""


def urdf(model: Any, name: str = "robot", values: Mapping[str, float] | None = None) -> str:
    """The text of a URDF file.

    Args:
        model: A compiled MuJoCo model.
        name: Name of the robot.
        values: Targets that are in no field of the model, for what is said to be left out.

    Raises:
        CalibrationError: A body has several joints, or one that is no hinge and no slide.
    """
    root = ET.Element("robot", name=name)
    left_out = missing(model, values or {})
    if left_out:
        root.append(ET.Comment(f" not in URDF: {'; '.join(left_out)} "))
    for body in range(model.nbody):
        root.append(_link(model, body))
    for body in range(1, model.nbody):
        root.append(_joint(model, body))
    ET.indent(root)
    return f'<?xml version="1.0"?>\n{ET.tostring(root, encoding="unicode")}\n'


def missing(model: Any, values: Mapping[str, float]) -> list[str]:
    """What of a model URDF has no place for, in words."""
    found = [
        f"armature {model.dof_armature[model.jnt_dofadr[at]]:.6g} of {model.joint(at).name}"
        for at in range(model.njnt)
        if model.dof_armature[model.jnt_dofadr[at]] > 0
    ]
    found += [
        f"{field.replace('_', ' ')} {values[target]:.6g} of {joint}"
        for target in values
        for _, joint, field in [target.split("/")]
        if is_friction(target) and field != "stribeck_speed" and values[target]
    ]
    meshes = int(np.sum(model.geom_type == mujoco.mjtGeom.mjGEOM_MESH))
    return found + ([f"{meshes} meshes"] if meshes else [])


def _only_joint(model: Any, body: int) -> int | None:
    """Number of the body's joint; None where it is welded to its parent."""
    count = int(model.body_jntnum[body])
    first = int(model.body_jntadr[body])
    single = (mujoco.mjtJoint.mjJNT_HINGE, mujoco.mjtJoint.mjJNT_SLIDE)
    if count > 1 or (count and model.jnt_type[first] not in single):
        raise CalibrationError(
            f"Body {model.body(body).name!r} has {count} joints or one that is no hinge and no "
            "slide. Expected one hinge or slide a body, as URDF has it. Take model.xml."
        )
    return first if count else None


def _anchor(model: Any, body: int) -> Floats:
    """Origin of the link in the frame of its body [3]."""
    joint = _only_joint(model, body)
    return np.zeros(3) if joint is None else np.array(model.jnt_pos[joint])


def _link(model: Any, body: int) -> ET.Element:
    link = ET.Element("link", name=_name(model, body))
    shift = _anchor(model, body)
    if model.body_mass[body] > 0:
        inertial = ET.SubElement(link, "inertial")
        _origin(inertial, model.body_ipos[body] - shift, Rotation.identity())
        ET.SubElement(inertial, "mass", value=_text(model.body_mass[body]))
        turn = _rotation(model.body_iquat[body]).as_matrix()
        moments = turn @ np.diag(model.body_inertia[body]) @ turn.T  # readers skip an inertial rpy
        at = {"ixx": (0, 0), "ixy": (0, 1), "ixz": (0, 2), "iyy": (1, 1), "iyz": (1, 2)}
        fields = {key: _text(moments[where]) for key, where in {**at, "izz": (2, 2)}.items()}
        ET.SubElement(inertial, "inertia", fields)
    for geom in np.flatnonzero(model.geom_bodyid == body):
        touches = bool(model.geom_contype[geom] or model.geom_conaffinity[geom])
        for kind in ("visual", "collision") if touches else ("visual",):
            _shapes(link, kind, model, int(geom), shift)
    return link


def _shapes(link: ET.Element, kind: str, model: Any, geom: int, shift: Floats) -> None:
    """The plain shapes of a geom; a capsule is a cylinder between two spheres."""
    size = model.geom_size[geom]
    place, turn = model.geom_pos[geom] - shift, _rotation(model.geom_quat[geom])
    ball = ("sphere", {"radius": _text(size[0])})
    rod = ("cylinder", {"radius": _text(size[0]), "length": _text(2 * size[1])})
    end = turn.apply([0.0, 0.0, size[1]])
    types = mujoco.mjtGeom
    parts = {
        int(types.mjGEOM_SPHERE): [(ball, place)],
        int(types.mjGEOM_CYLINDER): [(rod, place)],
        int(types.mjGEOM_CAPSULE): [(rod, place), (ball, place + end), (ball, place - end)],
        int(types.mjGEOM_BOX): [(("box", {"size": _text(2 * size)}), place)],
    }.get(int(model.geom_type[geom]), [])
    for number, ((shape, fields), where) in enumerate(parts):
        element = ET.SubElement(link, kind, name=f"{kind}{geom}_{number}")
        _origin(element, where, turn)
        ET.SubElement(ET.SubElement(element, "geometry"), shape, fields)


def _joint(model: Any, body: int) -> ET.Element:
    number = _only_joint(model, body)
    parent = int(model.body_parentid[body])
    turn, anchor = _rotation(model.body_quat[body]), _anchor(model, body)
    place = model.body_pos[body] - _anchor(model, parent) + turn.apply(anchor)
    if number is None:
        element = ET.Element("joint", name=f"{_name(model, body)}_weld", type="fixed")
        axis = None
    else:
        axis = np.array(model.jnt_axis[number])
        slides = model.jnt_type[number] == mujoco.mjtJoint.mjJNT_SLIDE
        start = float(model.qpos0[model.jnt_qposadr[number]])  # the pose above belongs to it
        if slides:
            place = place - turn.apply(start * axis)
        else:
            turn = turn * Rotation.from_rotvec(-start * axis)
        limited = bool(model.jnt_limited[number])
        kind = "prismatic" if slides else "revolute" if limited else "continuous"
        element = ET.Element("joint", name=model.joint(number).name, type=kind)
    _origin(element, place, turn)
    ET.SubElement(element, "parent", link=_name(model, parent))
    ET.SubElement(element, "child", link=_name(model, body))
    if number is not None and axis is not None:
        ET.SubElement(element, "axis", xyz=_text(axis))
        _limits(element, model, number)
        dof = model.jnt_dofadr[number]
        damping, dry = _text(model.dof_damping[dof]), _text(model.dof_frictionloss[dof])
        ET.SubElement(element, "dynamics", damping=damping, friction=dry)
    return element


def _limits(element: ET.Element, model: Any, number: int) -> None:
    """Limits of a joint; a continuous one has only those of effort and velocity."""
    drives = (model.actuator_trnid[:, 0] == number) & (model.actuator_forcelimited == 1)
    effort = np.abs(model.actuator_forcerange[drives]).max() if drives.any() else FAR
    fields = {"effort": _text(effort), "velocity": _text(FAR)}
    if element.get("type") != "continuous":
        low, high = model.jnt_range[number] if model.jnt_limited[number] else (-FAR, FAR)
        fields |= {"lower": _text(low), "upper": _text(high)}
    ET.SubElement(element, "limit", fields)


def _origin(element: ET.Element, place: Floats, turn: Rotation) -> None:
    angles = turn.as_matrix()
    pitch = np.arcsin(np.clip(-angles[2, 0], -1.0, 1.0))
    if abs(angles[2, 0]) < 1 - 1e-12:
        roll = np.arctan2(angles[2, 1], angles[2, 2])
        yaw = np.arctan2(angles[1, 0], angles[0, 0])
    else:  # straight up or down: only the sum of roll and yaw counts
        roll, yaw = 0.0, np.arctan2(-angles[0, 1], angles[1, 1])
    ET.SubElement(element, "origin", xyz=_text(place), rpy=_text(np.array([roll, pitch, yaw])))


def _rotation(quaternion: Floats) -> Rotation:
    return Rotation.from_quat(np.roll(quaternion, -1))  # MuJoCo writes w first


def _name(model: Any, body: int) -> str:
    return BASE if body == 0 else model.body(body).name


def _text(value: Any) -> str:
    return " ".join(f"{number:.9g}" for number in np.atleast_1d(np.asarray(value, float)))
