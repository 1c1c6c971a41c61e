"""What the gate judges: an actor network, the observations it is declared for, its evaluation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from daneel.errors import SpaceError

WIDENING = 1.5
"""A range seen in training is declared this many times as wide, about its centre."""

_LEAST_HALF_WIDTH = 1e-3
"""Half-width given to a dimension that never moved in training."""

_NO_BOUND = 1e18
"""A space's bound from here on (Gymnasium writes the largest float32) says nothing."""


@dataclass(frozen=True)
class Candidate:
    """A checkpoint that asks to be released. D observation dimensions, A action dimensions."""

    actor: nn.Module
    """Float32 network `[B, D] -> [B, A]`: actions in the environment's units, or logits."""
    box_low: NDArray[np.float32]
    """Lower corner `[D]` of the declared observations."""
    box_high: NDArray[np.float32]
    """Upper corner `[D]`."""
    box_source: str
    """Where the box comes from: "space", "seen, widened x1.5", or which dimensions from which."""
    action_low: NDArray[np.float32] | None
    """Lower action bounds `[A]`; None for discrete actions."""
    action_high: NDArray[np.float32] | None
    """Upper action bounds `[A]`; None for discrete actions."""
    weights: Mapping[str, Tensor]
    """The weights to be released, as `weights_hash` takes them."""
    evaluation: Mapping[str, Any] | None
    """The parsed `eval.json`, or None where there is none."""
    path: Path
    """The checkpoint folder, RUN/checkpoints/NAME."""

    @property
    def run(self) -> Path:
        """The run folder."""
        return self.path.parent.parent

    def __post_init__(self) -> None:
        """Refuse boxes whose shapes do not fit together."""
        if self.box_low.ndim != 1 or self.box_low.shape != self.box_high.shape:
            raise SpaceError(
                f"The observation box has corners of shapes {self.box_low.shape} and "
                f"{self.box_high.shape}. Expected one number per dimension in both."
            )
        if (self.action_low is None) != (self.action_high is None):
            raise SpaceError("Only one action bound is given. Expected both, or None twice.")


def declared_box(
    space_low: ArrayLike,
    space_high: ArrayLike,
    seen_low: ArrayLike | None = None,
    seen_high: ArrayLike | None = None,
) -> tuple[NDArray[np.float32], NDArray[np.float32], str]:
    """The observations that a candidate is declared for: `(low, high, source)`, `[D]` each.

    The space's own bounds count where both ends of a dimension are finite. Elsewhere it is the
    range seen in training, 1.5 times as wide about its centre, cut to a one-sided bound.

    Raises:
        SpaceError: A dimension has neither bounds nor a seen range.
    """
    low, high = (np.asarray(end, dtype=np.float64).ravel() for end in (space_low, space_high))
    bounded = (np.abs(low) < _NO_BOUND) & (np.abs(high) < _NO_BOUND)
    if bounded.all():
        return _float32(low, high, "space")
    if seen_low is None or seen_high is None:
        raise SpaceError(
            f"{int((~bounded).sum())} of {bounded.size} observation dimensions have no bounds and "
            "no range was recorded in training. Expected one or the other. "
            "Type `daneel train --help` to start a run that records it."
        )
    seen_low, seen_high = _widened(
        np.where(bounded, low, seen_low), np.where(bounded, high, seen_high)
    )
    # A one-sided bound (a distance, say) still cuts the seen range, unless all of it lies outside.
    cut_low = np.where(low < seen_high, np.maximum(low, seen_low), seen_low)
    cut_high = np.where(high > cut_low, np.minimum(high, seen_high), seen_high)
    source = f"seen, widened x{WIDENING}"
    if bounded.any():
        source = f"space for {int(bounded.sum())} of {bounded.size} dimensions, else {source}"
    return _float32(np.where(bounded, low, cut_low), np.where(bounded, high, cut_high), source)


def _widened(
    low: NDArray[np.float64], high: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    if not (np.isfinite(low).all() and np.isfinite(high).all() and (low <= high).all()):
        raise SpaceError(
            "The observation range seen in training is empty or not finite. "
            "Expected at least one finite observation. Train for some steps first."
        )
    centre, half = (low + high) / 2, (high - low) / 2
    half = np.maximum(WIDENING * half, _LEAST_HALF_WIDTH)
    return centre - half, centre + half


def _float32(
    low: NDArray[np.float64], high: NDArray[np.float64], source: str
) -> tuple[NDArray[np.float32], NDArray[np.float32], str]:
    """Corners as float32, moved outward where rounding had moved them inward."""
    low32, high32 = low.astype(np.float32), high.astype(np.float32)
    down, up = np.float32(-np.inf), np.float32(np.inf)
    low32 = np.where(low32 > low, np.nextafter(low32, down), low32)
    high32 = np.where(high32 < high, np.nextafter(high32, up), high32)
    return low32, high32, source
