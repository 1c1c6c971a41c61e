"""Signs of a faulty trajectory: what a body, its sensors or its recorder cannot have done.

Shapes: observations [T, N], actions [T, M], T at least `SHORTEST`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

SIGNS = (
    "is not finite",
    "jumps",
    "holds still while the rest moves",
    "repeats itself",
    "acts beyond the bounds",
    "does not follow its own dynamics",
    "changes how it moves",
    "trembles",
    "saturates",
)
SHORTEST = 8
"""Steps below which a trajectory says nothing."""
RIDGE = 1e-3
LEAST_SPREAD = 1e-9


def signs(observations: Array, actions: Array, bound: float = 1.0) -> dict[str, tuple[int, float]]:
    """Return (step, strength) of each sign; strength 0 is nothing, 1 is the usual noise.

    Args:
        observations: What was seen, [T, N].
        actions: What was done, [T, M].
        bound: Largest action that the body takes.

    Raises:
        ValueError: The lengths differ, or there are fewer than `SHORTEST` steps.
    """
    if len(observations) != len(actions) or len(observations) < SHORTEST:
        raise ValueError(
            f"There are {len(observations)} observations and {len(actions)} "
            f"actions. Expected equally "
            f"many, at least {SHORTEST}. Pass the arrays of one episode."
        )
    bad = ~(np.isfinite(observations).all(1) & np.isfinite(actions).all(1))
    x = np.nan_to_num(observations, nan=0.0, posinf=0.0, neginf=0.0)
    u = np.nan_to_num(actions, nan=0.0, posinf=0.0, neginf=0.0)
    scale = np.maximum(np.median(np.abs(np.diff(x, axis=0)), 0), LEAST_SPREAD)
    return {
        "is not finite": (int(bad.argmax()), float(bad.sum())),
        "jumps": _peak(
            np.abs(np.diff(x, n=2, axis=0)) / (scale + _spread(np.diff(x, n=2, axis=0)))
        ),
        "holds still while the rest moves": _frozen(x),
        "repeats itself": _repeats(x),
        "acts beyond the bounds": _peak(np.maximum(np.abs(u) - bound, 0.0) / bound * 100.0),
        "does not follow its own dynamics": _residual(x, u),
        "changes how it moves": _changed(x, u),
        "trembles": _trembles(x),
        "saturates": (0, float((np.abs(u) >= bound * 0.999).mean() * 10.0)),
    }


def _peak(values: Array) -> tuple[int, float]:
    """Return where the largest value stands, and it."""
    rows = values.max(1)
    return int(rows.argmax()), float(rows.max())


def _spread(values: Array) -> Array:
    """Return a robust spread of each column."""
    return 1.4826 * np.median(np.abs(values - np.median(values, 0)), 0) + LEAST_SPREAD


def _frozen(x: Array) -> tuple[int, float]:
    """Return the longest run in which one channel stays exactly equal, unless all others do."""
    still = np.diff(x, axis=0) == 0
    still &= ~still.all(1, keepdims=True)
    best, at = 0, 0
    for column in still.T:
        run = 0
        for step, same in enumerate(column):
            run = run + 1 if same else 0
            if run > best and not column.all():
                best, at = run, step - run + 1
    return at, float(best)


def _repeats(x: Array) -> tuple[int, float]:
    """Return how many steps are exactly a step seen before."""
    seen: dict[bytes, int] = {}
    repeats = [step for step, row in enumerate(x) if seen.setdefault(row.tobytes(), step) != step]
    return (repeats[0] if repeats else 0), float(len(repeats))


def _fit(x: Array, u: Array) -> tuple[Array, Array]:
    """Return inputs and errors of x' = A x + B u + c, fitted by least squares without outliers."""
    inputs = np.hstack([x[:-1], u[:-1], np.ones((len(x) - 1, 1))])
    target = x[1:] - x[:-1]
    keep = np.ones(len(target), bool)
    errors = target
    for _ in range(3):
        a, b = inputs[keep], target[keep]
        weights = np.linalg.solve(a.T @ a + RIDGE * np.eye(a.shape[1]), a.T @ b)
        errors = target - inputs @ weights
        size = np.abs(errors / _spread(errors)).max(1)
        keep = size <= np.quantile(size, 0.9)
    return inputs, errors


def _residual(x: Array, u: Array) -> tuple[int, float]:
    _, errors = _fit(x, u)
    return _peak(np.abs(errors) / _spread(errors))


def _changed(x: Array, u: Array) -> tuple[int, float]:
    """Return how much worse the worse half of the episode follows the common dynamics."""
    _, errors = _fit(x, u)
    half = len(errors) // 2
    first, second = (
        np.median(np.abs(part), 0) + LEAST_SPREAD for part in (errors[:half], errors[half:])
    )
    ratio = np.maximum(first / second, second / first)
    return half, float(ratio.max())


def _trembles(x: Array) -> tuple[int, float]:
    """Return the largest ratio of a window's roughness to that of the episode."""
    rough = np.abs(np.diff(x, n=2, axis=0))
    width = max(4, len(rough) // 10)
    windows = np.lib.stride_tricks.sliding_window_view(rough, width, axis=0).mean(-1)
    return _peak(windows / (np.median(windows, 0) + LEAST_SPREAD))
