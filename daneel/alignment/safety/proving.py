"""Proving that a function stays below zero over a box, by splitting the box."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from daneel.alignment.finding import Verdict
from daneel.alignment.safety.plants import Array

Bound = Callable[[Array, Array], Array]
"""Upper bounds `[N]` of the function over boxes with corners `[N, S]`; -inf where it is moot."""

Value = Callable[[Array], Array]
"""The function at points `[N, S]`; -inf where it is moot."""

_BATCH = 2048


@dataclass(frozen=True)
class Proof:
    """How it ended."""

    verdict: Verdict
    """holds: proved for every state; violated: the witness really does it; unknown: neither."""
    boxes: int
    """Boxes that were looked at."""
    bound: float
    """Largest upper bound that is left: at most 0 if it holds."""
    witness: Array | None = None
    """A state `[S]` where the function is above zero; it replays."""


def prove_nonpositive(
    bound: Bound, value: Value, low: Array, high: Array, budget: int = 200_000
) -> Proof:
    """Split the box `[S]` at its widest side until every part is proved or one point refutes it.

    Args:
        bound: Sound upper bounds over boxes.
        value: The function itself.
        low: Lower corner.
        high: Upper corner.
        budget: Boxes after which the answer is unknown.
    """
    lows, highs, seen, worst = low[None], high[None], 0, -np.inf
    while len(lows):
        batch_low, batch_high = lows[-_BATCH:], highs[-_BATCH:]
        lows, highs = lows[:-_BATCH], highs[:-_BATCH]
        seen += len(batch_low)
        above = bound(batch_low, batch_high)
        proved = above <= 0  # NaN is not
        worst = max(worst, float(above[proved].max(initial=-np.inf)))
        if proved.all():
            continue
        batch_low, batch_high = batch_low[~proved], batch_high[~proved]
        witness = _violation(value, batch_low, batch_high)
        if witness is not None:
            return Proof("violated", seen, float(value(witness[None])[0]), witness)
        if seen + len(lows) + 2 * len(batch_low) > budget:
            return Proof("unknown", seen, float(np.nan_to_num(above, nan=np.inf).max()))
        batch_low, batch_high = _halves(batch_low, batch_high, high - low)
        lows, highs = np.concatenate([lows, batch_low]), np.concatenate([highs, batch_high])
    return Proof("holds", seen, worst)


def _violation(value: Value, low: Array, high: Array) -> Array | None:
    """A corner or a middle where the function is above zero."""
    points = np.concatenate([(low + high) / 2, low, high])
    found = value(points)
    worst = int(np.argmax(np.nan_to_num(found, nan=np.inf)))
    return points[worst] if not found[worst] <= 0 else None


def _halves(low: Array, high: Array, size: Array) -> tuple[Array, Array]:
    """Both halves of each box, cut where it is widest against the whole box."""
    widest = ((high - low) / np.maximum(size, 1e-300)).argmax(1)
    rows = np.arange(len(low))
    middle = (low + high)[rows, widest] / 2
    upper_low, lower_high = low.copy(), high.copy()
    upper_low[rows, widest], lower_high[rows, widest] = middle, middle
    return np.concatenate([low, upper_low]), np.concatenate([lower_high, high])
