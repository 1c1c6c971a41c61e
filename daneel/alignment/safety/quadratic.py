"""Quadratic functions, bounded over sets of states: what barriers and Lyapunov functions are here.

Legend: N sets, S state dimensions; float64.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from daneel.alignment.safety.closed_loop import Forms
from daneel.alignment.safety.plants import ROUNDING, Array
from daneel.errors import ConfigError


@dataclass(frozen=True)
class Polynomial:
    """constant + linear z + z^T quadratic z +- error, for z in [-1, 1]^S; N of them."""

    constant: Array
    """`[N]`."""
    linear: Array
    """`[N, S]`."""
    quadratic: Array
    """`[N, S, S]`."""
    error: Array
    """`[N]`."""

    def minus(self, other: Polynomial, factor: float = 1.0) -> Polynomial:
        """This less `factor >= 0` times another one of the same z."""
        return Polynomial(
            self.constant - factor * other.constant,
            self.linear - factor * other.linear,
            self.quadratic - factor * other.quadratic,
            self.error + factor * other.error,
        )

    def upper(self) -> Array:
        """At most this, `[N]`: z_i^2 is in [0, 1], every other product in [-1, 1]."""
        diagonal = np.einsum("nii->ni", self.quadratic)
        cross = np.abs(self.quadratic).sum((1, 2)) - np.abs(diagonal).sum(1)
        # For one z_i alone: |linear| + max(0, diagonal) is reached at an end.
        top = self.constant + np.abs(self.linear).sum(1) + np.maximum(diagonal, 0).sum(1) + cross
        size = np.abs(self.constant) + np.abs(self.linear).sum(1) + np.abs(diagonal).sum(1) + cross
        return top + self.error + ROUNDING * (1 + size)

    def lower(self) -> Array:
        """At least this, `[N]`."""
        return -Polynomial(-self.constant, -self.linear, -self.quadratic, self.error).upper()


@dataclass(frozen=True)
class Quadratic:
    """q(x) = x^T matrix x + 2 linear x + constant."""

    matrix: Array
    """Symmetric, `[S, S]`."""
    linear: Array
    """`[S]`."""
    constant: float

    def __post_init__(self) -> None:
        """Refuse what is not symmetric or does not fit.

        Raises:
            ConfigError: One of them.
        """
        size = len(self.linear)
        if self.matrix.shape != (size, size) or not np.allclose(self.matrix, self.matrix.T):
            raise ConfigError(
                f"The matrix has shape {self.matrix.shape} beside {size} linear terms. Expected a "
                "symmetric matrix of that size. Pass (M + M.T) / 2."
            )

    def __call__(self, states: Array) -> Array:
        """Values at `states [N, S]`."""
        square = np.einsum("ni,ij,nj->n", states, self.matrix, states)
        return square + 2 * states @ self.linear + self.constant

    def over(self, forms: Forms) -> Polynomial:
        """As a polynomial of where each state of the sets began."""
        slope = forms.centre @ self.matrix + self.linear
        pushed = np.einsum("ij,njk->nik", self.matrix, forms.spread)
        quadratic = np.einsum("nik,nil->nkl", forms.spread, pushed)
        reach = np.abs(slope) + np.abs(pushed).sum(2)
        off = np.einsum("ni,ij,nj->n", forms.error, np.abs(self.matrix), forms.error)
        return Polynomial(
            self(forms.centre),
            2 * np.einsum("ni,nij->nj", slope, forms.spread),
            quadratic,
            2 * (reach * forms.error).sum(1) + off,
        )
