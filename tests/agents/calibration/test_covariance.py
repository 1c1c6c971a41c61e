"""The covariance agrees with textbooks where they apply, and holds for coloured noise."""

import numpy as np
import pytest

from daneel.agents.calibration.blocks import blocks
from daneel.agents.calibration.covariance import block_covariance, prior_scales
from tests.agents.calibration.problems import fitted, linear, problem


def test_white_noise_gives_the_ordinary_covariance() -> None:
    """White noise gives the ordinary covariance."""
    found = linear(np.random.default_rng(0), [1.0, -2.0, 0.5], rows=6000)
    fit = fitted(found)
    spread = block_covariance(
        found, fit.jacobian, fit.residuals, blocks(fit.residuals, found.segments)
    )
    ordinary = np.linalg.inv(fit.jacobian.T @ fit.jacobian)
    assert np.sqrt(np.diag(spread.matrix)) == pytest.approx(np.sqrt(np.diag(ordinary)), rel=0.4)
    assert np.diag(spread.naive) == pytest.approx(np.diag(ordinary), rel=1e-4)


def test_degrees_of_freedom_of_equal_blocks_are_their_number_less_one() -> None:
    """A mean over G equal blocks is the t test of G block means (Bell and McCaffrey 2002)."""
    rows, count = 200, 8
    found = problem(
        lambda theta: np.repeat(theta, rows, axis=1), ["mean"], -10, 10, [0.0], np.zeros(rows, int)
    )
    noise = np.random.default_rng(1).normal(size=rows)
    block = np.repeat(np.arange(count), rows // count)
    spread = block_covariance(found, np.ones((rows, 1)), noise - noise.mean(), block)
    means = noise.reshape(count, -1).mean(axis=1)
    assert spread.dof[0] == pytest.approx(count - 1, rel=1e-3)
    assert spread.matrix[0, 0] == pytest.approx(means.var(ddof=1) / count, rel=1e-3)


def test_a_prior_alone_is_the_prior() -> None:
    """A prior alone is the prior."""
    found = problem(
        lambda theta: 0.0 * theta @ np.ones((1, 50)), ["a"], -9, 9, [0.0], np.zeros(50, int), [2.0]
    )
    spread = block_covariance(
        found, np.zeros((50, 1)), np.ones(50), blocks(np.ones(50), found.segments)
    )
    assert np.sqrt(spread.matrix[0, 0]) == pytest.approx(2.0)
    assert prior_scales(found)[0] == 2.0


def test_what_is_not_seen_is_wider_than_its_bounds() -> None:
    """What is not seen is wider than its bounds."""
    found = problem(
        lambda theta: theta[:, :1] @ np.ones((1, 60)), ["a", "b"], -1, 1, [0, 0], np.zeros(60, int)
    )
    jacobian = np.stack([np.ones(60), np.zeros(60)], axis=1)
    noise = np.random.default_rng(2).normal(size=60)
    spread = block_covariance(found, jacobian, noise, blocks(noise, found.segments))
    assert np.sqrt(spread.matrix[1, 1]) > 5.0
