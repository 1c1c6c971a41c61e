"""Joint friction that MJCF has no word for: higher at low speed, and higher under load.

MuJoCo holds a joint with at most its `frictionloss`. Here that limit moves at every step with the
joint's speed v and the torque of its motor,

    limit = frictionloss + s exp(-(v / w)^2) + k |torque of the motor|

(Stribeck's curve and a share of the load, as models M2 to M4 of Duclusaud et al. 2025, Extended
Friction Models for the Physics Simulation of Servo Actuators, arXiv:2410.08650, whose controller
sets MuJoCo's limit in the same way). MuJoCo's solver keeps what it is good at: a joint below its
limit stands still, and friction never drives.

A model carries the three numbers of a joint as `<numeric name="friction_JOINT" data="s w k"/>`
below `<custom>`. MuJoCo keeps them and does nothing with them; `JointFriction.of(model)` does:

    friction = JointFriction.of(model)
    friction.update(model, data)          # before every mj_step of a loop of your own
    with friction.acting(model):          # or around an environment's steps
        env.step(action)

Arrays: J joints; B rollouts.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import mujoco as _mujoco
import numpy as np

from daneel.agents.calibration.friction_targets import FIELDS, PREFIX, is_friction
from daneel.agents.calibration.problem import CalibrationError, Floats, Integers

mujoco: Any = _mujoco  # its enums and classes are in no type stub

LEAST = 1e-12
"""Limit in N m that keeps MuJoCo's constraint of a joint in place where there is no friction."""
SLOWEST = 1e-9
"""Least speed w in rad/s: at zero the rise would be a division by zero."""


@dataclass(frozen=True)
class JointFriction:
    """The friction of some joints of one model; the numbers [J], or [B, J] of many rollouts."""

    positions: Integers
    """Number of each joint's position in a state [J]."""
    dofs: Integers
    """Number of its velocity [J]."""
    motors: Integers
    """Number of the actuator that drives it [J], -1 where none does."""
    dry: Floats
    """The model's own `frictionloss` in N m."""
    stribeck: Floats
    """s: what is added at rest, in N m."""
    stribeck_speed: Floats
    """w in rad/s."""
    load_friction: Floats
    """k."""
    motor: Floats
    """Gear, gain, constant, position and speed term, least and greatest force of each actuator
    [7, J] or [B, 7, J]."""

    @classmethod
    def of(cls, model: Any, values: Mapping[str, float] | None = None) -> JointFriction:
        """The friction of a model.

        Args:
            model: A compiled MuJoCo model.
            values: Targets such as `joint/elbow/stribeck` in the place of the model's own numbers.

        Raises:
            CalibrationError: A joint with load-dependent friction has a motor whose torque
                does not follow from its control alone.
        """
        given = {**carried(model), **{k: v for k, v in (values or {}).items() if is_friction(k)}}
        joints = list(dict.fromkeys(target.split("/")[1] for target in given))
        dofs = np.array([model.joint(name).dofadr[0] for name in joints], dtype=np.int64)
        rows = {
            field: np.array([given.get(f"joint/{name}/{field}", plain) for name in joints])
            for field, plain in FIELDS.items()
        }
        motors = np.array([_motor(model, name) for name in joints], dtype=np.int64)
        _check(model, joints, motors, rows["load_friction"])
        places = np.array([model.joint(name).qposadr[0] for name in joints], dtype=np.int64)
        return cls(
            positions=places, dofs=dofs, motors=motors, dry=model.dof_frictionloss[dofs].copy(),
            motor=_constants(model, motors), **rows,
        )  # fmt: skip

    @classmethod
    def stack(cls, parts: Sequence[JointFriction]) -> JointFriction:
        """The same joints with the numbers of many rollouts [B, J]."""
        first = parts[0]
        names = ("dry", "stribeck", "stribeck_speed", "load_friction", "motor")
        numbers = {name: np.stack([getattr(part, name) for part in parts]) for name in names}
        return cls(first.positions, first.dofs, first.motors, **numbers)

    @property
    def idle(self) -> bool:
        """Whether it adds nothing to what MuJoCo does by itself."""
        return not (self.stribeck.any() or self.load_friction.any())

    def limits(self, q: Floats, dq: Floats, control: Floats) -> Floats:
        """The greatest friction of each joint in N m.

        Args:
            q: Positions of the whole model [..., nq].
            dq: Its velocities [..., nv].
            control: Its controls [..., nu].
        """
        speed = dq[..., self.dofs]
        ratio = speed / np.maximum(self.stribeck_speed, SLOWEST)
        limit = self.dry + self.stribeck * np.exp(-np.square(ratio))
        if self.load_friction.any():
            sent = np.append(control, np.zeros_like(control[..., :1]), axis=-1)[..., self.motors]
            limit = limit + self.load_friction * np.abs(self._torque(q, speed, sent))
        return np.maximum(limit, LEAST)

    def _torque(self, q: Floats, speed: Floats, sent: Floats) -> Floats:
        """Torque of the motors [..., J]."""
        gear, gain, constant, stiff, damp, least, most = np.moveaxis(self.motor, -2, 0)
        force = gain * sent + constant + gear * (stiff * q[..., self.positions] + damp * speed)
        return gear * np.clip(force, least, most)

    def update(self, model: Any, data: Any) -> None:
        """Sets the limits for the next step of a model; call it before every `mj_step`."""
        model.dof_frictionloss[self.dofs] = self.limits(data.qpos, data.qvel, data.ctrl)

    @contextlib.contextmanager
    def acting(self, model: Any) -> Iterator[None]:
        """Every step of the model has the friction while inside, whoever takes it.

        MuJoCo has one control callback for a whole process: one that is set already goes on, and
        steps of other models are left alone.

        Args:
            model: The model that is stepped, for instance `env.unwrapped.model`.
        """
        before = mujoco.get_mjcb_control()
        own = model.dof_frictionloss[self.dofs].copy()
        model.dof_frictionloss[self.dofs] = np.maximum(own, LEAST)

        def control(at: Any, data: Any) -> None:
            if before is not None:
                before(at, data)
            if at._address == model._address:  # bindings hand out a new object at every call
                self._limit(data)

        mujoco.set_mjcb_control(control)
        try:
            yield
        finally:
            mujoco.set_mjcb_control(before)
            model.dof_frictionloss[self.dofs] = own

    def _limit(self, data: Any) -> None:
        """Sets the limits of the constraints of the step that is being taken."""
        every = np.zeros(len(data.qvel))
        every[self.dofs] = self.limits(data.qpos, data.qvel, data.ctrl)
        rows = np.flatnonzero(data.efc_type == int(mujoco.mjtConstraint.mjCNSTR_FRICTION_DOF))
        joints = data.efc_id[rows]
        ours = np.isin(joints, self.dofs)
        data.efc_frictionloss[rows[ours]] = every[joints[ours]]


