"""The source engine: MuJoCo, any number of copies at once, each with parameters of its own.

Legend: N copies, K steps, Q joints, A actuators, P parameters.
"""

from __future__ import annotations

import copy
from typing import Any

import mujoco as _mujoco
import numpy as np
from mujoco import rollout

from daneel.envs.twins.mechanism import to_mjcf
from daneel.envs.twins.parameters import DAMPING, FRICTION, MASS, Floats
from daneel.envs.twins.task import Task

mujoco: Any = _mujoco  # compiled, without types


class MujocoEngine:
    """N copies of a mechanism that move together, on one thread."""

    def __init__(self, task: Task, parameters: Floats) -> None:
        """Makes a copy for each row of `parameters` [N, P]."""
        self._nominal = mujoco.MjModel.from_xml_string(to_mjcf(task.mechanism))
        self._data = mujoco.MjData(self._nominal)
        self._load = [self._nominal.body(name).id for name in task.load]
        physics = parameters[:, [MASS, FRICTION, DAMPING]]
        rows, which = np.unique(physics, axis=0, return_inverse=True)
        made = [self._with(row) for row in rows]  # a model is only read: copies may share it
        self._models = [made[at] for at in which]
        joints = task.joints
        self._state = np.zeros((len(parameters), 1 + 2 * joints))  # time, positions, velocities
        self._at, self._moving = slice(1, 1 + joints), slice(1 + joints, None)

    @property
    def positions(self) -> Floats:
        """True positions [N, Q]."""
        return self._state[:, self._at].copy()

    @property
    def velocities(self) -> Floats:
        """True velocities [N, Q]."""
        return self._state[:, self._moving].copy()

    def put(self, positions: Floats, velocities: Floats) -> None:
        """Moves every copy to a state [N, Q]."""
        self._state = np.concatenate(
            [np.zeros((len(self._models), 1)), positions, velocities], axis=1
        )

    def advance(self, forces: Floats) -> None:
        """Runs K steps under `forces` [N, K, A], as shares of the greatest force."""
        states, _ = rollout.rollout(self._models, self._data, self._state, forces)
        self._state = np.asarray(states)[:, -1]

    def close(self) -> None:
        """Nothing to give back."""

    def _with(self, row: Floats) -> Any:
        """A copy of the model with scaled mass, friction and damping."""
        mass, friction, damping = row
        model = copy.copy(self._nominal)
        model.body_mass[self._load] *= mass
        model.body_inertia[self._load] *= mass
        model.dof_damping *= damping
        model.dof_frictionloss *= friction
        model.pair_friction[:, :2] *= friction
        mujoco.mj_setConst(model, self._data)
        return model
