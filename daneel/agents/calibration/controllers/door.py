"""Door: the finger follows a point of the door and pushes across it, against the closer."""

from __future__ import annotations

import numpy as np

from daneel.agents.calibration.controllers.controller import Controller, Floats, Moment, columns
from daneel.envs.twins.tasks.door import FINGER, THICK

RADIUS = 0.5
"""Where on the door to push, metres from its hinge."""


def _law(now: Moment, gains: Floats) -> Floats:
    stiff, damp, closer, rub, along, slow = columns(gains)
    finger, angle, turning = now.positions[:, :2], now.positions[:, 2], now.velocities[:, 2]
    outward = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    across = np.stack([-np.sin(angle), np.cos(angle)], axis=1)
    left = now.goals[:, 0] - angle
    gap = -(finger * across).sum(axis=1) - THICK - FINGER
    push = stiff * left - damp * turning + closer * angle + rub * np.tanh(left / 0.02)
    push = push - np.where(gap > 0.02, slow, 0.0) * (now.velocities[:, :2] * across).sum(axis=1)
    off = RADIUS - (finger * outward).sum(axis=1)
    keep = along * off - 0.5 * (now.velocities[:, :2] * outward).sum(axis=1)
    return push[:, None] * across + keep[:, None] * outward


CONTROLLER = Controller(
    law=_law,
    gains=(0.6, 0.3, 0.2, 0.05, 3.0, 0.5),
    spread=(0.3, 0.12, 0.06, 0.03, 1.0, 0.2),
)