def carried(model: Any) -> dict[str, float]:
    """Targets with the numbers that a model carries."""
    found: dict[str, float] = {}
    for number in range(model.nnumeric):
        name = model.numeric(number).name
        if name.startswith(PREFIX) and _has_joint(model, name.removeprefix(PREFIX)):
            pairs = zip(FIELDS, model.numeric(number).data, strict=False)
            joint = name.removeprefix(PREFIX)
            found |= {f"joint/{joint}/{field}": float(value) for field, value in pairs}
    return found


def _has_joint(model: Any, name: str) -> bool:
    return mujoco.mj_name2id(model, mujoco.mjtObj.mjOBJ_JOINT, name) >= 0


def _motor(model: Any, joint: str) -> int:
    acts = (model.actuator_trntype == mujoco.mjtTrn.mjTRN_JOINT) & (
        model.actuator_trnid[:, 0] == model.joint(joint).id
    )
    return int(np.argmax(acts)) if acts.any() else -1


def _check(model: Any, joints: Sequence[str], motors: Integers, load: Floats) -> None:
    """Refuses friction under the load of a motor whose torque cannot be foretold."""
    simple = (mujoco.mjtBias.mjBIAS_NONE, mujoco.mjtBias.mjBIAS_AFFINE)
    for joint, at, share in zip(joints, motors, load, strict=True):
        if share and at >= 0 and (
            model.actuator_dyntype[at] != mujoco.mjtDyn.mjDYN_NONE
            or model.actuator_gaintype[at] != mujoco.mjtGain.mjGAIN_FIXED
            or model.actuator_biastype[at] not in simple
        ):  # fmt: skip
            raise CalibrationError(
                f"The actuator of {joint!r} has a state or a gain of its own and the joint has "
                "friction with load. Expected a motor or a position actuator without `dyntype`. "
                "Leave out `load_friction`, or take `dyntype` off and search for `command/*/lag`."
            )


def _constants(model: Any, motors: Integers) -> Floats:
    """What the torque of each motor follows from [7, J]; zeros where there is none."""
    rows = np.zeros((7, len(motors)))
    for column, at in enumerate(motors):
        if at >= 0:
            bound = model.actuator_forcelimited[at]
            span = model.actuator_forcerange[at] if bound else (-np.inf, np.inf)
            bias = model.actuator_biasprm[at, :3]
            if model.actuator_biastype[at] == mujoco.mjtBias.mjBIAS_NONE:
                bias = np.zeros(3)
            rows[:, column] = (
                model.actuator_gear[at, 0], model.actuator_gainprm[at, 0], *bias, *span,
            )  # fmt: skip
    return rows
