"""Kinematics of the Franka Panda arm, and joint angles followed from the hand's position alone.

Modified Denavit-Hartenberg parameters from Franka's documentation ("Robot and interface
specifications", "Denavit-Hartenberg parameters"); the hand is turned by -45 degrees about the
flange, 0.107 m beyond joint 7, and the point between its fingertips lies 0.105 m further (the URDF
that PyBullet ships). Angles in rad, lengths in m.
"""

from __future__ import annotations

import numpy as np

_A = (0.0, 0.0, 0.0, 0.0825, -0.0825, 0.0, 0.088)
_D = (0.333, 0.0, 0.316, 0.0, 0.384, 0.0, 0.0)
_ALPHA = tuple(np.pi / 2 * turn for turn in (0, -1, 1, 1, -1, 1, 1))
_HAND_TURN = -np.pi / 4
_HAND_LENGTH = 0.107 + 0.105
_WEIGHTS = np.array([1.0, 1.0, 1.0, 0.15, 0.15, 0.15])  # of metres and radians
_DAMPING = 0.03  # singular values below it are damped


def forward(angles: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Where the hand is, and how it moves with the joints.

    Args:
        angles: Of the seven joints [7].

    Returns:
        Position [3] in the frame of the arm's base, rotation [3, 3], and the Jacobian [6, 7]:
        velocity and angular velocity per joint rate.
    """
    frame = np.eye(4)
    axes, origins = np.empty((7, 3)), np.empty((7, 3))
    for joint, angle in enumerate(angles):
        frame = frame @ _link(joint, angle)
        axes[joint], origins[joint] = frame[:3, 2], frame[:3, 3]
    position = frame[:3, 3] + _HAND_LENGTH * frame[:3, 2]
    rotation = frame[:3, :3] @ _about_z(_HAND_TURN)
    return position, rotation, np.vstack([np.cross(axes, position - origins).T, axes.T])


def joint_step(angles: np.ndarray, displacement: np.ndarray, rotation: np.ndarray) -> np.ndarray:
    """Joint displacements [7] that move the hand and turn it to `rotation`.

    Damped least squares (Nakamura and Hanafusa, 1986, "Inverse kinematic solutions with singularity
    robustness for robot manipulator control"): bounded near singular arms, else nearly exact. Where
    the arm is too short for both, the position matters more than the rotation.

    Args:
        angles: Of the joints now [7].
        displacement: Of the hand [3].
        rotation: What the hand's should be [3, 3].
    """
    _, now, jacobian = forward(angles)
    twist = _WEIGHTS * np.concatenate([displacement, _small_turn(now, rotation)])
    weighted = _WEIGHTS[:, None] * jacobian
    return weighted.T @ np.linalg.solve(weighted @ weighted.T + _DAMPING**2 * np.eye(6), twist)


class JointTracker:
    """Joint angles from known ones at the start, what was asked of them, and the hand's position.

    A position leaves four of seven joints open, so this works for an episode whose start is known
    and whose joints follow commands closely, and no longer.
    """

    def __init__(self, angles: np.ndarray, follows: float) -> None:
        """Begin at `angles` [7]; a decision moves a joint by `follows` of what was asked."""
        self.angles = np.array(angles, float)
        self._follows = follows

    def moved(self, asked: np.ndarray) -> None:
        """Predict from the joint displacements [7] asked for."""
        self.angles += self._follows * asked

    def seen(self, position: np.ndarray) -> None:
        """Correct by the least change of angles that explains the hand's `position` [3]."""
        expected, _, jacobian = forward(self.angles)
        self.angles += np.linalg.pinv(jacobian[:3]) @ (position - expected)


def _link(joint: int, angle: float) -> np.ndarray:
    """Frame of a joint in that of the one before [4, 4] (Craig's convention)."""
    c, s = np.cos(angle), np.sin(angle)
    ca, sa = np.cos(_ALPHA[joint]), np.sin(_ALPHA[joint])
    a, d = _A[joint], _D[joint]
    return np.array(
        [[c, -s, 0, a], [s * ca, c * ca, -sa, -d * sa], [s * sa, c * sa, ca, d * ca], [0, 0, 0, 1]]
    )


def _about_z(angle: float) -> np.ndarray:
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])


def _small_turn(now: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Rotation vector [3] from `now` to `wanted` [3, 3], to first order."""
    return sum((np.cross(now[:, i], wanted[:, i]) for i in range(3)), np.zeros(3)) / 2
