"""Drawer: pulled against its friction until it is as far open as asked."""

from __future__ import annotations

import numpy as np

from daneel.agents.calibration.controllers.controller import Controller, Floats, Moment, columns


def _law(now: Moment, gains: Floats) -> Floats:
    stiff, damp, bias, early = columns(gains)
    left = now.goals[:, 0] - now.positions[:, 1]
    pull = stiff * left - damp * now.velocities[:, 0] + bias * np.tanh((left - early) / 0.005)
    return pull[:, None]


CONTROLLER = Controller(
    law=_law,
    gains=(3.0, 1.0, 0.1, 0.0),
    spread=(1.5, 0.4, 0.05, 0.004),
)
