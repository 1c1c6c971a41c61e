"""Slide: the pusher is brought to a speed that grows with the puck's way to go, then stops."""

from __future__ import annotations

import numpy as np

from daneel.agents.calibration.controllers.controller import Controller, Floats, Moment, columns


def _law(now: Moment, gains: Floats) -> Floats:
    rate, offset, servo, release, brake = columns(gains)
    speed = rate * np.sqrt(np.maximum(now.goals[:, 0] - offset, 0.0))
    pusher, moving = now.positions[:, 0], now.velocities[:, 0]
    forward = servo * (speed - moving)
    stop = -brake * moving
    struck = (pusher > release) | (now.seconds > 1.0)
    return np.where(struck, stop, forward)[:, None]


CONTROLLER = Controller(
    law=_law,
    gains=(2.0, 0.2, 1.5, 0.10, 0.5),
    spread=(0.6, 0.1, 0.5, 0.03, 0.2),
)
