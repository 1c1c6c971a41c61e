"""The broken power law: recovered, against a naive search, intervals, refusals."""

import numpy as np
import pytest

from daneel.backbones.scaling import BreakpointScalingLaw, fit_breakpoint

LAW = BreakpointScalingLaw((-0.12, -0.05), break_at=1e18, level=3.0)
X = np.geomspace(1e16, 1e20, 24)


def rng(seed: int = 0) -> np.random.Generator:
    """Reproducible chances."""
    return np.random.default_rng(seed)


def noisy(seed: int, scale: float = 0.01) -> np.ndarray:
    """Points of the law with noise of one per cent."""
    return LAW.predict(X) * np.exp(scale * rng(seed).standard_normal(len(X)))


def test_the_law_by_hand() -> None:
    """Continuous, with its two slopes."""
    y = LAW.predict(np.array([1e17, 1e18, 1e19]))
    assert y == pytest.approx([3 * 10**0.12, 3, 3 * 10**-0.05])


def test_clean_points_give_the_law_back() -> None:
    """Up to the grid of breaks."""
    law = fit_breakpoint(X, LAW.predict(X), rng()).law
    assert law.slopes == pytest.approx(LAW.slopes, abs=2e-3)
    assert np.log(law.break_at / LAW.break_at) == pytest.approx(0, abs=0.15)


def test_the_batched_search_is_the_loop() -> None:
    """Least squares at every break of a grid, one after the other."""
    y = noisy(1)
    found = fit_breakpoint(X, y, rng()).law
    best = None
    for at in np.linspace(np.log(X[2]), np.log(X[-3]), 64):
        u = np.log(X) - at
        design = np.stack([np.ones_like(u), np.minimum(u, 0), np.maximum(u, 0)], 1)
        weights, *_ = np.linalg.lstsq(design, np.log(y), rcond=None)
        error = float(((design @ weights - np.log(y)) ** 2).sum())
        if best is None or error < best[0]:
            best = (error, np.exp(at), weights)
    assert best is not None
    assert found.break_at == pytest.approx(best[1])
    assert (np.log(found.level), *found.slopes) == pytest.approx(tuple(best[2]), abs=1e-9)


def test_intervals_cover_as_often_as_they_say() -> None:
    """New points within the data, and slopes, over forty data sets."""
    points, slopes = [], []
    for seed in range(40):
        model = fit_breakpoint(X, noisy(seed), rng(seed), replicas=200)
        fresh = noisy(1000 + seed)
        low, high = model.interval(X)
        points.append(np.mean((low <= fresh) & (fresh <= high)))
        low, high = model.slope_intervals()[1]
        slopes.append(low <= LAW.slopes[1] <= high)
    assert 0.84 < np.mean(points) < 0.96
    assert np.mean(slopes) > 0.75


def test_intervals_widen_beyond_the_data() -> None:
    """Faster than the refits alone do."""
    model = fit_breakpoint(X, noisy(2), rng())
    low, high = model.interval(np.array([1e20, 1e21, 1e22]))
    widths = np.log(high / low)
    assert widths[0] < widths[1] < widths[2]
    low, high = model.break_interval()
    assert low <= model.law.break_at <= high


@pytest.mark.parametrize(
    ("x", "y", "said"),
    [
        (X, X[:3], r"x has the shape \(24,\), y \(3,\)"),
        (X[:5], X[:5], "x has 5 different values. Expected at least 6"),
        (X, np.where(X > 1e19, 0, X), r"y\[\d+\] is 0.0. Expected finite positive"),
        (np.where(X > 1e19, np.nan, X), X, r"x\[\d+\] is nan"),
    ],
)
def test_bad_points_are_refused(x: np.ndarray, y: np.ndarray, said: str) -> None:
    """What was wrong, where."""
    with pytest.raises(ValueError, match=said):
        fit_breakpoint(x, y, rng())
