"""Blocks are as long as residuals remember, and never cross a segment."""

import numpy as np
import pytest

from daneel.agents.calibration.blocks import (
    FEWEST_BLOCKS,
    MOST_BLOCKS,
    autocorrelation,
    blocks,
    correlation_length,
)
from tests.agents.calibration.problems import coloured


@pytest.mark.parametrize("colour", [0.0, 0.5, 0.9])
def test_autocorrelation_equals_the_naive_sum(colour: float) -> None:
    """Autocorrelation equals the naive sum."""
    rng = np.random.default_rng(0)
    values, segments = coloured(rng, 50, colour), np.repeat([0, 1], [30, 20])
    found, pairs = autocorrelation(values, segments)
    parts = [values[:30], values[30:]]
    for lag in range(len(found)):
        products = [part[i] * part[i + lag] for part in parts for i in range(len(part) - lag)]
        assert pairs[lag] == len(products)
        assert found[lag] == pytest.approx(np.mean(products) / np.mean(values**2))


def test_white_residuals_are_forgotten_at_once() -> None:
    """White residuals are forgotten at once."""
    assert correlation_length(np.random.default_rng(1).normal(size=4000), np.zeros(4000, int)) < 3


def test_coloured_residuals_are_remembered() -> None:
    """Coloured residuals are remembered."""
    values = coloured(np.random.default_rng(2), 4000, 0.95)
    assert 30 < correlation_length(values, np.zeros(4000, int)) < 150


def test_interleaved_channels_are_bridged() -> None:
    """Interleaved channels are bridged."""
    rng = np.random.default_rng(3)
    values = np.stack([coloured(rng, 1500, 0.95) for _ in range(3)], axis=1).ravel()
    assert correlation_length(values, np.zeros(len(values), int)) > 60


def test_blocks_stay_in_their_segments_in_order() -> None:
    """Blocks stay in their segments in order."""
    segments = np.repeat([4, 4, 7], [100, 300, 250])
    found = blocks(np.random.default_rng(4).normal(size=650), segments)
    assert (np.diff(found) >= 0).all()
    assert found[399] < found[400]
    assert FEWEST_BLOCKS <= found.max() + 1 <= MOST_BLOCKS + 1


def test_residuals_that_are_all_zero_have_blocks_too() -> None:
    """Residuals that are all zero have blocks too."""
    assert blocks(np.zeros(120), np.zeros(120, int)).max() >= 1
