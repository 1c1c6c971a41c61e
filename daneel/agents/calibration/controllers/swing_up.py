"""Swing-up: energy is pumped in (Astrom and Furuta 2000), a servo catches the bob at the top."""

from __future__ import annotations

import numpy as np

from daneel.agents.calibration.controllers.controller import Controller, Floats, Moment, columns
from daneel.envs.twins.tasks.swing_up import LENGTH, MASS, from_upright

_GRAVITY = 9.81


def _law(now: Moment, gains: Floats) -> Floats:
    pump, surplus, stiff, damp, catch, lead = columns(gains)
    speed = now.velocities[:, 0]
    angle = now.positions[:, 0] + lead * speed
    top = from_upright(angle)
    inertia = MASS * LENGTH**2 + 0.002
    energy = 0.5 * inertia * speed**2 - MASS * _GRAVITY * LENGTH * (np.cos(angle) + 1)
    swing = -pump * (energy - surplus) * np.sign(speed + 1e-9)
    hold = -stiff * top - damp * speed
    return np.where(np.abs(top) < catch, hold, swing)[:, None]


CONTROLLER = Controller(
    law=_law,
    gains=(1.0, 0.3, 6.0, 1.2, 0.4, 0.0),
    spread=(0.5, 0.5, 2.5, 0.5, 0.12, 0.02),
)
