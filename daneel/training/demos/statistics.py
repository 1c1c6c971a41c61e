"""Minimum, maximum, mean, standard deviation, count and quantiles of columns and of pixels.

The names and shapes are LeRobot's (`compute_stats.py`); the figures are exact, over all rows.
"""

from __future__ import annotations

import numpy as np

QUANTILES = (0.01, 0.10, 0.50, 0.90, 0.99)
_LEVELS = 256

Statistics = dict[str, np.ndarray]


def column_statistics(array: np.ndarray) -> Statistics:
    """Of an array [N] or [N, D] over N, in float64 [1] or [D]; "count" is int64 [1]."""
    values = array.reshape(len(array), -1).astype(np.float64)
    found = {
        "min": values.min(axis=0),
        "max": values.max(axis=0),
        "mean": values.mean(axis=0),
        "std": values.std(axis=0),
        "count": np.array([len(values)]),
    }
    quantiles = np.quantile(values, QUANTILES, axis=0)
    return found | {_name(q): row for q, row in zip(QUANTILES, quantiles, strict=True)}


class PixelCounts:
    """How often each level of each colour was seen: enough for all statistics, and it adds up."""

    def __init__(self) -> None:
        """Start with nothing seen."""
        self._counts = np.zeros((3, _LEVELS), np.int64)
        self._frames = 0

    def add(self, frames: np.ndarray) -> None:
        """Take note of images uint8 [T, H, W, 3]."""
        self._frames += len(frames)
        for colour in range(3):
            self._counts[colour] += np.bincount(frames[..., colour].ravel(), minlength=_LEVELS)

    def merge(self, other: PixelCounts) -> None:
        """Take note of what `other` has seen."""
        self._counts += other._counts
        self._frames += other._frames

    def statistics(self) -> Statistics:
        """Of levels in [0, 1] by colour, float64 [3, 1, 1]; "count" is the number of images."""
        levels = np.arange(_LEVELS) / (_LEVELS - 1)
        share = self._counts / self._counts.sum(axis=1, keepdims=True)
        mean = share @ levels
        seen = self._counts > 0
        found = {
            "min": levels[seen.argmax(axis=1)],
            "max": levels[_LEVELS - 1 - seen[:, ::-1].argmax(axis=1)],
            "mean": mean,
            "std": np.sqrt((share * (levels - mean[:, None]) ** 2).sum(axis=1)),
        }
        below = share.cumsum(axis=1)
        found |= {_name(q): levels[(below >= q - 1e-12).argmax(axis=1)] for q in QUANTILES}
        shaped = {name: value.reshape(3, 1, 1) for name, value in found.items()}
        return shaped | {"count": np.array([self._frames])}


def _name(quantile: float) -> str:
    return f"q{round(100 * quantile):02d}"
