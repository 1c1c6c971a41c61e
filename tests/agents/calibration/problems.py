"""Small problems with known answers, for the tests of the methods."""

from collections.abc import Sequence

import numpy as np
from scipy.signal import lfilter

from daneel.agents.calibration.least_squares import LeastSquares
from daneel.agents.calibration.problem import Fit, Floats, FunctionProblem


def problem(function, names, low, high, initial, segments, prior_std=None) -> FunctionProblem:
    """A problem from a function of candidates [N, P] to residuals [N, R]."""
    count = len(names)
    return FunctionProblem(
        names=tuple(names),
        low=np.broadcast_to(np.asarray(low, float), count).copy(),
        high=np.broadcast_to(np.asarray(high, float), count).copy(),
        initial=np.asarray(initial, float),
        function=function,
        segments=np.asarray(segments),
        prior_std=np.full(count, np.inf) if prior_std is None else np.asarray(prior_std, float),
    )


def fitted(found: FunctionProblem) -> Fit:
    """Its least-squares fit."""
    return LeastSquares(iterations=50, tolerance=1e-12).fit(found)


def coloured(rng: np.random.Generator, count: int, colour: float) -> Floats:
    """First-order autoregressive noise of unit variance [count]."""
    white = rng.normal(size=count + 300)
    return np.asarray(lfilter([np.sqrt(1 - colour**2)], [1.0, -colour], white))[300:]


def linear(
    rng: np.random.Generator,
    truth: Sequence[float] | Floats,
    rows: int = 300,
    colour: float = 0.0,
    low: float | Sequence[float] = -50.0,
    high: float | Sequence[float] = 50.0,
) -> FunctionProblem:
    """Sines times parameters plus noise of unit variance."""
    truth = np.asarray(truth, float)
    time = np.arange(rows)[:, None] / 100.0
    waves = rng.uniform(0.2, 2.0, len(truth)), rng.uniform(0.0, 6.0, len(truth))
    matrix = np.sin(2 * np.pi * waves[0] * time + waves[1])
    noise = coloured(rng, rows, colour)
    names = [f"p{at}" for at in range(len(truth))]
    start = np.clip(np.zeros(len(truth)), low, high)
    return problem(
        lambda theta: (theta - truth) @ matrix.T - noise, names, low, high, start,
        np.zeros(rows, int),
    )  # fmt: skip
