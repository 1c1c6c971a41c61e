"""Inverse dynamics of planar arms: the torque that a measured motion needs, against the measured.

For logs whose torque was measured and whose motion is smooth. Velocities and accelerations are
those of cubics through the positions around each row (Savitzky and Golay 1964), which look half a
span ahead; the torque stays as it was measured. A torque is seen in the positions later than it is
reported: `command/J/delay` is that time, found with the rest. Residuals are torques in units of the
noise.
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
        values: Targets [N]; `command/J/bias` is taken as the sensor's own torque at rest,
            `command/J/delay` as the time by which positions come after torques, and
            `sensor/J/bias` is taken off the positions.
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

    tilt = _each(values, arm, "bias", count, "sensor")  # [N, J]
    tilt = tilt if arm.absolute else np.cumsum(tilt, axis=1)
    theta = columns(log.q) + (np.pi if arm.upright else 0.0)
    theta = theta - np.repeat(tilt.T, rows, axis=1)
    needed = terms.torque(theta, columns(speed), columns(change))
    joint = needed.reshape(width, count, rows).transpose(1, 2, 0)
    steps = _each(values, arm, "delay", count) / log.dt
    return _earlier(joint, steps) - _each(values, arm, "bias", count)[:, None]


def _each(values: Values, arm: PlanarArm, name: str, count: int, room: str = "command") -> Floats:
    """A target of the commands (or sensors) of every joint [N, J]."""
    zero = np.zeros(count)
    columns = [values.get(f"{room}/{joint}/{name}", zero) for joint in arm.joints]
    return np.stack([np.broadcast_to(column, (count,)) for column in columns], axis=1)


def _earlier(torque: Floats, steps: Floats) -> Floats:
    """Torques [N, T, J] moved `steps` [N, J] towards the start, interpolated between rows."""
    if not steps.any():
        return torque
    rows = np.arange(torque.shape[1], dtype=float)
    moved = np.empty_like(torque)
    for n, joint in np.ndindex(*steps.shape):
        moved[n, :, joint] = np.interp(rows + steps[n, joint], rows, torque[n, :, joint])
    return moved
