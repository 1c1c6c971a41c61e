"""Robots from MJCF or URDF, rolled out by `mujoco.rollout`: no Python between two steps.

The joints of the log are driven by their actuators. A log of torques drives motors, a log of
positions drives `kp (command - q) - kd v`; an actuator that is missing or of the other kind is made
so. A base with a free joint that the log does not name is held fixed, as on a bench.

Targets: joint/J/{damping, armature, frictionloss, stiffness, springref}, actuator/J/{kp, kd, gain},
body/B/{mass, com_x, com_y, com_z} and its pseudo-inertia, geom/G/{friction, solref_time,
solref_damping}, option/world/gravity. A body's mass scales its inertia with it.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mujoco as _mujoco
import numpy as np
from mujoco import rollout as mujoco_rollout

from daneel.agents.calibration.mujoco_fields import (
    SETTERS,
    actuator_of,
    make_actuator,
    model_targets,
    set_body,
)
from daneel.agents.calibration.problem import CalibrationError, Floats
from daneel.agents.calibration.simulator import Values
from daneel.agents.calibration.windows import Windows

mujoco: Any = _mujoco  # its enums and classes are in no type stub

Step = Callable[[Floats, Floats, Floats, Floats], tuple[Floats, Floats]]
"""q, dq, command, extra torque [B, J] to the next q and dq; see `residual_actuator`."""
CHUNK = 512
"""Rollouts whose states are held in memory at once."""


@dataclass(frozen=True)
class MujocoRobot:
    """A compiled model whose logged joints are driven by the log."""

    model: Any
    """The model with one actuator a logged joint, in their order."""
    joints: tuple[str, ...]
    """Joints of the log."""
    nominal: Mapping[str, float]
    """Targets that were given other values than the file's."""
    xml: str
    """The model as MJCF."""
    notes: tuple[str, ...] = ()
    """What was changed to make it drivable."""

    @property
    def defaults(self) -> Mapping[str, float]:
        """Every target with its nominal value."""
        return {**model_targets(self.model, self.joints), **self.nominal}

    def simulate(
        self, values: Values, q: Floats, dq: Floats, actions: Floats, windows: Windows
    ) -> Floats:
        """Positions after every step [N, W, T + 1, J]; see `Simulator`."""
        count, many, width = q.shape
        models = [self._candidate(values, n) for n in range(count)]
        sub = max(1, round(windows.dt / self.model.opt.timestep))
        for model in models:
            model.opt.timestep = windows.dt / sub
        if windows.kind == "position" and not np.isfinite(actions).all():
            raise CalibrationError(
                "The log switches a position actuator off, which MuJoCo's actuators cannot do. "
                "Expected it powered throughout. Cut the log where `enable` is 0."
            )
        drive = np.broadcast_to(np.nan_to_num(actions), (count, *actions.shape[1:]))
        out = np.empty((count * many, windows.steps + 1, width))
        flat_q, flat_dq = q.reshape(-1, width), dq.reshape(-1, width)
        for at in range(0, count * many, CHUNK):
            rows = np.arange(at, min(at + CHUNK, count * many))
            chosen = [models[row // many] for row in rows]
            control = drive[rows // many, rows % many]
            out[rows, 0] = flat_q[rows]
            out[rows, 1:] = self._roll(chosen, flat_q[rows], flat_dq[rows], control, sub)
        return out.reshape(count, many, -1, width)

    def _roll(self, models: list[Any], q: Floats, dq: Floats, control: Floats, sub: int) -> Floats:
        """Positions after each of T steps [B, T, J]; NaN where MuJoCo gave up."""
        model = self.model
        start = np.zeros((len(q), mujoco.mj_stateSize(model, mujoco.mjtState.mjSTATE_FULLPHYSICS)))
        start[:, 1 : 1 + model.nq] = model.qpos0
        start[:, 1 + self._addresses] = q
        start[:, 1 + model.nq + self._dofs] = dq
        held = np.zeros((len(q), control.shape[1] * sub, model.nu))
        held[:, :, self._actuators] = np.repeat(control, sub, axis=1)
        mujoco.set_mju_user_warning(lambda message: None)  # else a log file appears where one works
        try:
            states, _ = mujoco_rollout.rollout(models, mujoco.MjData(model), start, held)
        finally:
            mujoco.set_mju_user_warning(None)
        found = np.array(states)[:, sub - 1 :: sub]
        clock = (np.arange(found.shape[1]) + 1) * sub * models[0].opt.timestep
        lost = ~(np.abs(found[:, :, 0] - clock) < 1e-6)  # the clock stands still after a reset
        return np.where(lost[:, :, None], np.nan, found[:, :, 1 + self._addresses])

    @property
    def _addresses(self) -> np.ndarray:
        return np.array([self.model.joint(name).qposadr[0] for name in self.joints])

    @property
    def _dofs(self) -> np.ndarray:
        return np.array([self.model.joint(name).dofadr[0] for name in self.joints])

    @property
    def _actuators(self) -> np.ndarray:
        return np.array([actuator_of(self.model, name) for name in self.joints])

    def _candidate(self, values: Values, number: int) -> Any:
        def one(value: Floats) -> float:
            chosen = np.ravel(value[number])
            if np.ptp(chosen) > 0:
                raise CalibrationError(
                    "The logs give different constants of the model. Expected equal ones with a "
                    "MuJoCo model. Calibrate each log by itself."
                )
            return float(chosen[0])

        return self.apply({key: one(value) for key, value in values.items()})

    def apply(self, values: Mapping[str, float]) -> Any:
        """A copy of the model with these targets."""
        model = copy.copy(self.model)
        bodies: dict[str, dict[str, float]] = {}
        for target, value in {**self.nominal, **values}.items():
            room, name, field = target.split("/")
            if room == "body":
                bodies.setdefault(name, {})[field] = value
            elif room in SETTERS:
                SETTERS[room](model, name, field, value)
        for name, fields in bodies.items():
            set_body(model, self.model, name, fields)
        if bodies or any(target.endswith("armature") for target in values):
            mujoco.mj_setConst(model, mujoco.MjData(model))
        return model

    def stepper(self, values: Mapping[str, float], dt: float) -> Step:
        """One row of a log's clock as a function, with an extra torque at the joints.

        Args:
            values: Targets of the model.
            dt: The row in seconds.
        """
        model, joints = self.apply(values), (self._addresses, self._dofs, self._actuators)
        sub = max(1, round(dt / model.opt.timestep))
        model.opt.timestep = dt / sub
        addresses, dofs, actuators = joints
        kinds = mujoco.mjtState
        spec = int(kinds.mjSTATE_CTRL) | int(kinds.mjSTATE_QFRC_APPLIED)
        size = mujoco.mj_stateSize(model, kinds.mjSTATE_FULLPHYSICS)

        def step(q: Floats, dq: Floats, command: Floats, extra: Floats) -> tuple[Floats, Floats]:
            start = np.zeros((len(q), size))
            start[:, 1 : 1 + model.nq] = model.qpos0
            start[:, 1 + addresses], start[:, 1 + model.nq + dofs] = q, dq
            held = np.zeros((len(q), sub, model.nu + model.nv))
            held[:, :, actuators], held[:, :, model.nu + dofs] = command[:, None], extra[:, None]
            states, _ = mujoco_rollout.rollout(
                [model] * len(q), mujoco.MjData(model), start, held, control_spec=spec
            )
            end = np.asarray(states)[:, -1]
            return end[:, 1 + addresses], end[:, 1 + model.nq + dofs]

        return step

    def save(self, path: Path, values: Mapping[str, float]) -> None:
        """Writes the calibrated model as MJCF.

        Args:
            path: Where to; meshes are looked for where the source had them.
            values: Targets of the simulator; those of the signal path have no place in MJCF.
        """
        again = mujoco.MjModel.from_xml_string(self.xml)  # MuJoCo saves what it read last
        del again
        mujoco.mj_saveLastXML(str(path), self.apply(values))


def load_robot(
    path: str | Path,
    joints: Sequence[str],
    kind: str,
    nominal: Mapping[str, float] | None = None,
) -> MujocoRobot:
    """Reads an MJCF or URDF file and makes the joints of a log drivable.

    Args:
        path: The file.
        joints: Joints of the log, by their names in the model.
        kind: What the log's commands are: torque or position.
        nominal: Targets with other values than the file's, for instance gains of a servo.

    Raises:
        CalibrationError: The file is absent or damaged, or has no such joint.
    """
    spec = _read(path)
    return _drivable(spec, str(path), tuple(joints), kind, dict(nominal or {}))


def compiled(xml: str) -> Any:
    """The compiled model of an MJCF text."""
    return mujoco.MjModel.from_xml_string(xml)


def hinges(path: str | Path) -> tuple[str, ...]:
    """Names of a model's hinges and slides."""
    single = (mujoco.mjtJoint.mjJNT_HINGE, mujoco.mjtJoint.mjJNT_SLIDE)
    return tuple(joint.name for joint in _read(path).joints if joint.type in single)


def _read(path: str | Path) -> Any:
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


def _state_inertias(spec: Any, model: Any) -> None:
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


def _drivable(
    spec: Any, origin: str, joints: tuple[str, ...], kind: str, nominal: dict[str, float]
) -> MujocoRobot:
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
    notes = []
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
    model = spec.compile()
    _state_inertias(spec, model)
    xml = spec.to_xml()
    for name in joints:
        if make_actuator(model, name, kind):
            notes.append(f"the actuator of {name} became a {kind} actuator")
    robot = MujocoRobot(model, joints, {}, xml, tuple(notes))
    for target in nominal:
        if target.split("/")[0] in SETTERS and target not in robot.defaults:
            raise CalibrationError(
                f"{origin} has no target {target!r}. Expected one that `daneel calibrate targets` "
                "lists. Mend `fixed` in the parameter file."
            )
    return MujocoRobot(model, joints, nominal, xml, tuple(notes))
