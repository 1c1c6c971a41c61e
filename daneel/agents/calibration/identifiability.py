"""Which parameters a log can tell apart, and in plain words which it cannot.

Parameters are divided by what is known before the log (`covariance.prior_scales`); the singular
vectors of the scaled Jacobian with values that are zero, or under the noise, are the changes that
the log does not see. A change that raises one parameter by as many per cent as it lowers another is
a product, one that raises both is a ratio, equal amounts are a sum or a difference.

Brun, Reichert and Künsch 2001, "Practical identifiability analysis of large environmental
simulation models" (scaled sensitivities); the sparse basis of the blind directions is a reduced
row-echelon form. P parameters, K blind directions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from daneel.agents.calibration.blocks import blocks
from daneel.agents.calibration.covariance import block_covariance, prior_scales
from daneel.agents.calibration.problem import Fit, Floats, Problem
from daneel.agents.calibration.wording import describe

WEAK = 0.5
"""A direction in which the log leaves more than this share of what was known before is weak."""
STEP = 1e-3
"""Central differences step by this share of a parameter's scale, and by half of it."""
MEMBER = 0.03
"""A parameter belongs to a blind direction when its share of it is larger."""

WALK = 0.3
"""How far to go along a blind direction, as a share, to see how it bends."""

Kind = Literal["blind", "weak"]


@dataclass(frozen=True)
class Combination:
    """Parameters that the log cannot tell apart, or one that it does not see."""

    names: tuple[str, ...]
    """The parameters, as they are ordered in the problem."""
    kind: Kind
    """"blind": no log of this excitation tells them apart; "weak": this one does not, for noise."""
    directions: Floats
    """Changes that are not seen, in the user's units, one a row [K, len(names)]."""
    known: tuple[str, ...]
    """What is known of them all the same: "m * l", "gain + 2 bias"."""
    words: str
    """One or two sentences for people."""
    factors: bool
    """The blind changes are percentages (products and ratios are known), not amounts (sums)."""


@dataclass(frozen=True)
class Identifiability:
    """What a log says and does not say."""

    combinations: tuple[Combination, ...]
    """Every group that the log cannot tell apart."""
    singular_values: Floats
    """Of the scaled Jacobian, largest first [P]."""
    left: Floats
    """Share of the prior spread that the log leaves in each singular direction [P]."""

    def blind(self, name: str) -> bool:
        """Whether the parameter belongs to a group that no log of this excitation tells apart."""
        return any(name in group.names for group in self.combinations if group.kind == "blind")

    @property
    def held(self) -> tuple[str, ...]:
        """One parameter for each blind direction: with these held, the log tells the rest apart."""
        names: list[str] = []
        for group in self.combinations:
            if group.kind == "blind":
                names += [group.names[at] for at in _pivots(group.directions)]
        return tuple(names)

    @property
    def text(self) -> str:
        """One line a group, or that there is none."""
        if not self.combinations:
            return "The log tells all parameters apart."
        return "\n".join(group.words for group in self.combinations)


def identifiability(problem: Problem, fit: Fit) -> Identifiability:
    """Finds what the log cannot tell apart, at the estimate; costs 4 P simulations.

    Args:
        problem: What was fitted.
        fit: The fit.
    """
    scale = prior_scales(problem) * (problem.high > problem.low)  # a fixed one is never asked for
    rows, error = _sensitivity(problem, fit, scale)
    _, values, vectors = np.linalg.svd(rows, full_matrices=False)
    zero = max(error, 1e-9 * float(values[0]))
    asked = np.abs(vectors) @ (scale > 0.0) > 0.5
    blind = vectors[asked & (values <= zero)]
    left = _left(problem, fit, scale, vectors, values > zero)
    weak = vectors[asked & (values > zero) & (left > WEAK)]
    groups = [*_groups(problem, fit, scale, blind, "blind")]
    taken = {name for group in groups for name in group.names}
    groups += [
        group
        for group in _groups(problem, fit, scale, weak, "weak")
        if not taken.issuperset(group.names)
    ]
    return Identifiability(tuple(groups), values, left)


def _sensitivity(problem: Problem, fit: Fit, scale: Floats) -> tuple[Floats, float]:
    """Central differences [R, P] in scaled parameters, and a size that their error is well under.

    Richardson's extrapolation from two steps; what it moved is the error before it.
    """
    wide = _central(problem, fit, scale, STEP * scale)
    narrow = _central(problem, fit, scale, 0.5 * STEP * scale)
    rows = (4.0 * narrow - wide) / 3.0 * scale
    return rows, float(np.linalg.norm((narrow - wide) * scale, 2)) / 3.0


