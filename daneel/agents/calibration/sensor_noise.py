"""How noisy each position sensor is, from what a calibrated simulation leaves over.

What a model lacks changes slowly, noise changes from row to row: third differences of the errors
hold the one and drop the other (von Neumann 1941, "Distribution of the ratio of the mean square
successive difference to the variance", for first differences). The median makes the steps of an
encoder and single bad rows harmless. W windows, T steps, J joints.
"""

from __future__ import annotations

import math

import numpy as np

from daneel.agents.calibration.problem import Floats

ORDER = 3
"""Order of the differences: what is smoother than a parabola over four rows is no noise."""
NORMAL_MEDIAN = 0.674490
"""Median of the size of a standard normal variable."""


def sensor_noise(errors: Floats) -> Floats:
    """Standard deviation of white noise in errors [W, T, J] of each joint [J]; NaN where too short.

    Args:
        errors: Simulated less measured positions at successive rows.
    """
    if errors.shape[1] <= ORDER:
        return np.full(errors.shape[2], np.nan)
    changes = np.diff(errors, ORDER, axis=1)
    growth = math.sqrt(math.comb(2 * ORDER, ORDER))
    typical = np.nanmedian(np.abs(changes), axis=(0, 1)) / NORMAL_MEDIAN
    spread = np.where(typical > 0, typical, np.sqrt(np.nanmean(changes**2, axis=(0, 1))))
    return np.asarray(spread / growth, np.float64)
