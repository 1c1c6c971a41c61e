"""How wrong a law was when it had to foresee larger runs: intervals that say how wrong it may be.

Inside the runs at hand a law is fitted up to an edge and asked for the runs beyond it, for several
edges (rolling origin). The errors found so choose between laws, and give the intervals of the
prediction proper: a band that grows in proportion to the distance beyond the largest run fitted,
wide enough for `level` of those errors (split conformal prediction, Vovk et al. 2005, with the
distance as the scale of the error).

Legend: K runs, h doublings beyond the largest run that was fitted, in compute or in size.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from daneel.backbones.scaling.runs import Runs


class Law(Protocol):
    """Anything that predicts losses."""

    def predict(self, runs: Runs, /) -> np.ndarray:
        """`[K]` losses."""
        ...


Fit = Callable[[Runs], Law]
Fold = tuple[Runs, Runs]
"""Runs to fit, and larger ones to foresee."""


@dataclass(frozen=True)
class Calibrated:
    """A law and how wide its band has to be."""

    law: Law
    """The fit to all runs."""
    runs: Runs
    """What was fitted."""
    width: float
    """Half width of the band in log loss at the edge; at h doublings it is `1 + h` times that."""
    level: float
    """Share of runs that the band is to hold."""

    def predict(self, runs: Runs) -> np.ndarray:
        """`[K]` losses."""
        return self.law.predict(runs)

    def interval(self, runs: Runs) -> tuple[np.ndarray, np.ndarray]:
        """Lower and upper ends, `[K]` each."""
        middle = self.law.predict(runs)
        half = self.width * (1 + beyond(runs, self.runs))
        return middle * np.exp(-half), middle * np.exp(half)


def split_at(runs: Runs, *, compute: float = np.inf, params: float = np.inf) -> Fold:
    """Runs up to a budget and a size (and 1 % more: budgets are rounded), and all the others."""
    inside = (runs.compute <= 1.01 * compute) & (runs.params <= 1.01 * params)
    return runs.where(inside), runs.where(~inside)


def beyond(runs: Runs, fitted: Runs) -> np.ndarray:
    """`[K]` h of each run, 0 for those within."""
    far = np.maximum(runs.compute / fitted.compute.max(), runs.params / fitted.params.max())
    return np.maximum(np.log2(far), 0)


def backtest(fit: Fit, folds: Sequence[Fold]) -> tuple[np.ndarray, np.ndarray]:
    """Fits the first part of each fold and predicts the second.

    Returns:
        `predicted / true - 1` and h, for the runs of all folds in a row.
    """
    errors = [fit(known).predict(later) / later.loss - 1 for known, later in folds]
    distances = [beyond(later, known) for known, later in folds]
    return np.concatenate(errors), np.concatenate(distances)


def calibrate(fit: Fit, runs: Runs, folds: Sequence[Fold], level: float = 0.9) -> Calibrated:
    """Fits all runs, and measures the width of the band by backtests on folds within them."""
    errors, distances = backtest(fit, folds)
    scaled = np.abs(np.log1p(np.maximum(errors, -0.99))) / (1 + distances)
    # The finite-sample rank of conformal prediction: one more than the share says.
    rank = min(float(np.ceil((len(scaled) + 1) * level)) / len(scaled), 1.0)
    width = float(np.quantile(scaled, rank, method="higher"))
    return Calibrated(fit(runs), runs, width, level)