def _central(problem: Problem, fit: Fit, scale: Floats, step: Floats) -> Floats:
    """Differences over `step` to both sides [R, P], a little inside the bounds."""
    count = len(step)
    centre = np.clip(fit.theta, problem.low + STEP * scale, problem.high - STEP * scale)
    found = problem.residuals(np.concatenate([centre + np.diag(step), centre - np.diag(step)]))
    columns = (found[:count] - found[count:]) / np.where(step > 0.0, 2.0 * step, np.inf)[:, None]
    return np.where(np.isfinite(columns).all(axis=1, keepdims=True), columns, 0.0).T


def _left(problem: Problem, fit: Fit, scale: Floats, vectors: Floats, seen: np.ndarray) -> Floats:
    """Standard deviation that is left in each singular direction, in those known before [P]."""
    block = blocks(fit.residuals, problem.segments)
    spread = block_covariance(problem, fit.jacobian, fit.residuals, block).matrix
    inverse = np.where(scale > 0.0, 1.0 / np.where(scale > 0.0, scale, 1.0), 0.0)
    scaled = spread * np.outer(inverse, inverse)
    variance = np.einsum("kp,pq,kq->k", vectors, scaled, vectors)
    return np.where(seen, np.sqrt(np.maximum(variance, 0.0)), np.inf)


def _groups(
    problem: Problem, fit: Fit, scale: Floats, directions: Floats, kind: Kind
) -> list[Combination]:
    """Blind directions sorted into the smallest groups of parameters that they link."""
    if not len(directions):
        return []
    projector = directions.T @ directions
    linked = np.abs(projector) > MEMBER**2
    member = np.sqrt(np.diag(projector)) > MEMBER
    groups = []
    for members in _components(linked, member):
        block = projector[np.ix_(members, members)]
        values, vectors = np.linalg.eigh(block)
        count = max(1, round(float(np.sum(values))))
        basis = vectors[:, -count:].T * scale[members]  # the user's units
        names = tuple(problem.names[at] for at in members)
        shape = _shape(problem, fit, members, basis)
        known, words = describe(names, fit.theta[members], basis, kind, shape)
        groups.append(Combination(names, kind, basis, known, words, shape == "factors"))
    return groups


def _shape(
    problem: Problem, fit: Fit, members: list[int], directions: Floats
) -> Literal["factors", "terms"]:
    """Whether residuals stay the same along percentages (factors) or along amounts (terms)."""
    theta = fit.theta[members]
    signed = (problem.low[members] < 0.0) & (problem.high[members] > 0.0)
    if signed.any() or (theta == 0.0).any():
        return "terms"
    length = WALK / np.abs(directions / theta).max(axis=1, keepdims=True)
    walks = np.concatenate(
        [theta * np.exp(length * directions / theta), theta + length * directions]
    )
    candidates = np.tile(fit.theta, (len(walks), 1))
    candidates[:, members] = walks
    change = np.linalg.norm(problem.residuals(candidates) - fit.residuals, axis=1)
    change = np.where(np.isfinite(change), change, np.inf)
    factors, terms = change[: len(directions)].sum(), change[len(directions) :].sum()
    return "factors" if factors <= 2.0 * terms + 1e-9 else "terms"


def _pivots(directions: Floats) -> list[int]:
    """Columns that make the directions invertible, the largest first."""
    rest = directions / np.abs(directions).max(axis=0)
    found: list[int] = []
    for _ in range(len(directions)):
        column = int(np.argmax(np.linalg.norm(rest, axis=0)))
        found.append(column)
        unit = rest[:, column] / np.linalg.norm(rest[:, column])
        rest = rest - np.outer(unit, unit @ rest)
    return found


def _components(linked: np.ndarray, member: np.ndarray) -> list[list[int]]:
    """Connected groups of the members, each in ascending order."""
    left, groups = set(np.flatnonzero(member).tolist()), []
    while left:
        group, fresh = set(), {min(left)}
        while fresh:
            group |= fresh
            fresh = {other for at in fresh for other in left if linked[at, other]} - group
        left -= group
        groups.append(sorted(group))
    return groups
