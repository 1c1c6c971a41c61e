"""Noise is told from what a model lacks."""

from __future__ import annotations

import numpy as np
import pytest

from daneel.agents.calibration.sensor_noise import sensor_noise


def test_white_noise_is_found_under_slow_errors_and_bad_rows() -> None:
    """Two joints with noise of their own; one row in fifty is far off."""
    generator = np.random.default_rng(0)
    time = np.linspace(0, 1, 500)
    slow = 0.1 * np.sin(6 * time)[None, :, None]
    white = generator.normal(size=(4, 500, 2)) * [0.001, 0.004]
    white[:, ::50] += 1.0
    assert sensor_noise(slow + white) == pytest.approx([0.001, 0.004], rel=0.25)


def test_an_encoder_that_mostly_stands_still_has_the_noise_of_its_steps() -> None:
    """More than half of the differences are zero: their root mean square is taken."""
    errors = np.zeros((1, 400, 1))
    errors[0, ::20, 0] = 0.002
    assert 0.0 < sensor_noise(errors)[0] < 0.002
    assert np.isnan(sensor_noise(errors[:, :3])).all()
