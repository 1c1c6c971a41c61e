"""The twin's engine: PyBullet, one copy.

What PyBullet does not know is added here: joint friction is a motor that holds still with a
limited force, springs are forces. PyBullet prints when it is imported and when it connects; the
process of a twin (`server.py`) has nothing else on these streams.

Legend: K steps, Q joints, A actuators, P parameters. The batch axis of the engines is 1 long.
"""

from __future__ import annotations

import tempfile
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pybullet as _pybullet

from daneel.envs.twins.mechanism import WORLD, Mechanism, to_ground_urdf, to_urdf
from daneel.envs.twins.parameters import DAMPING, FRICTION, MASS, Floats
from daneel.envs.twins.task import Task

bullet: Any = _pybullet  # compiled, without types
_FLAGS = bullet.URDF_USE_INERTIA_FROM_FILE | bullet.URDF_USE_SELF_COLLISION


class BulletEngine:
    """One mechanism in a physics server of its own."""

    def __init__(self, task: Task, parameters: Floats) -> None:
        """Loads the mechanism with `parameters` [1, P]."""
        self._mechanism = task.mechanism
        self._client = bullet.connect(bullet.DIRECT)
        self._where: dict[str, tuple[int, int]] = {}
        self._build(task.mechanism)
        self._apply(task, parameters[0])

    @property
    def positions(self) -> Floats:
        """True positions [1, Q]."""
        return np.array([[state[0] for state in self._states()]])

    @property
    def velocities(self) -> Floats:
        """True velocities [1, Q]."""
        return np.array([[state[1] for state in self._states()]])

    def put(self, positions: Floats, velocities: Floats) -> None:
        """Moves the mechanism to a state [1, Q]; contacts of before are forgotten."""
        bullet.restoreState(stateId=self._first, physicsClientId=self._client)
        for name, q, v in zip(self._mechanism.names, positions[0], velocities[0], strict=True):
            bullet.resetJointState(*self._where[name], q, v, physicsClientId=self._client)

    def advance(self, forces: Floats) -> None:
        """Runs K steps under `forces` [1, K, A], as shares of the greatest force."""
        links = [self._mechanism.links[at] for at in self._mechanism.actuated]
        for row in forces[0]:
            for link, share in zip(links, row, strict=True):
                self._push(link.name, share * link.force)
            for link in self._springs:
                place = bullet.getJointState(*self._where[link.name], physicsClientId=self._client)
                self._push(link.name, link.stiffness * (link.rest - place[0]))
            bullet.stepSimulation(physicsClientId=self._client)

    def masses(self) -> dict[str, tuple[float, tuple[float, float, float]]]:
        """Mass and inertia of every link, as the engine has them."""
        found = {}
        for name, place in self._where.items():
            if name != WORLD:
                info = bullet.getDynamicsInfo(*place, physicsClientId=self._client)
                found[name] = (info[0], info[2])
        return found

    def limits(self) -> dict[str, tuple[float, float]]:
        """Least and greatest position of every joint, as the engine has them."""
        places = {name: place for name, place in self._where.items() if name != WORLD}
        infos = {
            name: bullet.getJointInfo(*place, physicsClientId=self._client)
            for name, place in places.items()
        }
        return {name: (info[8], info[9]) for name, info in infos.items()}

    def close(self) -> None:
        """Ends the physics server."""
        bullet.disconnect(physicsClientId=self._client)

    def _states(self) -> list[Any]:
        return [
            bullet.getJointState(*self._where[name], physicsClientId=self._client)
            for name in self._mechanism.names
        ]

    def _push(self, joint: str, force: float) -> None:
        body, index = self._where[joint]
        bullet.setJointMotorControl2(
            body, index, bullet.TORQUE_CONTROL, force=force, physicsClientId=self._client
        )

    def _build(self, mechanism: Mechanism) -> None:
        client = self._client
        bullet.setGravity(0, 0, -mechanism.gravity, physicsClientId=client)
        bullet.setPhysicsEngineParameter(
            fixedTimeStep=mechanism.step,
            numSolverIterations=200,
            deterministicOverlappingPairs=1,
            physicsClientId=client,
        )
        ground = to_ground_urdf(mechanism)
        if ground is not None:
            self._where[WORLD] = (self._load(ground), -1)
        for root in mechanism.roots:
            body = self._load(to_urdf(mechanism, root))
            for index in range(bullet.getNumJoints(body, physicsClientId=client)):
                info = bullet.getJointInfo(body, index, physicsClientId=client)
                self._where[info[1].decode()] = (body, index)
        self._choose_contacts(mechanism)
        self._springs = [link for link in mechanism.links if link.stiffness > 0]
        self._first = bullet.saveState(physicsClientId=client)

    def _load(self, urdf: str) -> int:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "tree.urdf"
            path.write_text(urdf, encoding="utf-8")
            return bullet.loadURDF(
                str(path), useFixedBase=True, flags=_FLAGS, physicsClientId=self._client
            )

    def _choose_contacts(self, mechanism: Mechanism) -> None:
        """Lets exactly the pairs of the mechanism touch."""
        touching = {frozenset((pair.one, pair.other)) for pair in mechanism.contacts}
        for (one, a), (other, b) in product(self._where.items(), repeat=2):
            if one < other:
                on = frozenset((one, other)) in touching
                bullet.setCollisionFilterPair(
                    a[0], b[0], a[1], b[1], int(on), physicsClientId=self._client
                )

    def _apply(self, task: Task, row: Floats) -> None:
        client = self._client
        for link in task.mechanism.links:
            body, index = self._where[link.name]
            scale = row[MASS] if link.name in task.load else 1.0
            bullet.changeDynamics(
                body,
                index,
                mass=scale * link.mass,
                localInertiaDiagonal=[scale * value for value in link.inertia],
                jointDamping=row[DAMPING] * link.damping,
                linearDamping=0.0,
                angularDamping=0.0,
                lateralFriction=1.0,
                physicsClientId=client,
            )
            bullet.setJointMotorControl2(
                body,
                index,
                bullet.VELOCITY_CONTROL,
                targetVelocity=0.0,
                force=row[FRICTION] * link.friction,
                physicsClientId=client,
            )
        self._set_sliding(task.mechanism, row[FRICTION])

    def _set_sliding(self, mechanism: Mechanism, scale: float) -> None:
        """The engine multiplies the coefficients of two links: one side of a contact is 1."""
        for contact in mechanism.contacts:
            body, index = self._where[contact.other]
            bullet.changeDynamics(
                body,
                index,
                lateralFriction=scale * contact.friction,
                physicsClientId=self._client,
            )
