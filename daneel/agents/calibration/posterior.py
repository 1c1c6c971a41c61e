"""Samples of the parameters that a log allows: what domain randomisation and safety margins need.

Two ways to them, both for any `Problem`:

- `Bootstrap`: the fit again and again with the log's nearly independent blocks weighted at random
  (Chatterjee and Bose 2005, "Generalized bootstrap for estimating equations"). Cheap and exact for
  nearly linear problems; it does not move along what the log is blind to.
- `NeuralPosterior` (`neural_posterior.py`): simulation-based, follows curved and flat valleys.

P parameters, S samples, R residuals, G blocks.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from daneel.agents.calibration.blocks import blocks
from daneel.agents.calibration.covariance import block_covariance, prior_scales
from daneel.agents.calibration.problem import CalibrationError, Fit, Floats, Integers, Problem
from daneel.errors import ConfigError

FILE = "posterior.npz"
"""Name of the samples' file in a calibration folder."""


@dataclass(frozen=True)
class Posterior:
    """Samples of the parameters."""

    names: tuple[str, ...]
    """Name of each parameter."""
    samples: Floats
    """Equally likely parameters [S, P]."""
    method: str
    """What drew them."""
    evaluations: int
    """Simulations that it took."""

    def interval(self, level: float = 0.9) -> tuple[Floats, Floats]:
        """Lower and upper ends [P] between which a share `level` of the samples lies."""
        tail = 50.0 * (1.0 - level)
        low, high = np.percentile(self.samples, [tail, 100.0 - tail], axis=0)
        return low, high

    def save(self, folder: str | Path) -> Path:
        """Writes `posterior.npz` into a folder and returns its path."""
        path = Path(folder) / FILE
        np.savez_compressed(
            path, names=np.array(self.names), samples=self.samples, method=np.array(self.method),
            evaluations=np.array(self.evaluations),
        )  # fmt: skip
        return path


def load_posterior(folder: str | Path) -> Posterior:
    """Reads `posterior.npz` of a calibration folder.

    Raises:
        CalibrationError: There is none, or it is damaged.
    """
    path = Path(folder) / FILE
    try:
        with np.load(path, allow_pickle=False) as data:
            return Posterior(
                tuple(data["names"].tolist()), np.asarray(data["samples"], float),
                str(data["method"]), int(data["evaluations"]),
            )  # fmt: skip
    except (OSError, KeyError, ValueError) as error:
        raise CalibrationError(
            f"There is no posterior in {str(path)!r} that can be read ({error}). Expected the "
            "samples of a calibration. Type `daneel calibrate --help` to make one."
        ) from error


class Sampler(Protocol):
    """Draws samples of the parameters around a fit."""

    def sample(self, problem: Problem, fit: Fit, rng: np.random.Generator) -> Posterior:
        """Samples that the log allows."""
        ...


@dataclass(frozen=True)
class Bootstrap:
    """Fits with blocks of the log weighted at random."""

    samples: int = 200
    """How many fits."""
    steps: int = 4
    """Gauss-Newton steps of each, with the Jacobian of the original fit; one simulation a step."""

    def __post_init__(self) -> None:
        """Checks the numbers.

        Raises:
            ConfigError: There are no samples or no steps.
        """
        if self.samples < 2 or self.steps < 1:
            raise ConfigError(
                f"samples is {self.samples} and steps is {self.steps}. Expected at least 2 and 1."
            )

    def sample(self, problem: Problem, fit: Fit, rng: np.random.Generator) -> Posterior:
        """Refits with weights of mean one and variance one on the blocks; see `Sampler`.

        With few blocks the weights' spread is drawn too (a chi-squared with the degrees of freedom
        of the covariance), so that the samples have the tails of its t-intervals.
        """
        block = blocks(fit.residuals, problem.segments)
        spread = block_covariance(problem, fit.jacobian, fit.residuals, block)
        freedom = float(np.clip(np.min(spread.dof), 2.0, 100.0))
        widen = np.sqrt(freedom / rng.chisquare(freedom, self.samples))
        grown = fit.residuals * np.sqrt(inflation(problem, fit, spread.matrix, block))
        noise = rng.normal(size=(self.samples, int(block.max()) + 1)) * widen[:, None]
        scores = _block_scores(fit.jacobian, grown, block)  # [G, P]
        pull = noise @ scores  # J' of one redrawn log [S, P]
        theta = self._refit(problem, fit, pull, rng)
        return Posterior(problem.names, theta, "bootstrap", self.samples * self.steps)

    def _refit(self, problem: Problem, fit: Fit, pull: Floats, rng: np.random.Generator) -> Floats:
        """Candidates [S, P] whose scores J'(r - r_fit) balance the pulls [S, P]."""
        scale = prior_scales(problem)
        known = np.isfinite(problem.prior_std)
        precision = np.where(known, 1.0 / np.where(known, problem.prior_std, 1.0) ** 2, 0.0)
        centre = fit.theta + np.where(known, scale, 0.0) * rng.normal(size=pull.shape)
        curvature = (fit.jacobian.T @ fit.jacobian + np.diag(precision)) * np.outer(scale, scale)
        inverse = np.linalg.pinv(curvature, rcond=1e-12, hermitian=True) * np.outer(scale, scale)
        theta, moved = np.tile(fit.theta, (len(pull), 1)), np.zeros_like(pull)
        for _ in range(self.steps):
            gap = pull - moved - (theta - centre) * precision
            ahead = np.clip(theta + gap @ inverse, problem.low, problem.high)
            found = problem.residuals(ahead)
            stable = np.all(np.isfinite(found), axis=1, keepdims=True)
            theta = np.where(stable, ahead, theta)
            change = np.where(stable, found - fit.residuals, 0.0) @ fit.jacobian
            moved = np.where(stable, change, moved)
        return theta


def inflation(problem: Problem, fit: Fit, matrix: Floats, block: Integers) -> float:
    """How much larger the variance of new residuals is than that of the fitted ones.

    The median over parameters of the corrected variance over the plain sandwich's.
    """
    scale = prior_scales(problem)
    rows = fit.jacobian * scale
    spread = np.linalg.pinv(rows.T @ rows, rcond=1e-12, hermitian=True)
    scores = _block_scores(rows, fit.residuals, block)
    plain = np.diag(spread @ scores.T @ scores @ spread) * scale**2
    seen = plain > 1e-9 * scale**2 * float(np.max(plain / scale**2))
    unpriored = ~np.isfinite(problem.prior_std)
    ratio = (np.diag(matrix) / np.maximum(plain, 1e-300))[seen & unpriored]
    return float(np.clip(np.median(ratio), 1.0, 4.0)) if len(ratio) else 1.0


def _block_scores(jacobian: Floats, residuals: Floats, block: Integers) -> Floats:
    """J_b' r_b of every block [G, P]."""
    scores = np.zeros((int(block.max()) + 1, jacobian.shape[1]))
    np.add.at(scores, block, jacobian * residuals[:, None])
    return scores
