"""Lift: above the box, down, close, and to the goal, phase by phase on the clock."""

from __future__ import annotations

import numpy as np

from daneel.agents.calibration.controllers.controller import Controller, Floats, Moment, columns
from daneel.envs.twins.tasks.lift import HALF

ABOVE, DOWN, CLOSED = 0.7, 1.3, 1.6
"""Seconds at which the gripper is above the box, around it, and holds it."""


def _law(now: Moment, gains: Floats) -> Floats:
    stiff_x, damp_x, stiff_z, damp_z, weight, load, grip, trim = columns(gains)
    gantry, lift, _, _, box_x, box_z = columns(now.positions)
    speed = now.velocities
    carried = now.seconds > CLOSED
    wanted_x = now.goals[:, 0] - box_x if carried else box_x - gantry
    held = now.goals[:, 1] - box_z
    height = 0.15 if now.seconds < ABOVE else HALF + trim
    wanted_z = held if carried else height - lift
    closing = grip if now.seconds > DOWN else np.full_like(grip, -0.3)
    reach = np.clip(wanted_z, -0.12, 0.12)
    return np.stack(
        [
            stiff_x * np.clip(wanted_x, -0.15, 0.15) - damp_x * speed[:, 0],
            stiff_z * reach - damp_z * speed[:, 1] + weight + load * carried,
            closing,
            closing,
        ],
        axis=1,
    )


CONTROLLER = Controller(
    law=_law,
    gains=(5.0, 1.2, 6.0, 1.2, 0.196, 0.12, 0.5, 0.005),
    spread=(2.0, 0.4, 2.0, 0.4, 0.05, 0.05, 0.2, 0.005),
)
