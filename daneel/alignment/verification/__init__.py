"""Formal verification: bounds of networks, and proofs of properties of them."""

from daneel.alignment.verification.bounds import (
    LinearBounds,
    linear_bounds,
    output_bounds,
)

__all__ = ["LinearBounds", "linear_bounds", "output_bounds"]
