"""A power law whose exponent changes once: two straight lines in log-log that meet at the break.

    log y = c + s1 log x                    for x <= b
    log y = c + s1 log b + s2 log(x / b)    beyond

For a given break this is linear least squares, so the best break is found by trying all of a grid,
and a bootstrap of hundreds of refits is a few matrix products. Compare the smooth form in
`smooth.py`. Broken straight lines are Hinkley's (1969, Biometrika 56) two-phase regression.

Legend: K points, G breaks on the grid, R bootstrap replicas.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from daneel.backbones.scaling.runs import check_positive

SIDE = 3
"""Least points on either side of the break: a slope through two points is their noise."""
GRID = 64


@dataclass(frozen=True)
class BreakpointScalingLaw:
    """A continuous piecewise power law with one break."""

    slopes: tuple[float, float]
    """d log y / d log x before and after the break; negative when more x lowers y."""
    break_at: float
    """The break, in units of x."""
    level: float
    """y at the break."""

    def predict(self, x: np.ndarray) -> np.ndarray:
        """The law at each of `x`, as y."""
        u = np.log(np.asarray(x, float) / self.break_at)
        slope = np.where(u < 0, *self.slopes)
        return self.level * np.exp(slope * u)


@dataclass(frozen=True)
class BreakpointModel:
    """A fitted law together with its bootstrap replicas."""

    law: BreakpointScalingLaw
    """The fit to all points."""
    replicas: tuple[BreakpointScalingLaw, ...]
    """R fits to resampled points."""
    noise: np.ndarray
    """`[R]` one resampled residual of log y for each replica."""
    drift: np.ndarray
    """`[R]` how much each replica's exponent goes on changing beyond the data, a unit of log x."""
    edge: float
    """Largest x that was fitted."""

    def predict(self, x: np.ndarray) -> np.ndarray:
        """The fit at each of `x`, as y."""
        return self.law.predict(x)

    def interval(self, x: np.ndarray, level: float = 0.9) -> tuple[np.ndarray, np.ndarray]:
        """Ends between which a new point at each of `x` lies with chance `level`.

        It holds the spread of the refits, the noise of one point, and beyond the data a drift of
        the exponent: it may go on changing at the rate at which it changed within them, in either
        direction. Without it, the refits of clean points would agree on any extrapolation.
        """
        x = np.asarray(x, float)
        drawn = np.stack([law.predict(x) for law in self.replicas])
        beyond = np.maximum(np.log(x / self.edge), 0)
        drawn = drawn * np.exp(self.noise[:, None] + self.drift[:, None] * beyond**2 / 2)
        return _ends(drawn, level)

    def slope_intervals(self, level: float = 0.9) -> tuple[tuple[float, float], ...]:
        """An interval for each of the two slopes."""
        low, high = _ends(np.array([law.slopes for law in self.replicas]), level)
        return tuple(zip(low.tolist(), high.tolist(), strict=True))

    def break_interval(self, level: float = 0.9) -> tuple[float, float]:
        """An interval for the break; as wide as the data when no break is needed."""
        low, high = _ends(np.array([law.break_at for law in self.replicas]), level)
        return float(low), float(high)


def fit_breakpoint(
    x: np.ndarray, y: np.ndarray, rng: np.random.Generator, *, replicas: int = 400
) -> BreakpointModel:
    """Fits the law by least squares in log-log, and to `replicas` bootstraps of its residuals.

    Args:
        x: `[K]` compute, tokens or parameters, in any order.
        y: `[K]` losses.
        rng: Draws the residuals and the drift.
        replicas: R.

    Raises:
        ValueError: Fewer than six different x, or values that are not positive and finite.
    """
    lx, ly = _logs(x, y)
    grid = _grid(lx)
    designs = np.stack([_design(lx, at) for at in grid])  # [G, K, 3]
    solvers = np.linalg.pinv(designs)  # [G, 3, K]
    coefficients, at = _best(designs, solvers, ly[:, None])
    fitted = designs[at[0]] @ coefficients[:, 0]
    # Four numbers were fitted: residuals are smaller than the noise by this factor.
    residuals = (ly - fitted) * np.sqrt(len(lx) / max(len(lx) - 4, 1))
    drawn = rng.choice(residuals, size=(len(lx), replicas))
    again, where = _best(designs, solvers, fitted[:, None] + drawn)
    laws = tuple(_law(row, float(grid[index])) for row, index in zip(again.T, where, strict=True))
    change = np.abs(again[2] - again[1]) / (lx.max() - lx.min())
    return BreakpointModel(
        _law(coefficients[:, 0], float(grid[at[0]])),
        laws,
        noise=rng.choice(residuals, size=replicas),
        drift=change * rng.standard_normal(replicas),
        edge=float(np.exp(lx.max())),
    )


def _best(
    designs: np.ndarray, solvers: np.ndarray, ly: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """For each column of `ly [K, R]` the coefficients `[3, R]` at its best break, and which."""
    every = solvers @ ly  # [G, 3, R]
    errors = ((designs @ every - ly) ** 2).sum(axis=1)  # [G, R]
    at = errors.argmin(axis=0)
    return every[at, :, np.arange(len(at))].T, at


def _design(lx: np.ndarray, at: float) -> np.ndarray:
    """`[K, 3]`: the level at the break, the slope before it, the slope after it."""
    u = lx - at
    return np.stack([np.ones_like(u), np.minimum(u, 0), np.maximum(u, 0)], axis=1)


def _law(coefficients: np.ndarray, at: float) -> BreakpointScalingLaw:
    level, before, after = coefficients.tolist()
    return BreakpointScalingLaw((before, after), float(np.exp(at)), float(np.exp(level)))


def _grid(lx: np.ndarray) -> np.ndarray:
    """Places that leave `SIDE` different x on either side, the break's own point on both."""
    inner = np.unique(lx)
    return np.linspace(inner[SIDE - 1], inner[-SIDE], GRID)


def _logs(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    x, y = np.asarray(x, float), np.asarray(y, float)
    if x.ndim != 1 or x.shape != y.shape:
        raise ValueError(
            f"x has the shape {x.shape}, y {y.shape}. Expected two vectors of one length."
        )
    check_positive("x", x)
    check_positive("y", y)
    different = len(np.unique(x))
    if different < 2 * SIDE:
        raise ValueError(
            f"x has {different} different values. Expected at least {2 * SIDE}, {SIDE} on either "
            "side of the break. Add runs, or fit a plain power law."
        )
    return np.log(x), np.log(y)


def _ends(drawn: np.ndarray, level: float) -> tuple[np.ndarray, np.ndarray]:
    """The middle `level` of the first axis."""
    tail = (1 - level) / 2
    low, high = np.quantile(drawn, [tail, 1 - tail], axis=0)
    return low, high
