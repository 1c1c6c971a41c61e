"""Finished training runs as scaling laws see them.

Legend: K runs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Runs:
    """What was spent on each run and how well it predicts.

    Raises:
        ValueError: The three have different lengths, are empty, or are not positive and finite.
    """

    params: np.ndarray
    """`[K]` parameters of the model."""
    tokens: np.ndarray
    """`[K]` tokens that it was trained on."""
    loss: np.ndarray
    """`[K]` loss in nats a token."""

    def __post_init__(self) -> None:
        """Refuses what no law could be fitted to."""
        for name in ("params", "tokens", "loss"):
            values = np.asarray(getattr(self, name), float)
            object.__setattr__(self, name, values)
            if values.shape != (len(self),) or not len(self):
                raise ValueError(
                    f"{name} has the shape {values.shape}, params {np.shape(self.params)}. "
                    "Expected three vectors of one length. Pass one number a run."
                )
            check_positive(name, values)

    def __len__(self) -> int:
        """K."""
        return int(np.size(self.params))

    @property
    def compute(self) -> np.ndarray:
        """`[K]` FLOPs by the usual count 6 N D (Kaplan et al. 2020, arXiv 2001.08361)."""
        return 6 * self.params * self.tokens

    def where(self, chosen: np.ndarray) -> Runs:
        """Some of the runs: a mask or indices `[K]`."""
        return Runs(self.params[chosen], self.tokens[chosen], self.loss[chosen])

    def frontier(self, tolerance: float = 0.02) -> Runs:
        """The best run of each budget; budgets within the relative `tolerance` are one."""
        order = np.argsort(self.compute)
        starts = np.flatnonzero(np.diff(np.log(self.compute[order])) > tolerance) + 1
        groups = np.split(order, starts)
        return self.where(np.array([group[np.argmin(self.loss[group])] for group in groups]))


def check_positive(name: str, values: np.ndarray) -> None:
    """Refuses values whose logarithm does not exist.

    Raises:
        ValueError: Some value is not finite and positive.
    """
    bad = ~(np.isfinite(values) & (values > 0))
    if bad.any():
        at = int(np.flatnonzero(bad)[0])
        raise ValueError(
            f"{name}[{at}] is {values[at]}. Expected finite positive numbers. "
            "Leave out runs that diverged."
        )
