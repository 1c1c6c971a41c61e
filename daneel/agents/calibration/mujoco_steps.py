"""Steps of many MuJoCo rollouts at once: in one go, or one by one where friction has to follow.

`mujoco.rollout` takes all steps without Python between them. Friction that depends on speed or load
(`joint_friction`) moves a number of the model at every step: then all rollouts take one step, all
limits are computed together, and so on. With 300 rollouts of an arm of two joints, a step of one of
them takes 2.8 microseconds of a core that way, 1.2 without friction that moves, and 37 with a
callback from within MuJoCo, the other way to do it.

Arrays: B rollouts, S steps, nq, nv and nu of the model, C controls, K numbers of a state.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import mujoco as _mujoco
import numpy as np
from mujoco import rollout as mujoco_rollout

from daneel.agents.calibration.joint_friction import JointFriction
from daneel.agents.calibration.problem import Floats

mujoco: Any = _mujoco  # its enums and classes are in no type stub

CONTROL = int(mujoco.mjtState.mjSTATE_CTRL)
"""What drives a step when nothing else is said: the controls alone."""


def take_steps(
    models: Sequence[Any],
    start: Floats,
    drive: Floats,
    friction: JointFriction | None = None,
    spec: int = CONTROL,
) -> Floats:
    """States after every step [B, S, K].

    Args:
        models: Model of each rollout [B]; with friction none may be another's.
        start: States before the first step [B, K].
        drive: What drives each step [B, S, C], the controls first.
        friction: What moves with every step, its numbers [B, J].
        spec: What a row of `drive` is, as bits of `mjtState`.
    """
    data = mujoco.MjData(models[0])
    mujoco.set_mju_user_warning(lambda message: None)  # else a log file appears where one works
    try:
        if friction is None or friction.idle:
            states, _ = mujoco_rollout.rollout(list(models), data, start, drive, control_spec=spec)
            return np.asarray(states)
        return _one_by_one(models, data, start, drive, friction, spec)
    finally:
        mujoco.set_mju_user_warning(None)


def _one_by_one(
    models: Sequence[Any], data: Any, start: Floats, drive: Floats, friction: JointFriction,
    spec: int,
) -> Floats:  # fmt: skip
    """The same with limits that are set between the steps."""
    own = [copy.copy(model) for model in models]
    losses = [model.dof_frictionloss for model in own]
    first, nq, nv, nu = own[0], own[0].nq, own[0].nv, own[0].nu
    states = np.empty((len(own), drive.shape[1], start.shape[1]))
    after, state = np.empty((len(own), 1, start.shape[1])), np.ascontiguousarray(start)
    sensed = np.empty((len(own), 1, first.nsensordata))
    moved = np.ascontiguousarray(drive.transpose(1, 0, 2)[:, :, None])
    with mujoco_rollout.Rollout(nthread=0) as rollout, np.errstate(all="ignore"):
        for step, sent in enumerate(moved):
            q, dq = state[:, 1 : 1 + nq], state[:, 1 + nq : 1 + nq + nv]
            limits = np.nan_to_num(friction.limits(q, dq, sent[:, 0, :nu]))
            for loss, limit in zip(losses, limits, strict=True):
                loss[friction.dofs] = limit
            rollout.rollout(
                own, [data], state, sent, control_spec=spec, skip_checks=True, nstep=1,
                state=after, sensordata=sensed,
            )  # fmt: skip
            states[:, step] = after[:, 0]
            state = states[:, step].copy()
    return states
