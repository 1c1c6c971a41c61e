"""How a rule's correction is fitted: kernel logistic regression around the judge's own logit.

The rows of a fit are the requests to be refused and then the readings of safe requests; its basis
are the first and those of the safe ones that are nearest to them. `held_out` of a `SafeSet` fits
without some of the safe readings, which then are neither rows nor basis.

Legend: N rows, M requests of the basis, P requests to be refused, R safe readings.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import linalg, optimize

from daneel.alignment.judging.remembered import Seen
from daneel.alignment.judging.rules import kernel, likeness

JITTER = 1e-6
"""Keeps the kernel of a basis with near repetitions invertible."""


class Fit:
    """Requests to be refused beside safe readings, with their kernel.

    Args:
        asked: What a rule is to refuse, P.
        safe: Readings of the safe set, R.
        open_: Rows of `safe` that are fitted; the rest is scored only. What is refused without the
            rule stays out, for it would pull the rule away from what it can still spare.
        neighbours: Safe readings in the basis, at most.
        width: Of the kernel.
        penalty: On the squared norm of the correction.
    """

    def __init__(
        self,
        asked: Seen,
        safe: Seen,
        open_: NDArray[np.int64],
        *,
        neighbours: int,
        width: float,
        penalty: float,
    ) -> None:
        """Compute the kernel once; fits take parts of it."""
        near = likeness(safe.rows(open_), asked).max(1)
        first = open_[np.argsort(-near, kind="stable")[:neighbours]]
        rows, self._count = asked.joined(safe), len(asked.texts)
        self._logits, self._open, self._penalty = rows.logits, open_, penalty
        self._at = np.concatenate([np.arange(self._count), self._count + first])
        self.basis = rows.rows(self._at)
        self._near = kernel(rows, self.basis, width)  # [N, M]

    def weights(self, kept_safe: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Weights `[M + 1]`, 0 for the basis that is not among the safe readings `[R]` kept."""
        kept = np.arange(len(self._logits)) < self._count
        kept[self._count + self._open] = kept_safe[self._open]
        used = kept[self._at]
        found = np.zeros(len(used) + 1)
        found[np.append(used, True)] = fit(
            self._near[kept][:, used],
            self._near[self._at[used]][:, used],
            self._logits[kept],
            np.flatnonzero(kept) < self._count,
            self._penalty,
        )
        return found

    def scores(self, kept_safe: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Harm g of all safe readings, `[R]`, by a fit on those that are kept."""
        found, safe = self.weights(kept_safe), slice(self._count, None)
        return self._logits[safe] + self._near[safe] @ found[:-1] + found[-1]


def fit(
    near: NDArray[np.float64],
    among: NDArray[np.float64],
    logits: NDArray[np.float64],
    harmful: NDArray[np.bool_],
    penalty: float,
) -> NDArray[np.float64]:
    """Weights `[M + 1]` of the correction; both classes weigh the same.

    Args:
        near: Kernel of rows and basis, `[N, M]`.
        among: Kernel of the basis with itself, `[M, M]`.
        logits: The judge's own, `[N]`; they stay as they are.
        harmful: Labels, `[N]`.
        penalty: On the squared norm of the correction in the kernel's space.
    """
    lower = linalg.cholesky(among + JITTER * np.eye(len(among)), lower=True)
    rows = linalg.solve_triangular(lower, near.T, lower=True).T  # [N, M], the norm is that of theta
    rows = np.concatenate([rows, np.ones((len(rows), 1))], axis=1)
    weight = np.where(harmful, 0.5 / max(harmful.sum(), 1), 0.5 / max((~harmful).sum(), 1))

    def loss(theta: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        found = logits + rows @ theta
        slope = weight * (np.exp(-np.logaddexp(0, -found)) - harmful)
        shrunk = penalty * np.append(theta[:-1], 0.0)
        value = weight @ (np.logaddexp(0, found) - harmful * found) + shrunk @ theta
        return float(value), slope @ rows + 2 * shrunk

    start = np.zeros(rows.shape[1])
    found = optimize.minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 200}).x
    return np.append(linalg.solve_triangular(lower.T, found[:-1], lower=False), found[-1])
