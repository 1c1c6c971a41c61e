"""A broken power law of size and compute at once: the break is the compute-optimal size.

At a fixed budget C the loss falls as a power of the model size N up to the best size N*(C), and
rises as another power beyond it, where too few tokens are left. In log-log that is two slopes that
meet at a smooth break, and runs of many settings show the same shape at every budget, moved along
two power laws:

    log L(N, C) = log L*(C) + k log((q e^{p u} + p e^{-q u}) / (p + q)),   u = log(N / N*(C))
    L*(C) = E + A (C / C0)^-alpha,   N*(C) = N0 (C / C0)^m

The second term is 0 at u = 0 and nowhere less. Without E it contains the form of Kaplan et al.
2020 (arXiv 2001.08361, equation 1.5); what Chinchilla's sum (`parametric.py`) cannot do is have
slopes far from the best size that do not follow from those along the frontier. This law is the
project's own; `daneel bench scaling` holds it against the published ones.

Legend: K runs, N parameters of a model, C compute.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from daneel.backbones.scaling.robust import Bounds, fit_robust
from daneel.backbones.scaling.runs import Runs


@dataclass(frozen=True)
class IsoFlopLaw:
    """See the top of the file."""

    floor: float
    """E, nats a token."""
    scale: float
    """A, what the frontier lies above E at C0."""
    alpha: float
    """How the frontier falls with compute."""
    size: float
    """N0, the best size at C0."""
    growth: float
    """m, how the best size grows with compute."""
    small: float
    """k q, slope of log loss far below the best size (taken positive)."""
    large: float
    """k p, slope far above it."""
    sharpness: float
    """1 / k: how quickly one slope turns into the other."""
    compute: float
    """C0, FLOPs."""

    def predict(self, runs: Runs) -> np.ndarray:
        """`[K]` losses."""
        c = np.log(runs.compute / self.compute)
        u = np.log(runs.params / self.best_size(runs.compute))
        frontier = np.log(self.floor + self.scale * np.exp(-self.alpha * c))
        return np.exp(frontier + self.excess(u))

    def best_size(self, compute: np.ndarray) -> np.ndarray:
        """N*(C)."""
        return self.size * (np.asarray(compute) / self.compute) ** self.growth

    def excess(self, u: np.ndarray) -> np.ndarray:
        """Log loss above the frontier at `u = log(N / N*)`."""
        p, q = self.large * self.sharpness, self.small * self.sharpness
        return _turn(u, np.log(p), np.log(q)) / self.sharpness


# Logarithms of E and A, log N* at C0 from the middle size, m, logs of p, q, alpha, k.
STARTS: Bounds = (
    (-4.0, 1.0), (0.0, 1.3), (-1.0, 1.0), (0.4, 0.6), (-1.0, 0.5), (-1.0, 0.5), (-3.0, -1.5),
    (-3.0, -1.0),
)  # fmt: skip
REACH = 0.1
"""A run whose log loss is this far above the frontier counts 1/e of one on it."""
LEAN = 1.0
"""Weights grow as this power of compute: what is predicted lies beyond the largest budget."""
DELTA = 1e-2


def fit_isoflop(
    runs: Runs,
    rng: np.random.Generator,
    *,
    starts: int = 12,
    reach: float = REACH,
    lean: float = LEAN,
) -> IsoFlopLaw:
    """Fits the law in two rounds: all runs alike, then those near the frontier with more weight.

    Args:
        runs: At least nine.
        rng: Draws the starts.
        starts: How many a round.
        reach: See `REACH`.
        lean: See `LEAN`.

    Raises:
        ValueError: There are too few runs.
    """
    if len(runs) < 9:
        raise ValueError(
            f"There are {len(runs)} runs for 8 parameters. Expected at least 9. "
            "Add runs of other sizes and budgets."
        )
    leaning = (runs.compute / runs.compute.max()) ** lean
    first = _fit(runs, leaning, rng, starts)
    u = np.log(runs.params / first.best_size(runs.compute))
    return _fit(runs, leaning * np.exp(-first.excess(u) / reach), rng, starts)


def _fit(runs: Runs, weights: np.ndarray, rng: np.random.Generator, starts: int) -> IsoFlopLaw:
    c, n, y = np.log(runs.compute), np.log(runs.params), np.log(runs.loss)
    c0, n0 = c.mean(), n.mean()
    root = np.sqrt(weights)

    def residuals(v: np.ndarray) -> np.ndarray:
        frontier = np.logaddexp(v[0], v[1] - np.exp(v[6]) * (c - c0))
        u = n - n0 - v[2] - v[3] * (c - c0)
        return root * (frontier + np.exp(v[7]) * _turn(u, v[4], v[5]) - y)

    v = fit_robust(residuals, STARTS, rng, starts=starts, delta=DELTA)
    p, q, alpha, k = np.exp(v[4:])
    frontier = (np.exp(v[0]), np.exp(v[1]), alpha)
    values = (*frontier, np.exp(n0 + v[2]), v[3], k * q, k * p, 1 / k, np.exp(c0))
    return IsoFlopLaw(*map(float, values))


def _turn(u: np.ndarray, log_p: float, log_q: float) -> np.ndarray:
    """`log((q e^{p u} + p e^{-q u}) / (p + q))`."""
    p, q = np.exp(log_p), np.exp(log_q)
    return np.logaddexp(log_q + p * u, log_p - q * u) - np.logaddexp(log_p, log_q)
