"""Physically consistent inertias: log-Cholesky of the pseudo-inertia.

Rucker and Wensing (2022), Smooth Parameterization of Rigid-Body Inertia, RA-L 7(2). With
Sigma = 1/2 tr(I) E - I the second moments of a body about its frame's origin, h = m c,

    J = [[Sigma, h], [h^T, m]],      J = U J_0 U^T,
    U = e^alpha [[e^d1, s12, s13, t1], [0, e^d2, s23, t2], [0, 0, e^d3, t3], [0, 0, 0, 1]]

Every (alpha, d, s, t) is a body that could be built; all zeros is the nominal one.
"""

from __future__ import annotations

import numpy as np

from daneel.agents.calibration.problem import Floats

FIELDS = ("alpha", "d1", "d2", "d3", "s12", "s23", "s13", "t1", "t2", "t3")
"""Names of the ten numbers, in the order of `perturb`."""


def pseudo(mass: float, com: Floats, tensor: Floats) -> Floats:
    """Pseudo-inertia [4, 4] of a body.

    Args:
        mass: In kg.
        com: Centre of mass [3] in m.
        tensor: Inertia about the centre of mass [3, 3] in kg m^2, along the frame's axes.
    """
    second = 0.5 * np.trace(tensor) * np.eye(3) - tensor + mass * np.outer(com, com)
    found = np.empty((4, 4))
    found[:3, :3], found[:3, 3], found[3, :3], found[3, 3] = second, mass * com, mass * com, mass
    return found


def split(body: Floats) -> tuple[float, Floats, Floats]:
    """Mass, centre of mass [3] and inertia about it [3, 3] of a pseudo-inertia [4, 4]."""
    mass = float(body[3, 3])
    com = body[:3, 3] / mass
    second = body[:3, :3] - mass * np.outer(com, com)
    return mass, com, np.trace(second) * np.eye(3) - second


def perturb(body: Floats, change: Floats) -> Floats:
    """The pseudo-inertia [4, 4] moved by ten numbers in the order of `FIELDS`."""
    alpha, d1, d2, d3, s12, s23, s13, t1, t2, t3 = change
    upper = np.exp(alpha) * np.array(
        [
            [np.exp(d1), s12, s13, t1],
            [0.0, np.exp(d2), s23, t2],
            [0.0, 0.0, np.exp(d3), t3],
            [0.0, 0.0, 0.0, 1.0],
        ]
    )
    return upper @ body @ upper.T


def consistent(body: Floats) -> bool:
    """Whether such a body can exist: its pseudo-inertia is positive definite."""
    return bool(np.linalg.eigvalsh(body)[0] > 0)


def rotation(quaternion: Floats) -> Floats:
    """Rotation matrix [3, 3] of a unit quaternion (w, x, y, z)."""
    w, x, y, z = quaternion / np.linalg.norm(quaternion)
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
    )


def principal(tensor: Floats) -> tuple[Floats, Floats]:
    """Principal moments [3] of an inertia tensor and their axes as a quaternion (w, x, y, z)."""
    from scipy.spatial.transform import Rotation

    moments, axes = np.linalg.eigh(tensor)
    if np.linalg.det(axes) < 0:
        axes[:, 0] = -axes[:, 0]
    x, y, z, w = Rotation.from_matrix(axes).as_quat()
    return moments, np.array([w, x, y, z])
