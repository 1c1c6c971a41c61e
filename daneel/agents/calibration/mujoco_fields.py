"""Targets of a MuJoCo model: read from a compiled model, and written into a copy of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import mujoco as _mujoco
import numpy as np

from daneel.agents.calibration import inertia
from daneel.agents.calibration.friction_targets import FIELDS as FRICTION
from daneel.agents.calibration.simulator import signal_targets

mujoco: Any = _mujoco  # its enums and classes are in no type stub

JOINT = ("damping", "armature", "frictionloss", "stiffness", "springref")
COM = ("com_x", "com_y", "com_z")
GEOM = ("friction", "solref_time", "solref_damping")


def actuator_of(model: Any, joint: str) -> int:
    """Number of the actuator that drives a joint."""
    number = model.joint(joint).id
    acts_on = (model.actuator_trntype == mujoco.mjtTrn.mjTRN_JOINT) & (
        model.actuator_trnid[:, 0] == number
    )
    return int(np.argmax(acts_on))


def make_actuator(model: Any, joint: str, kind: str) -> bool:
    """Makes the joint's actuator one of this kind; whether that changed it."""
    at = actuator_of(model, joint)
    servo = model.actuator_biastype[at] == mujoco.mjtBias.mjBIAS_AFFINE
    if kind == "torque" and not servo:
        return _keep_limits(model, at)
    if kind == "position" and servo:
        model.actuator_ctrllimited[at] = 0
        return False
    _keep_limits(model, at)
    model.actuator_dyntype[at] = mujoco.mjtDyn.mjDYN_NONE
    model.actuator_gaintype[at] = mujoco.mjtGain.mjGAIN_FIXED
    model.actuator_gainprm[at] = 0.0
    model.actuator_biasprm[at] = 0.0
    if kind == "torque":
        model.actuator_gear[at, 0] = 1.0
        model.actuator_gainprm[at, 0] = 1.0
        model.actuator_biastype[at] = mujoco.mjtBias.mjBIAS_NONE
    else:
        model.actuator_biastype[at] = mujoco.mjtBias.mjBIAS_AFFINE
    return True


def _keep_limits(model: Any, at: int) -> bool:
    """A motor's control limits become limits of its force: the log's torque is the control."""
    if model.actuator_ctrllimited[at] and not model.actuator_forcelimited[at]:
        gain = model.actuator_gainprm[at, 0] * model.actuator_gear[at, 0]
        model.actuator_forcerange[at] = np.sort(model.actuator_ctrlrange[at] * abs(gain))
        model.actuator_forcelimited[at] = 1
    model.actuator_ctrllimited[at] = 0
    return False


def model_targets(model: Any, joints: tuple[str, ...]) -> dict[str, float]:
    """Every target of a compiled model with its value, and those of the signal path."""
    found: dict[str, float] = {"option/world/gravity": -float(model.opt.gravity[2])}
    for number in range(model.njnt):
        joint, dof = model.joint(number), model.jnt_dofadr[number]
        spring = float(model.qpos_spring[model.jnt_qposadr[number]])
        own = (
            model.dof_damping[dof], model.dof_armature[dof], model.dof_frictionloss[dof],
            model.jnt_stiffness[number], spring,
        )  # fmt: skip
        found |= {
            f"joint/{joint.name}/{field}": float(value)
            for field, value in zip(JOINT, own, strict=True)
        }
    for name in joints:
        at = actuator_of(model, name)
        found[f"actuator/{name}/kp"] = -float(model.actuator_biasprm[at, 1])
        found[f"actuator/{name}/kd"] = -float(model.actuator_biasprm[at, 2])
        found[f"actuator/{name}/gain"] = float(model.actuator_gear[at, 0])
    for number in range(1, model.nbody):
        name = model.body(number).name
        found[f"body/{name}/mass"] = float(model.body_mass[number])
        com = zip(COM, model.body_ipos[number], strict=True)
        found |= {f"body/{name}/{field}": float(value) for field, value in com}
        found |= {f"body/{name}/{field}": 0.0 for field in inertia.FIELDS}
    for number in range(model.ngeom):
        name = model.geom(number).name
        if name:
            own = (model.geom_friction[number, 0], *model.geom_solref[number])
            pairs = zip(GEOM, own, strict=True)
            found |= {f"geom/{name}/{field}": float(value) for field, value in pairs}
    return {**found, **signal_targets(joints)}


def _set_joint(model: Any, name: str, field: str, value: float) -> None:
    if field in FRICTION:
        return  # moves with every step: no number of the model
    joint = model.joint(name)
    dof = joint.dofadr[0]
    if field == "springref":
        model.qpos_spring[joint.qposadr[0]] = value
    elif field == "stiffness":
        model.jnt_stiffness[joint.id] = value
    else:
        getattr(model, f"dof_{field}")[dof] = value


def _set_actuator(model: Any, name: str, field: str, value: float) -> None:
    at = actuator_of(model, name)
    if field == "gain":
        model.actuator_gear[at, 0] = value
    elif field == "kd":
        model.actuator_biasprm[at, 2] = -value
    else:
        model.actuator_gainprm[at, 0] = value
        model.actuator_biasprm[at, 1] = -value


def _set_geom(model: Any, name: str, field: str, value: float) -> None:
    number = model.geom(name).id
    if field == "friction":
        model.geom_friction[number, 0] = value
    else:
        model.geom_solref[number, GEOM.index(field) - 1] = value


def _set_option(model: Any, name: str, field: str, value: float) -> None:
    del name, field
    model.opt.gravity[2] = -value


SETTERS: Mapping[str, Any] = {
    "joint": _set_joint,
    "actuator": _set_actuator,
    "geom": _set_geom,
    "option": _set_option,
}
"""How a target of each room is written into a model."""


def set_body(model: Any, source: Any, name: str, fields: Mapping[str, float]) -> None:
    """Mass, centre of mass and pseudo-inertia of a body, from what the source has."""
    number = source.body(name).id
    mass = fields.get("mass", float(source.body_mass[number]))
    com = source.body_ipos[number].copy()
    for axis, field in enumerate(COM):
        com[axis] = fields.get(field, com[axis])
    share = mass / float(source.body_mass[number])
    moments = source.body_inertia[number] * share
    change = np.array([fields.get(field, 0.0) for field in inertia.FIELDS])
    if change.any():
        rotation = inertia.rotation(source.body_iquat[number])
        body = inertia.pseudo(mass, com, rotation @ np.diag(moments) @ rotation.T)
        mass, com, tensor = inertia.split(inertia.perturb(body, change))
        moments, model.body_iquat[number] = inertia.principal(tensor)
    model.body_mass[number] = mass
    model.body_ipos[number] = com
    model.body_inertia[number] = moments
