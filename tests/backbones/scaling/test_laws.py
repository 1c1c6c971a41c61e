"""Laws of size and tokens: recovered from their own points, and held against published runs."""

import numpy as np
import pytest

from daneel.backbones.scaling import (
    ChinchillaLaw,
    IsoFlopLaw,
    Runs,
    SmoothlyBrokenLaw,
    backtest,
    calibrate,
    fit_chinchilla,
    fit_isoflop,
    fit_smooth,
    split_at,
)

HOFFMANN = ChinchillaLaw(1.69, 406.4, 0.34, 410.7, 0.28)
ISOFLOP = IsoFlopLaw(1.5, 2.4, 0.12, 3e7, 0.5, 0.25, 0.5, 4.0, 1e17)


def rng() -> np.random.Generator:
    """Reproducible chances."""
    return np.random.default_rng(0)


def grid(budgets: int = 6) -> Runs:
    """Seven sizes at each budget from 1e16 on, four times apart; losses are still to be put in."""
    compute = 1e16 * 4.0 ** np.arange(budgets)
    sizes = 1.5e7 * 2.0 ** np.arange(budgets)[:, None] * np.geomspace(0.2, 5, 7)
    tokens = compute[:, None] / (6 * sizes)
    return Runs(sizes.ravel(), tokens.ravel(), np.ones(sizes.size))


def of(law: ChinchillaLaw | IsoFlopLaw | SmoothlyBrokenLaw, runs: Runs) -> Runs:
    """The runs with the losses of a law."""
    return Runs(runs.params, runs.tokens, law.predict(runs))


def test_chinchilla_gives_its_own_law_back() -> None:
    """Extrapolation to sixteen times the compute within a tenth of a per cent."""
    runs = of(HOFFMANN, grid())
    known, later = split_at(runs, compute=6.4e17)
    assert fit_chinchilla(known, rng(), starts=8).predict(later) == pytest.approx(
        later.loss, rel=1e-3
    )


def test_one_exponent_is_one_exponent() -> None:
    """And gives its own law back."""
    law = ChinchillaLaw(1.8, 300.0, 0.3, 900.0, 0.3)
    found = fit_chinchilla(of(law, grid()), rng(), tied=True, starts=8)
    assert found.alpha == found.beta == pytest.approx(0.3, abs=5e-3)


def test_a_few_wild_runs_do_not_move_it() -> None:
    """Huber's loss: three of forty-two runs are a third too high."""
    runs = of(HOFFMANN, grid())
    spoiled = runs.loss.copy()
    spoiled[[3, 17, 30]] *= 1.3
    found = fit_chinchilla(Runs(runs.params, runs.tokens, spoiled), rng(), starts=8)
    assert found.predict(runs) == pytest.approx(runs.loss, rel=5e-3)


def test_isoflop_gives_its_own_law_back() -> None:
    """Losses beyond, and the best size."""
    runs = of(ISOFLOP, grid())
    known, later = split_at(runs, compute=6.4e17)
    found = fit_isoflop(known, rng(), starts=6)
    assert found.predict(later) == pytest.approx(later.loss, rel=1e-2)
    ratio = found.best_size(later.compute) / ISOFLOP.best_size(later.compute)
    assert ratio == pytest.approx(np.ones(len(later)), rel=0.1)


def test_the_excess_is_zero_at_the_best_size_only() -> None:
    """With the two slopes far from it."""
    u = np.array([-50.0, -1.0, 0.0, 1.0, 50.0])
    excess = ISOFLOP.excess(u)
    assert excess[2] == pytest.approx(0) and (excess[[0, 1, 3, 4]] > 0).all()
    slopes = (ISOFLOP.excess(u + 1) - excess)[[0, -1]]
    assert slopes == pytest.approx([-ISOFLOP.small, ISOFLOP.large], rel=1e-6)


def test_the_smooth_law_bends_where_it_says() -> None:
    """Slopes far from the break, and a fit of its own points."""
    law = SmoothlyBrokenLaw(0.0, 40.0, 0.06, 0.08, 1e18, 0.3)
    x = np.array([1e10, 2e10, 1e26, 2e26])
    y = np.log(law.predict(Runs(x / 6, np.ones(4), np.ones(4))))
    assert (y[1] - y[0]) / np.log(2) == pytest.approx(-0.06, abs=1e-4)
    assert (y[3] - y[2]) / np.log(2) == pytest.approx(-0.14, abs=1e-4)
    compute = np.geomspace(1e16, 1e20, 14)
    runs = of(law, Runs(compute / 6, np.ones(14), np.ones(14)))
    assert fit_smooth(runs, rng(), starts=8).predict(runs) == pytest.approx(runs.loss, rel=5e-3)


def test_the_frontier_is_the_best_of_each_budget() -> None:
    """Budgets that differ by rounding are one."""
    runs = of(ISOFLOP, grid())
    best = runs.frontier()
    assert len(best) == 6
    assert best.loss == pytest.approx(runs.loss.reshape(6, 7).min(1))


def test_bands_are_calibrated_on_the_runs_at_hand() -> None:
    """A wrong law gets a wide band, and the band holds what comes."""
    runs = of(ISOFLOP, grid())
    known, later = split_at(runs, compute=6.4e17)
    folds = [split_at(known, compute=edge) for edge in (4e16, 1.6e17)]
    errors, distances = backtest(lambda part: fit_chinchilla(part, rng(), starts=4), folds)
    assert len(errors) == len(distances) == 7 * (2 + 1)  # budgets beyond the folds
    band = calibrate(lambda part: fit_chinchilla(part, rng(), starts=4), known, folds)
    low, high = band.interval(later)
    assert np.mean((low <= later.loss) & (later.loss <= high)) >= 0.8
    assert band.width > 0 and (high > low).all()


@pytest.mark.parametrize(
    ("params", "loss", "said"),
    [
        (np.ones(3), np.ones(2), "Expected three vectors of one length"),
        (np.ones(0), np.ones(0), "Expected three vectors of one length"),
        (np.ones(3), np.array([1, np.inf, 1]), r"loss\[1\] is inf"),
    ],
)
def test_runs_that_no_law_fits_are_refused(params: np.ndarray, loss: np.ndarray, said: str) -> None:
    """Lengths and values."""
    with pytest.raises(ValueError, match=said):
        Runs(params, np.ones(len(params)), loss)


@pytest.mark.parametrize("fit", [fit_chinchilla, fit_smooth, fit_isoflop])
def test_fewer_runs_than_numbers_are_refused(fit: object) -> None:
    """Each law says how many it needs."""
    assert callable(fit)
    with pytest.raises(ValueError, match="There are 2 runs"):
        fit(Runs(np.ones(2), np.array([1.0, 2.0]), np.ones(2)), rng())
