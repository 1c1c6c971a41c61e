"""Push: go behind the puck as seen from the goal, then push it there, slower as it comes near."""

from __future__ import annotations

import numpy as np

from daneel.agents.calibration.controllers.controller import Controller, Floats, Moment, columns
from daneel.envs.twins.tasks.push import FINGER, PUCK


def _law(now: Moment, gains: Floats) -> Floats:
    approach, push, slowest, early, servo, aside = columns(gains)
    finger, puck = now.positions[:, :2], now.positions[:, 2:]
    way = now.goals - puck
    left = np.linalg.norm(way, axis=1)
    forward = way / np.maximum(left, 1e-6)[:, None]
    sideways = np.stack([-forward[:, 1], forward[:, 0]], axis=1)
    offset = puck - finger
    off = (offset * sideways).sum(axis=1)  # how far the finger is from the line of the push
    gap = (offset * forward).sum(axis=1) - FINGER - PUCK
    aligned = np.exp(-((off / 0.02) ** 2))
    speed = np.where(left > early, slowest + push * (left - early), 0.0)
    ahead = np.where(gap > 0.02, approach * (gap - 0.01 * (1 - aligned)), speed * aligned)
    done = left <= early
    ahead = np.where(done, -0.05, ahead)
    wanted = ahead[:, None] * forward + (aside * off)[:, None] * sideways
    return servo[:, None] * (np.clip(wanted, -1.0, 1.0) - now.velocities[:, :2])


CONTROLLER = Controller(
    law=_law,
    gains=(3.0, 1.5, 0.08, 0.01, 1.0, 6.0),
    spread=(1.0, 0.5, 0.03, 0.005, 0.3, 2.0),
)
