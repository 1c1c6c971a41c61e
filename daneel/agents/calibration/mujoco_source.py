"""Reads MJCF and URDF files, and makes the joints of a log drivable."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import mujoco as _mujoco
import numpy as np

from daneel.agents.calibration.friction_targets import PREFIX
from daneel.agents.calibration.joint_friction import carried
from daneel.agents.calibration.problem import CalibrationError

mujoco: Any = _mujoco  # its enums and classes are in no type stub


def compiled(xml: str) -> Any:
    """The compiled model of an MJCF text."""
    return mujoco.MjModel.from_xml_string(xml)


def hinges(path: str | Path) -> tuple[str, ...]:
    """Names of a model's hinges and slides."""
    single = (mujoco.mjtJoint.mjJNT_HINGE, mujoco.mjtJoint.mjJNT_SLIDE)
    return tuple(joint.name for joint in read_spec(path).joints if joint.type in single)


def read_spec(path: str | Path) -> Any:
    """The `MjSpec` of a file.

    Raises:
        CalibrationError: The file is absent or damaged.
    """
    if not os.path.isfile(path):
        raise CalibrationError(
            f"There is no model {str(path)!r}. Expected an MJCF (.xml) or URDF file, or a preset. "
            "Type `daneel calibrate --help` for the presets."
        )
    try:
        spec = mujoco.MjSpec.from_file(str(path))
        spec.compile()
    except (ValueError, OSError) as error:
        raise CalibrationError(
            f"{path} cannot be read by MuJoCo: {str(error).strip()}. Expected a whole MJCF or URDF "
            "file with its meshes beside it. Open it with `python -m mujoco.viewer`."
        ) from error
    return spec


def state_inertias(spec: Any, model: Any) -> None:
    """Writes every body's inertia out: MJCF that infers it from geoms cannot hold another one."""
    for body in spec.bodies[1:]:
        number = model.body(body.name).id
        body.mass = model.body_mass[number]
        body.ipos = model.body_ipos[number]
        body.iquat = model.body_iquat[number]
        body.inertia = model.body_inertia[number]
        body.fullinertia[:] = np.nan
        body.explicitinertial = body.mass > 0
    spec.compile()


def make_drivable(spec: Any, origin: str, joints: Sequence[str], kind: str) -> list[str]:
    """Gives every joint of a log an actuator and holds a free base fixed; says what was changed.

    Args:
        spec: The model, changed in place.
        origin: Its file, for messages.
        joints: Joints of the log.
        kind: What the log's commands are: torque or position.

    Raises:
        CalibrationError: There is no such joint, or it has more than one number.
    """
    present = {joint.name: joint for joint in spec.joints}
    for name in joints:
        if name not in present:
            raise CalibrationError(
                f"{origin} has no joint {name!r}. Expected one of {', '.join(present)}. Mend "
                "`joints` in the column map (`--columns FILE`)."
            )
        if present[name].type in (mujoco.mjtJoint.mjJNT_FREE, mujoco.mjtJoint.mjJNT_BALL):
            raise CalibrationError(
                f"Joint {name!r} of {origin} is no hinge and no slide. Expected joints with one "
                "number each. Leave it out of the column map."
            )
    notes: list[str] = []
    for joint in list(present.values()):
        if joint.type == mujoco.mjtJoint.mjJNT_FREE:
            notes.append(f"the free joint {joint.name or 'of the base'} is held fixed")
            joint.delete()
    if notes:
        for key in list(spec.keys):  # their states have the length of the model with the base free
            key.delete()
    driven = {actuator.target for actuator in spec.actuators}
    for name in joints:
        if name not in driven:
            notes.append(f"a {kind} actuator was added to {name}")
            added = spec.add_actuator(name=f"drive_{name}", target=name)
            added.trntype = mujoco.mjtTrn.mjTRN_JOINT
    for number, body in enumerate(spec.bodies):
        body.name = body.name or f"body{number}"  # a body without a name could not be a target
    return notes


def take_friction(spec: Any) -> dict[str, float]:
    """Takes the numbers of `joint_friction` out of a model; its targets with their values."""
    found = carried(spec.compile())
    ours = {PREFIX + target.split("/")[1] for target in found}
    for numeric in list(spec.numerics):
        if numeric.name in ours:
            numeric.delete()
    return found
