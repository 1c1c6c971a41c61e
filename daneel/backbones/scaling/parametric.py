"""Two published laws: Chinchilla's sum of powers, and the smoothly broken power law.

Sources: Hoffmann et al. 2022, "Training Compute-Optimal Large Language Models" (arXiv 2203.15556),
approach 3: `L = E + A / N^alpha + B / D^beta`, Huber's loss on log L, many starts. Gadre et al.
2024, "Language models scale reliably with over-training" (arXiv 2403.08540): the same with one
exponent for both, so that over-trained models fall as fast as others. Caballero, Gupta, Rish and
Krueger 2023, "Broken Neural Scaling Laws" (arXiv 2210.14891), equation 1 with one break:
`y = a + b x^-c0 (1 + (x / d)^(1 / f))^(-c1 f)`, here of the compute 6 N D along the frontier.

Legend: K runs, N parameters of a model, D tokens.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from daneel.backbones.scaling.robust import Bounds, fit_robust
from daneel.backbones.scaling.runs import Runs


@dataclass(frozen=True)
class ChinchillaLaw:
    """`L = E + A / N^alpha + B / D^beta`, in nats a token."""

    floor: float
    """E, the loss of an endless model on endless data."""
    a: float
    """A."""
    alpha: float
    """Exponent of the parameters."""
    b: float
    """B."""
    beta: float
    """Exponent of the tokens."""

    def predict(self, runs: Runs) -> np.ndarray:
        """`[K]` losses."""
        sizes, tokens = runs.params**-self.alpha, runs.tokens**-self.beta
        return self.floor + self.a * sizes + self.b * tokens


@dataclass(frozen=True)
class SmoothlyBrokenLaw:
    """`y = a + b x^-c0 (1 + (x / d)^(1 / f))^(-c1 f)` of the compute x."""

    floor: float
    """a."""
    scale: float
    """b."""
    before: float
    """c0, exponent before the break."""
    change: float
    """c1, what the break adds to it."""
    break_at: float
    """d, FLOPs."""
    width: float
    """f, how many powers of e the break takes."""

    def predict(self, runs: Runs) -> np.ndarray:
        """`[K]` losses; sizes and tokens count through their product only."""
        x = runs.compute
        bend = np.logaddexp(0, np.log(x / self.break_at) / self.width)
        return self.floor + self.scale * x**-self.before * np.exp(-self.change * self.width * bend)


# Logarithms of E, of A and B (as shares of the loss at the middle of the data), of the exponents.
CHINCHILLA_STARTS: Bounds = ((-1.0, 1.0), (-1.0, 3.0), (-2.0, -0.7), (-1.0, 3.0), (-2.0, -0.7))
# Logarithms of a and of b (at the middle), c0, c1, log(d / middle), log f.
SMOOTH_STARTS: Bounds = (
    (-3.0, 1.0), (-0.5, 2.0), (0.02, 0.4), (-0.2, 0.3), (-2.0, 2.0), (-2.0, 0.5),
)  # fmt: skip


def fit_chinchilla(
    runs: Runs, rng: np.random.Generator, *, tied: bool = False, starts: int = 24
) -> ChinchillaLaw:
    """Fits the law to log losses, each run with the same weight.

    Args:
        runs: At least five.
        rng: Draws the starts.
        tied: Both exponents are one, as in Gadre et al.: fewer numbers, steadier far away.
        starts: How many.

    Raises:
        ValueError: There are fewer runs than parameters.
    """
    _enough(runs, 5)
    n, n0 = _centred(runs.params)
    d, d0 = _centred(runs.tokens)

    of_tokens = 2 if tied else 4

    def residuals(p: np.ndarray) -> np.ndarray:
        powers = np.logaddexp(p[1] - np.exp(p[2]) * n, p[3] - np.exp(p[of_tokens]) * d)
        return np.logaddexp(p[0], powers) - np.log(runs.loss)

    p = fit_robust(residuals, CHINCHILLA_STARTS[: 4 if tied else 5], rng, starts=starts)
    alpha, beta = np.exp(p[2]), np.exp(p[of_tokens])
    a, b = np.exp(p[1] + alpha * n0), np.exp(p[3] + beta * d0)
    return ChinchillaLaw(*map(float, (np.exp(p[0]), a, alpha, b, beta)))


def fit_smooth(runs: Runs, rng: np.random.Generator, *, starts: int = 24) -> SmoothlyBrokenLaw:
    """Fits the law to the best run of each budget.

    Args:
        runs: With at least six budgets; runs off the frontier are left out.
        rng: Draws the starts.
        starts: How many.

    Raises:
        ValueError: There are fewer budgets than parameters.
    """
    best = runs.frontier()
    _enough(best, 6)
    x, x0 = _centred(best.compute)

    def residuals(p: np.ndarray) -> np.ndarray:
        width = np.exp(p[5])
        bend = np.logaddexp(0, (x - p[4]) / width)
        power = p[1] - p[2] * x - p[3] * width * bend
        return np.logaddexp(p[0], power) - np.log(best.loss)

    p = fit_robust(residuals, SMOOTH_STARTS, rng, starts=starts)
    scale, width = np.exp(p[1] + p[2] * x0), np.exp(p[5])
    values = (np.exp(p[0]), scale, p[2], p[3], np.exp(p[4] + x0), width)
    return SmoothlyBrokenLaw(*map(float, values))


def _centred(values: np.ndarray) -> tuple[np.ndarray, float]:
    """Logarithms around their mean, and the mean: else scale and exponent move as one."""
    logs = np.log(values)
    return logs - logs.mean(), float(logs.mean())


def _enough(runs: Runs, least: int) -> None:
    if len(runs) < least:
        raise ValueError(
            f"There are {len(runs)} runs for {least} parameters. Expected at least {least}. "
            "Add runs of other sizes."
        )
