"""Blind directions in words: products, ratios and sums that a log knows though not their parts.

A group of n parameters with K blind directions leaves n - K combinations that are known. In
logarithms they are the rows orthogonal to the directions' relative changes: whole exponents are
products and ratios. In plain values they are sums. The first of the two whose numbers are simple is
how people would say it.
"""

from __future__ import annotations

import numpy as np

from daneel.agents.calibration.problem import Floats

SIMPLE = (0.5, 1.0, 1.5, 2.0, 3.0, 4.0)
"""Exponents that occur in mechanics."""
NEAR = 0.04
"""How near to a simple number is taken for it."""


def describe(
    names: tuple[str, ...], theta: Floats, directions: Floats, kind: str, shape: str
) -> tuple[tuple[str, ...], str]:
    """What is known of a group all the same, and the sentence about it.

    Args:
        names: Parameters of the group [n].
        theta: Their values [n].
        directions: Changes that the log does not see, in the user's units [K, n].
        kind: "blind" or "weak".
        shape: "factors" where the blind directions are percentages, "terms" where amounts.
    """
    if len(directions) >= len(names):
        return (), _unseen(names, kind)
    known = _known(names, theta, directions, shape)
    lead = "cannot tell" if kind == "blind" else "hardly tells, for noise,"
    only = "only " + _list(known) + (" is known" if len(known) == 1 else " are known")
    fixing = "one of them" if len(directions) == 1 else f"{len(directions)} of them"
    return known, f"The log {lead} {_list(names)} apart: {only}. Fix {fixing}, or give it a prior."


def _known(
    names: tuple[str, ...], theta: Floats, directions: Floats, shape: str
) -> tuple[str, ...]:
    """Products and ratios, or sums with the factors that they have."""
    if shape == "factors":
        exponents = _rounded(_echelon(_orthogonal(directions / theta)))
        return tuple(_product(names, row) for row in exponents)
    return tuple(_sum(names, row) for row in _echelon(_orthogonal(directions)))


def _orthogonal(rows: Floats) -> Floats:
    """A basis of what is orthogonal to the rows [n - K, n]."""
    scaled = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-300)
    return np.linalg.svd(scaled, full_matrices=True)[2][len(rows) :]


def _echelon(rows: Floats) -> Floats:
    """Reduced row-echelon form: as many zeros and ones as a basis can have."""
    reduced, at = rows.copy(), 0
    for column in range(rows.shape[1]):
        if at == len(reduced):
            break
        pivot = at + int(np.argmax(np.abs(reduced[at:, column])))
        if abs(reduced[pivot, column]) < 1e-3:
            continue
        reduced[[at, pivot]] = reduced[[pivot, at]]
        reduced[at] /= reduced[at, column]
        for other in range(len(reduced)):
            if other != at:
                reduced[other] -= reduced[other, column] * reduced[at]
        at += 1
    return reduced


def _rounded(exponents: Floats) -> Floats:
    """Whole or half exponents where all of a row are near to such, as they are elsewhere."""
    choices = np.array([0.0, *SIMPLE, *(-one for one in SIMPLE)])
    nearest = choices[np.argmin(np.abs(exponents[..., None] - choices), axis=-1)]
    far = np.abs(exponents - nearest) > NEAR * np.maximum(np.abs(nearest), 1.0)
    halves = (nearest != np.round(nearest)).any(axis=1, keepdims=True)
    return np.where(far.any(axis=1, keepdims=True), exponents, np.where(halves, 2.0, 1.0) * nearest)


def _product(names: tuple[str, ...], exponents: Floats) -> str:
    above = [_power(name, power) for name, power in zip(names, exponents, strict=True) if power > 0]
    below = [
        _power(name, -power) for name, power in zip(names, exponents, strict=True) if power < 0
    ]
    top = " * ".join(above) or "1"
    if not below:
        return top
    return f"{top} / {below[0]}" if len(below) == 1 else f"{top} / ({' * '.join(below)})"


def _power(name: str, power: float) -> str:
    return name if power == 1.0 else f"{name}^{power:.3g}"


def _sum(names: tuple[str, ...], factors: Floats) -> str:
    text = ""
    for name, factor in zip(names, factors, strict=True):
        if abs(factor) < 1e-3 * np.abs(factors).max():
            continue
        sign = " - " if factor < 0 else " + "
        size = "" if abs(abs(factor) - 1.0) < 0.005 else f"{abs(factor):.3g} "
        text += (sign if text else "-" if factor < 0 else "") + size + name
    return text


def _unseen(names: tuple[str, ...], kind: str) -> str:
    what = "has" if len(names) == 1 else "have"
    if kind == "blind":
        return f"The log says nothing of {_list(names)}: {_it(names)} {what} no effect on it."
    return f"The log says little of {_list(names)}: {_its(names)} effect is lost in the noise."


def _list(words: tuple[str, ...]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def _it(names: tuple[str, ...]) -> str:
    return "it" if len(names) == 1 else "they"


def _its(names: tuple[str, ...]) -> str:
    return "its" if len(names) == 1 else "their"
