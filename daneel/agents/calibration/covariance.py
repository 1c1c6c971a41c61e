"""Covariance of a least-squares estimate whose residuals are coloured, and its degrees of freedom.

The sandwich B^-1 M B^-1 with the scores of blocks (`blocks.py`) as M: B = J'J + prior, M = sum of
g g' over blocks, g = J_b' A_b r_b. A_b undoes that a fit makes its own residuals smaller (CR2), and
the degrees of freedom of each parameter follow from how the blocks share the information:

- Bell and McCaffrey 2002, "Bias reduction in standard errors for linear regression with multi-stage
  samples": A_b and Satterthwaite's degrees of freedom, as in
- Pustejovsky and Tipton 2018, "Small-sample methods for cluster-robust variance estimation"
  (arXiv 1601.01981), equations 6 to 12, with independent residuals as the working model;
- Bester, Conley and Hansen 2011: few long blocks of one series and t-quantiles stay valid.

P parameters, R residuals, G blocks. All in scaled parameters: each divided by its `prior_scales`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from daneel.agents.calibration.problem import Floats, Integers, Problem

OPEN = 10.0
"""A parameter without a prior gets one of this many ranges: what a log says nothing about then
has a finite variance, larger than its bounds."""


@dataclass(frozen=True)
class Covariance:
    """Spread of an estimate."""

    matrix: Floats
    """Covariance in the user's units [P, P]."""
    naive: Floats
    """The same if residuals were independent and of unit size, B^-1 [P, P]."""
    dof: Floats
    """Degrees of freedom of each parameter's variance [P]."""


def prior_scales(problem: Problem) -> Floats:
    """Standard deviation of what is known before the log [P]: the prior's, else of the range."""
    spread = (problem.high - problem.low) / np.sqrt(12.0)
    return np.maximum(np.where(np.isfinite(problem.prior_std), problem.prior_std, spread), 1e-300)


def block_covariance(
    problem: Problem, jacobian: Floats, residuals: Floats, block: Integers
) -> Covariance:
    """Covariance of the estimate from the scores of independent blocks.

    Args:
        problem: For scales and priors.
        jacobian: Derivative of the residuals at the estimate [R, P], the user's units.
        residuals: Residuals there [R].
        block: Block of each residual [R].
    """
    scale = prior_scales(problem)
    scaled = jacobian * scale
    known = prior_precision(problem)
    inverse = np.asarray(np.linalg.inv(scaled.T @ scaled + np.diag(known)), np.float64)
    members = [np.flatnonzero(block == one) for one in np.unique(block)]
    adjusted = [_adjust(scaled[at], inverse, residuals[at]) for at in members]
    scores = np.array([score for score, _ in adjusted])  # [G, P]
    data = inverse @ scores.T @ scores @ inverse
    prior = inverse * known @ inverse
    freedom = _degrees(inverse, [influence for _, influence in adjusted], scaled, members)
    share = np.diag(data) / np.maximum(np.diag(data + prior), 1e-300)
    return Covariance(
        matrix=(data + prior) * np.outer(scale, scale),
        naive=inverse * np.outer(scale, scale),
        dof=freedom / np.maximum(share, 1e-6) ** 2,  # Satterthwaite: the prior's part is exact
    )


def prior_precision(problem: Problem) -> Floats:
    """Precision of the prior in scaled parameters [P]; `OPEN` ranges where there is none."""
    spread = np.sqrt(12.0) * OPEN
    return np.where(np.isfinite(problem.prior_std), 1.0, spread**-2)


def _adjust(rows: Floats, inverse: Floats, residuals: Floats) -> tuple[Floats, Floats]:
    """Score J_b' A_b r_b [P] and A_b J_b [R_b, P], A_b = (I - J_b B^-1 J_b')^(-1/2)."""
    left, values, _ = np.linalg.svd(rows @ _root(inverse), full_matrices=False)
    leverage = np.minimum(values**2, 1.0)
    # A block that alone decides a direction leaves no residual there: nothing to enlarge.
    grow = np.where(leverage < 1.0 - 1e-8, 1.0 / np.sqrt(np.maximum(1.0 - leverage, 1e-8)), 0.0)
    moved = rows + left @ ((grow - 1.0)[:, None] * (left.T @ rows))
    return moved.T @ residuals, moved


def _degrees(inverse: Floats, moved: list[Floats], rows: Floats, members: list[Integers]) -> Floats:
    """Satterthwaite's degrees of freedom of each parameter's variance [P].

    p_b = (I - H)_b' A_b J_b B^-1 c has the Gram matrix G_bd = [b = d] |a_b|^2 - u_b' B^-1 u_d, with
    a_b = A_b J_b B^-1 c and u_b = J_b' a_b; the degrees of freedom are trace(G)^2 / |G|^2.
    """
    steps = [block @ inverse for block in moved]  # a_b for every c, [R_b, P]
    size = np.array([np.sum(step**2, axis=0) for step in steps])  # [G, P]
    pulls = np.array([rows[at].T @ step for at, step in zip(members, steps, strict=True)])
    freedom = np.empty(len(inverse))
    for at in range(len(inverse)):
        pull = pulls[:, :, at]  # [G, P]
        gram = np.diag(size[:, at]) - pull @ inverse @ pull.T
        freedom[at] = np.trace(gram) ** 2 / max(float(np.sum(gram**2)), 1e-300)
    return np.maximum(freedom, 1.0)


def _root(matrix: Floats) -> Floats:
    values, vectors = np.linalg.eigh(matrix)
    return vectors * np.sqrt(np.maximum(values, 0.0))
