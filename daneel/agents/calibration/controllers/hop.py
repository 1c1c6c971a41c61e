"""Hop: Raibert's three laws (1986, "Legged Robots That Balance"): thrust, foot placement, brake."""

from __future__ import annotations

import numpy as np

from daneel.agents.calibration.controllers.controller import Controller, Floats, Moment, columns


def _law(now: Moment, gains: Floats) -> Floats:
    thrust, place, ahead, wish, fastest, stiff, damp = columns(gains)
    travel, _, hip, leg = columns(now.positions)
    forward, rising, turning, _ = columns(now.velocities)
    speed = np.clip(wish * (now.goals[:, 0] - travel), -fastest, fastest)
    foot = place * forward + ahead * (forward - speed)
    stance = leg > 0.02
    turn = stiff * (foot - hip) - damp * turning
    push = np.where(stance & (rising > 0), -thrust, 0.0)
    return np.stack([np.where(stance, 0.0, turn), push], axis=1)


CONTROLLER = Controller(
    law=_law,
    gains=(0.5, 0.15, 0.10, 1.0, 0.6, 1.2, 0.10),
    spread=(0.25, 0.06, 0.05, 0.4, 0.25, 0.4, 0.04),
)
