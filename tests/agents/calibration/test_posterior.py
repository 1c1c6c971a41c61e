"""Samples spread as intervals do, follow valleys, and survive a round trip."""

from pathlib import Path

import numpy as np
import pytest
import torch

from daneel.agents.calibration.mixture import MixtureDensity
from daneel.agents.calibration.neural_posterior import NeuralPosterior, _widening
from daneel.agents.calibration.posterior import Bootstrap, load_posterior
from daneel.agents.calibration.problem import CalibrationError
from daneel.agents.calibration.uncertainty import uncertainty
from tests.agents.calibration.problems import coloured, fitted, linear, problem

TRUTH = np.array([1.0, -2.0, 0.5])
SAMPLERS = [Bootstrap(samples=600), NeuralPosterior(samples=600, simulations=300, updates=250)]
QUICK = [Bootstrap(samples=20), NeuralPosterior(samples=20, simulations=60, updates=20, rounds=1)]


@pytest.mark.parametrize("sampler", SAMPLERS, ids=["bootstrap", "neural"])
def test_samples_of_a_linear_problem_spread_as_its_intervals(sampler) -> None:
    """Both are the same posterior there."""
    made = linear(np.random.default_rng(0), TRUTH, rows=3000, colour=0.5)
    fit = fitted(made)
    expected = uncertainty(made, fit)
    low, high = sampler.sample(made, fit, np.random.default_rng(1)).interval(0.9)
    assert (high - low) / (expected.high - expected.low) == pytest.approx(np.ones(3), abs=0.3)
    assert np.abs(0.5 * (low + high) - fit.theta) == pytest.approx(np.zeros(3), abs=0.05)


@pytest.mark.parametrize("sampler", QUICK, ids=["bootstrap", "neural"])
def test_samples_are_the_same_for_the_same_generator(sampler) -> None:
    """And other ones for another."""
    made = linear(np.random.default_rng(0), TRUTH, rows=400)
    fit = fitted(made)
    first, again, other = (
        sampler.sample(made, fit, np.random.default_rng(seed)).samples for seed in (3, 3, 4)
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_the_neural_posterior_runs_along_a_product() -> None:
    """Only m * l is known: each alone covers its range, the product stays where it is."""
    time, noise = np.arange(400) / 100.0, coloured(np.random.default_rng(2), 400, 0.3)

    def residuals(theta):
        return theta[:, :1] * theta[:, 1:] * np.sin(time) * 20 - 40 * np.sin(time) - noise

    made = problem(residuals, ["m", "l"], 0.5, 6.0, [1.0, 1.5], np.zeros(400, int))
    found = (
        NeuralPosterior(updates=300).sample(made, fitted(made), np.random.default_rng(3)).samples
    )
    assert found.prod(axis=1) == pytest.approx(np.full(len(found), 2.0), abs=0.15)
    assert np.ptp(found[:, 0]) > 2.0


def test_samples_stay_within_their_bounds() -> None:
    """Also when the fit lies on one."""
    made = linear(np.random.default_rng(4), [0.0, 1.0], rows=400, low=[0.0, -5.0], high=[5.0, 5.0])
    fit = fitted(made)
    for sampler in QUICK:
        found = sampler.sample(made, fit, np.random.default_rng(5)).samples
        assert (found >= made.low).all() and (found <= made.high).all()


def test_a_posterior_is_read_as_it_was_written(tmp_path: Path) -> None:
    """Names, samples, method, evaluations."""
    made = linear(np.random.default_rng(6), TRUTH, rows=200)
    found = Bootstrap(samples=10).sample(made, fitted(made), np.random.default_rng(7))
    found.save(tmp_path)
    again = load_posterior(tmp_path)
    assert again.names == found.names and again.method == "bootstrap"
    assert np.array_equal(again.samples, found.samples)


def test_a_folder_without_a_posterior_is_refused(tmp_path: Path) -> None:
    """With what to type."""
    with pytest.raises(CalibrationError, match="daneel calibrate"):
        load_posterior(tmp_path)


def test_a_mixture_starts_as_the_gaussian_of_a_linear_regression() -> None:
    """Means and spread of linear data are right before any training."""
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(4000, 3, generator=generator)
    mix = torch.tensor([[1.0, 0.5, 0.0], [0.0, -0.7, 0.3]])
    noise = torch.randn(4000, 2, generator=generator) @ torch.tensor([[0.3, 0.1], [0.0, 0.2]])
    net = MixtureDensity(3, 2, components=3, width=8)
    net.start_linear(features, features @ mix.T + 0.4 + noise)
    row = torch.tensor([0.5, -1.0, 0.2])
    drawn = net.sample(row, 4000, generator)
    assert drawn.mean(dim=0).numpy() == pytest.approx((mix @ row + 0.4).numpy(), abs=0.06)
    spread = np.cov(drawn.numpy().T)
    assert spread == pytest.approx(np.array([[0.09, 0.03], [0.03, 0.05]]), abs=0.02)


def test_samples_of_a_network_that_is_too_sure_are_spread() -> None:
    """Truths three times as far away as it says; one that is right is left alone."""
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(2000, 2, generator=generator)
    noise = torch.randn(2000, 2, generator=generator)
    net = MixtureDensity(2, 2, components=1, width=4)
    net.start_linear(features, features + 0.1 * noise)
    kept = torch.randn(300, 2, generator=generator)
    apart = torch.randn(300, 2, generator=generator) * torch.tensor([0.3, 0.1])
    found = _widening(net, kept, kept + apart, generator).numpy()
    assert found == pytest.approx([3.0, 1.0], rel=0.25)
