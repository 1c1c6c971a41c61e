"""Robots from MJCF or URDF, rolled out by `mujoco.rollout`: no Python between two steps.

The joints of the log are driven by their actuators. A log of torques drives motors, a log of
positions drives `kp (command - q) - kd v`; an actuator that is missing or of the other kind is made
so. A base with a free joint that the log does not name is held fixed, as on a bench.

Targets: joint/J/{damping, armature, frictionloss, stiffness, springref}, actuator/J/{kp, kd, gain},
body/B/{mass, com_x, com_y, com_z} and its pseudo-inertia, geom/G/{friction, solref_time,
solref_damping}, option/world/gravity. A body's mass scales its inertia with it. Those of friction
at low speed and under load, joint/J/{stribeck, stribeck_speed, load_friction}, are in no field of
MuJoCo's: see `joint_friction`.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import mujoco as _mujoco
import numpy as np

from daneel.agents.calibration.friction_targets import FIELDS, written
from daneel.agents.calibration.joint_friction import JointFriction
from daneel.agents.calibration.mujoco_fields import (
    SETTERS,
    actuator_of,
    make_actuator,
    model_targets,
    set_body,
)
from daneel.agents.calibration.mujoco_source import (
    make_drivable,
    read_spec,
    state_inertias,
    take_friction,
)
from daneel.agents.calibration.mujoco_steps import take_steps
from daneel.agents.calibration.problem import CalibrationError, Floats
from daneel.agents.calibration.simulator import Values
from daneel.agents.calibration.windows import Windows
from daneel.files import replace_text

mujoco: Any = _mujoco  # its enums and classes are in no type stub

Step = Callable[[Floats, Floats, Floats, Floats], tuple[Floats, Floats]]
"""q, dq, command, extra torque [B, J] to the next q and dq; see `residual_actuator`."""
CHUNK = 512
"""Rollouts whose states are held in memory at once."""
MEMORY = 2**28
"""Bytes that models may take where every rollout needs its own."""


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
        return {**model_targets(self.model, self.joints), **self._frictions, **self.nominal}

    def simulate(
        self, values: Values, q: Floats, dq: Floats, actions: Floats, windows: Windows
    ) -> Floats:
        """Positions after every step [N, W, T + 1, J]; see `Simulator`."""
        count, many, width = q.shape
        chosen = [self._chosen(values, n) for n in range(count)]
        models = [self.apply(one) for one in chosen]
        frictions = [self.friction(model, one) for model, one in zip(models, chosen, strict=True)]
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
        chunk = max(1, min(CHUNK, MEMORY // self.model.nbuffer))
        for at in range(0, count * many, chunk):
            rows = np.arange(at, min(at + chunk, count * many))
            each = [models[row // many] for row in rows]
            friction = JointFriction.stack([frictions[row // many] for row in rows])
            control = drive[rows // many, rows % many]
            out[rows, 0] = flat_q[rows]
            out[rows, 1:] = self._roll(each, friction, flat_q[rows], flat_dq[rows], control, sub)
        return out.reshape(count, many, -1, width)

    def _roll(
        self, models: list[Any], friction: JointFriction, q: Floats, dq: Floats, control: Floats,
        sub: int,
    ) -> Floats:  # fmt: skip
        """Positions after each of T steps [B, T, J]; NaN where MuJoCo gave up."""
        model = self.model
        start = np.zeros((len(q), mujoco.mj_stateSize(model, mujoco.mjtState.mjSTATE_FULLPHYSICS)))
        start[:, 1 : 1 + model.nq] = model.qpos0
        start[:, 1 + self._addresses] = q
        start[:, 1 + model.nq + self._dofs] = dq
        held = np.zeros((len(q), control.shape[1] * sub, model.nu))
        held[:, :, self._actuators] = np.repeat(control, sub, axis=1)
        found = take_steps(models, start, held, friction)[:, sub - 1 :: sub]
        clock = (np.arange(found.shape[1]) + 1) * sub * models[0].opt.timestep
        lost = ~(np.abs(found[:, :, 0] - clock) < 1e-6)  # the clock stands still after a reset
        return np.where(lost[:, :, None], np.nan, found[:, :, 1 + self._addresses])

    def friction(self, model: Any, values: Mapping[str, float]) -> JointFriction:
        """Friction at low speed and under load of one of this robot's models.

        Args:
            model: What `apply` made of the same targets.
            values: Targets.
        """
        return JointFriction.of(model, {**self._frictions, **self.nominal, **values})

    @property
    def _frictions(self) -> dict[str, float]:
        """Friction targets with the values that change nothing."""
        return {f"joint/{n}/{field}": plain for n in self.joints for field, plain in FIELDS.items()}

    @property
    def _addresses(self) -> np.ndarray:
        return np.array([self.model.joint(name).qposadr[0] for name in self.joints])

    @property
    def _dofs(self) -> np.ndarray:
        return np.array([self.model.joint(name).dofadr[0] for name in self.joints])

    @property
    def _actuators(self) -> np.ndarray:
        return np.array([actuator_of(self.model, name) for name in self.joints])

    def _chosen(self, values: Values, number: int) -> dict[str, float]:
        """Targets of one candidate."""

        def one(value: Floats) -> float:
            chosen = np.ravel(value[number])
            if np.ptp(chosen) > 0:
                raise CalibrationError(
                    "The logs give different constants of the model. Expected equal ones with a "
                    "MuJoCo model. Calibrate each log by itself."
                )
            return float(chosen[0])

        return {key: one(value) for key, value in values.items()}

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
        friction = self.friction(model, values)
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
            each = JointFriction.stack([friction] * len(q))
            end = take_steps([model] * len(q), start, held, each, spec)[:, -1]
            return end[:, 1 + addresses], end[:, 1 + model.nq + dofs]

        return step

    def save(self, path: Path, values: Mapping[str, float]) -> None:
        """Writes the calibrated model as MJCF.

        Args:
            path: Where to; meshes are looked for where the source had them.
            values: Targets of the simulator; those of the signal path have no place in MJCF, and
                friction at low speed and under load stands below `custom`.
        """
        again = mujoco.MjModel.from_xml_string(self.xml)  # MuJoCo saves what it read last
        del again
        mujoco.mj_saveLastXML(str(path), self.apply(values))
        extra = written({**self._frictions, **self.nominal, **values})
        if extra:
            text = path.read_text(encoding="utf-8")
            replace_text(path, text.replace("</mujoco>", f"{extra}</mujoco>"))


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
        CalibrationError: The file is absent or damaged, or has no such joint or target.
    """
    spec = read_spec(path)
    notes = make_drivable(spec, str(path), joints, kind)
    carries = take_friction(spec)
    model = spec.compile()
    state_inertias(spec, model)
    xml = spec.to_xml()
    for name in joints:
        if make_actuator(model, name, kind):
            notes.append(f"the actuator of {name} became a {kind} actuator")
    given = {**carries, **(nominal or {})}
    robot = MujocoRobot(model, tuple(joints), given, xml, tuple(notes))
    for target in given:
        if target.split("/")[0] in SETTERS and target not in replace(robot, nominal={}).defaults:
            raise CalibrationError(
                f"{path} has no target {target!r}. Expected one that `daneel calibrate targets` "
                "lists. Mend `fixed` in the parameter file."
            )
    return robot
