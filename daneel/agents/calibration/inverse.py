"""Inverse dynamics of planar arms: the torque that a measured motion needs, against the measured.

For logs whose torque was measured and whose motion is smooth. Velocities and accelerations are
those of cubics through the positions around each row (Savitzky and Golay 1964), which look half a
span ahead; the torque stays as it was measured. Residuals are torques in units of the noise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import signal

from daneel.agents.calibration.arm import ArmTerms, PlanarArm
from daneel.agents.calibration.logs import Log
from daneel.agents.calibration.parameters import Parameterised, ParameterSet
from daneel.agents.calibration.problem import Floats, Integers
from daneel.agents.calibration.simulator import Values


@dataclass(frozen=True)
class TorqueProblem(Parameterised):
    """Torque errors of candidates; see `Problem`."""

    arm: PlanarArm
    """The robot."""
    parameters: ParameterSet
    """What is searched for."""
    logs: Sequence[Log]
    """Logs with measured torques."""
    noise: float = 0.1
    """Standard deviation of the measured torque in N m."""
    span: float = 0.15
    """Length of the cubics in seconds."""

    @property
    def segments(self) -> Integers:
        """Number of the log of each residual [R]."""
        sizes = [log.q.size for log in self.logs]
        return np.repeat(np.arange(len(sizes)), sizes)

    def residuals(self, theta: Floats) -> Floats:
        """Torque errors [N, R] in units of the noise."""
        values = self.parameters.values(theta)
        parts = [
            torques(self.arm, values, log, len(theta), self.span) - log.actions(measured=True)
            for log in self.logs
        ]
        return np.concatenate([part.reshape(len(theta), -1) for part in parts], axis=1) / self.noise


def torques(arm: PlanarArm, values: Values, log: Log, count: int, span: float) -> Floats:
    """Torques that a logged motion needs [N, T, J], as the sensor would show them.

    Args:
        arm: The robot.
        values: Targets [N]; `command/J/bias` is taken as the sensor's own torque at rest.
        log: The motion.
        count: N.
        span: Length of the cubics in seconds.
    """
    rows, width = log.q.shape
    length = max(5, round(span / log.dt) | 1)
    speed, change = (
        np.asarray(signal.savgol_filter(log.q, length, 3, order, log.dt, axis=0))
        for order in (1, 2)
    )
    terms = ArmTerms.of(arm, values, count, rows)

    def columns(value: Floats) -> Floats:
        whole = value if arm.absolute else np.cumsum(value, axis=1)
        return np.tile(whole.T, (1, count))

    theta = columns(log.q) + (np.pi if arm.upright else 0.0)
    needed = terms.torque(theta, columns(speed), columns(change))
    bias = np.stack(
        [
            np.broadcast_to(values.get(f"command/{joint}/bias", np.zeros(count)), (count,))
            for joint in arm.joints
        ],
        axis=1,
    )
    return needed.reshape(width, count, rows).transpose(1, 2, 0) - bias[:, None]
