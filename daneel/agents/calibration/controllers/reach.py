"""Reach: the joints are servoed to the angles that bring the tip to the point, gravity is borne."""

from __future__ import annotations

import numpy as np

from daneel.agents.calibration.controllers.controller import Controller, Floats, Moment, columns
from daneel.envs.twins.tasks.reach import FORE, UPPER


def angles(points: Floats) -> Floats:
    """Joint angles [N, 2] with the tip at `points` [N, 2], elbow down (law of cosines)."""
    x, z = columns(points)
    cosine = (x**2 + z**2 - UPPER**2 - FORE**2) / (2 * UPPER * FORE)
    elbow = np.arccos(np.clip(cosine, -1, 1))
    shoulder = np.arctan2(z, x) - np.arctan2(FORE * np.sin(elbow), UPPER + FORE * np.cos(elbow))
    return np.stack([shoulder, elbow], axis=1)


def _law(now: Moment, gains: Floats) -> Floats:
    stiff_1, damp_1, stiff_2, damp_2, weight_1, weight_2 = columns(gains)
    error = angles(now.goals) - now.positions
    (first, second), (speed_1, speed_2) = columns(now.positions), columns(now.velocities)
    fore = weight_2 * np.cos(first + second)
    shoulder = stiff_1 * error[:, 0] - damp_1 * speed_1 + weight_1 * np.cos(first) + fore
    elbow = stiff_2 * error[:, 1] - damp_2 * speed_2 + 3.3 * fore  # its motor is that much weaker
    return np.stack([shoulder, elbow], axis=1)


CONTROLLER = Controller(
    law=_law,
    gains=(2.5, 0.25, 2.0, 0.1, 0.29, 0.08),
    spread=(1.0, 0.1, 0.8, 0.06, 0.1, 0.04),
)
