"""Stretches of a log that are nearly independent, found from how residuals repeat themselves.

Residuals of a simulator are coloured: what is wrong now is wrong a millisecond later too, and an
interval that takes every sample for news is far too narrow. Everything here that needs independent
pieces (covariances, bootstraps) takes these blocks, in the order of the log, never across segments.

The lag at which correlation ends follows Politis and White 2004, "Automatic block-length selection
for the dependent bootstrap" (section 3.2). R residuals.
"""

from __future__ import annotations

import numpy as np

from daneel.agents.calibration.problem import Floats, Integers

MOST_BLOCKS = 30
"""More blocks than this add nothing to an interval, and longer ones neglect less correlation."""

FEWEST_BLOCKS = 6
"""A log that repeats itself all along is still cut in so many where that is possible."""

SHORTEST = 4
"""Residuals that a block should have at least."""

QUIET_LAGS = 20
"""Correlation has ended when it stays below the noise for this many lags; channels that are
interleaved in the residuals (up to this many) are bridged by it."""


def blocks(residuals: Floats, segments: Integers) -> Integers:
    """Number of the block of each residual [R], counted from 0.

    Args:
        residuals: Residuals in the order of the log [R].
        segments: Segment of each residual [R].
    """
    cut = _block_length(residuals, segments)
    found = np.empty(len(residuals), dtype=np.int64)
    count = 0
    for segment in np.unique(segments):
        inside = np.flatnonzero(segments == segment)
        pieces = max(1, len(inside) // cut)
        found[inside] = count + np.arange(len(inside)) * pieces // len(inside)
        count += pieces
    return found


def correlation_length(residuals: Floats, segments: Integers) -> int:
    """Lag after which residuals of one segment are no longer alike; 0 for white ones."""
    correlation, pairs = autocorrelation(residuals, segments)
    if len(correlation) < 2:
        return 0
    total = len(residuals)
    quiet = np.abs(correlation) < 2.0 * np.sqrt(np.log10(max(total, 10)) / np.maximum(pairs, 1))
    run = 0
    for lag in range(1, len(correlation)):
        run = run + 1 if quiet[lag] else 0
        if run == QUIET_LAGS:
            return lag - QUIET_LAGS
    return len(correlation) - 1


def autocorrelation(residuals: Floats, segments: Integers) -> tuple[Floats, Floats]:
    """Autocorrelation by lag, pooled over segments, and how many pairs each lag has.

    The mean is not taken off: a constant error is an error that never ends.
    """
    pieces = [residuals[segments == segment] for segment in np.unique(segments)]
    longest = max(len(piece) for piece in pieces)
    lags = max(1, longest // 2)
    sums, pairs = np.zeros(lags), np.zeros(lags)
    for piece in pieces:
        size = min(lags, len(piece))
        spectrum = np.fft.rfft(piece, 2 * len(piece))
        products = np.fft.irfft(np.abs(spectrum) ** 2)[:size]
        sums[:size] += products
        pairs[:size] += len(piece) - np.arange(size)
    power = sums[0] / max(pairs[0], 1.0)
    if power <= 0.0:
        return np.eye(1, lags)[0], pairs
    return sums / np.maximum(pairs, 1.0) / power, pairs


def _block_length(residuals: Floats, segments: Integers) -> int:
    """Three times the correlation length; longer where there would be too many blocks."""
    total = len(residuals)
    wanted = max(3 * correlation_length(residuals, segments), -(-total // MOST_BLOCKS), SHORTEST)
    return max(1, min(wanted, total // FEWEST_BLOCKS))
