"""A posterior learned from simulations, in rounds that close in on what the log allows.

Deistler, Goncalves and Macke 2022, "Truncated proposals for scalable and hassle-free
simulation-based inference" (arXiv 2210.04815): draw parameters from the prior, simulate, learn
q(parameters | features of the log), cut the prior down to where q puts its mass for the log at
hand, and go again. The prior stays the prior within its cut: plain maximum likelihood stays
right.

- Coordinates: z = L^-1 (u - u_fit); u is the logarithm of what is positive, so that products and
  ratios are straight lines, except in groups that the log knows the sum of; L whitens the fit's
  covariance, its widest directions being as wide as the bounds.
- Features: what the fit's Jacobian sees of the residuals. Noise is drawn anew in every training
  step, from the fit's own residuals by blocks, so that it is as coloured as the log's; simulations
  themselves need none.
- The cut is a box in z, not the density level of the paper.
- The network starts as the Gaussian of a linear regression, which it nearly is around a fit.
- A fifth of the simulations are kept from training; ranges of the last round are widened until they
  hold the true values of those as often as they say (conformal prediction: Vovk, Gammerman and
  Shafer 2005; here of each whitened coordinate by itself).

P parameters, N simulations, F features, R residuals, G blocks.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from daneel.agents.calibration.blocks import blocks
from daneel.agents.calibration.covariance import block_covariance
from daneel.agents.calibration.identifiability import Identifiability, identifiability
from daneel.agents.calibration.mixture import MixtureDensity
from daneel.agents.calibration.posterior import Posterior, inflation
from daneel.agents.calibration.problem import CalibrationError, Fit, Floats, Integers, Problem
from daneel.errors import ConfigError

REACH = 6.0
"""The first cut: so many standard deviations of the fit to each side."""
MARGIN = 0.5
"""A later cut is the range of the samples, wider by this share."""
KEPT = 5
"""One simulation in so many is kept from training."""
REPEATS = 4
"""Draws of the noise for each simulation where they are not drawn anew all the time."""
TRIES = 200
"""Times as many draws as samples before what lies outside the bounds is given up."""

Noise = Callable[[int], Floats]
"""Draws features [count, F] of the noise alone."""


@dataclass(frozen=True)
class NeuralPosterior:
    """Sequential neural posterior estimation with truncated proposals."""

    samples: int = 500
    """Samples drawn in the end."""
    rounds: int = 2
    """Times that the prior is cut down and simulated."""
    simulations: int = 500
    """Candidates simulated in a round."""
    components: int = 4
    """Gaussians in the mixture."""
    width: int = 64
    """Width of the network."""
    updates: int = 300
    """Training steps of a round."""

    def __post_init__(self) -> None:
        """Checks the numbers.

        Raises:
            ConfigError: One is too small.
        """
        for name in ("samples", "rounds", "simulations", "components", "width", "updates"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} is {getattr(self, name)}. Expected at least 1.")

    def sample(self, problem: Problem, fit: Fit, rng: np.random.Generator) -> Posterior:
        """Samples that the log allows; see `Sampler`.

        Raises:
            CalibrationError: No candidate near the fit could be simulated.
        """
        frame = _Frame.around(problem, fit, identifiability(problem, fit))
        low, high = -REACH * np.ones(frame.size), REACH * np.ones(frame.size)
        seen_z, seen_r = np.empty((0, frame.size)), np.empty((0, len(fit.residuals)))
        generator = torch.Generator().manual_seed(int(rng.integers(2**31)))
        drawn = np.zeros((0, frame.size))
        for _ in range(self.rounds):
            z = frame.draw(low, high, self.simulations, rng)
            change = problem.residuals(frame.theta(z)) - fit.residuals
            stable = np.isfinite(change).all(axis=1)
            kept = ((seen_z >= low) & (seen_z <= high)).all(axis=1)
            seen_z = np.concatenate([seen_z[kept], z[stable]])
            seen_r = np.concatenate([seen_r[kept], change[stable]])
            _enough(len(seen_z), self.simulations)
            net, observed = self._learn(problem, fit, frame, seen_z, seen_r, rng, generator)
            drawn = self._draw(net, observed, frame, (low, high), generator)
            low, high = _cut(drawn, low, high)
        theta = frame.theta(drawn)
        count = self.rounds * self.simulations
        return Posterior(problem.names, theta, "neural posterior", count)

    def _learn(
        self,
        problem: Problem,
        fit: Fit,
        frame: _Frame,
        z: Floats,
        change: Floats,
        rng: np.random.Generator,
        generator: torch.Generator,
    ) -> tuple[MixtureDensity, torch.Tensor]:
        """Trains the network; returns it with the features of the log itself."""
        rows = _feature_rows(fit, frame)
        clean, noise = change @ rows.T, _noise(problem, fit, rows, rng)
        size = np.sqrt(np.var(clean, axis=0) + np.var(noise(2000), axis=0)) + 1e-12
        kept = max(1, len(z) // KEPT)  # the newest: drawn within the latest cut
        middle, spread = z.mean(axis=0), z.std(axis=0) + 1e-12
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(int(rng.integers(2**31)))  # first weights come from torch's own
            net = MixtureDensity(len(rows), frame.size, self.components, self.width)
        optimiser = torch.optim.Adam(net.parameters(), lr=5e-3)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, self.updates)
        target = torch.as_tensor((z - middle) / spread, dtype=torch.float32)

        def features_of(at: Integers) -> torch.Tensor:
            return torch.as_tensor((clean[at] + noise(len(at))) / size, dtype=torch.float32)

        every = np.tile(np.arange(len(z) - kept), REPEATS)
        net.start_linear(features_of(every), target[torch.as_tensor(every)])
        for _ in range(self.updates):
            at = rng.integers(len(z) - kept, size=min(256, len(z) - kept))
            features = features_of(at)
            loss = -net.log_density(target[torch.as_tensor(at)], features).mean()
            optimiser.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(net.parameters(), 5.0)
            optimiser.step()
            schedule.step()
        last = np.tile(np.arange(len(z) - kept, len(z)), REPEATS)
        truth = target[torch.as_tensor(last)]
        net.register_buffer("widen", _widening(net, features_of(last), truth, generator))
        net.register_buffer("middle", torch.as_tensor(middle))
        net.register_buffer("spread", torch.as_tensor(spread))
        # The log is r_fit = r(theta) + noise: where the fit stands, the change is zero.
        return net, torch.as_tensor(-(rows @ fit.residuals) / size, dtype=torch.float32)

    def _draw(
        self,
        net: MixtureDensity,
        observed: torch.Tensor,
        frame: _Frame,
        box: tuple[Floats, Floats],
        generator: torch.Generator,
    ) -> Floats:
        """Samples [S, P] in z within the cut and the bounds."""
        middle = np.asarray(net.get_buffer("middle"))
        spread = np.asarray(net.get_buffer("spread"))
        kept = np.empty((0, frame.size))
        centre = net.sample(observed, 1000, generator).median(dim=0).values
        for _ in range(TRIES):
            raw = net.sample(observed, self.samples, generator)
            wide = centre + (raw - centre) * net.get_buffer("widen")
            z = wide.double().numpy() * spread + middle
            inside = ((z >= box[0]) & (z <= box[1])).all(axis=1) & frame.inside(z)
            kept = np.concatenate([kept, z[inside]])
            if len(kept) >= self.samples:
                return kept[: self.samples]
        return _thin(kept)


@dataclass(frozen=True)
class _Frame:
    """Whitened coordinates z [N, P] of parameters theta [N, P]."""

    problem: Problem
    """Whose parameters."""
    logarithmic: np.ndarray
    """Which parameters u is the logarithm of [P]."""
    origin: Floats
    """u of the fit [P]."""
    factor: Floats
    """L: u = origin + L z [P, P]."""

    @property
    def size(self) -> int:
        """P."""
        return len(self.origin)

    @classmethod
    def around(cls, problem: Problem, fit: Fit, seen: Identifiability) -> _Frame:
        """Whitens the covariance of the fit."""
        summed = {name for group in seen.combinations if not group.factors for name in group.names}
        named = np.array([name not in summed for name in problem.names])
        logarithmic = (problem.low > 0.0) & (fit.theta > 0.0) & named
        slope = np.where(logarithmic, fit.theta, 1.0)  # d theta / d u
        block = blocks(fit.residuals, problem.segments)
        spread = block_covariance(problem, fit.jacobian, fit.residuals, block).matrix
        values, vectors = np.linalg.eigh(spread / np.outer(slope, slope))
        low, high = _ends(problem, logarithmic)
        width = np.abs(vectors.T) @ (high - low)  # a direction need not leave the bounds
        deviation = np.minimum(np.sqrt(np.maximum(values, 1e-300)), width / REACH)
        origin = np.where(logarithmic, np.log(np.where(logarithmic, fit.theta, 1.0)), fit.theta)
        return cls(problem, logarithmic, origin, vectors * deviation)

    def theta(self, z: Floats) -> Floats:
        """Parameters [N, P] of coordinates [N, P], within rounding of the bounds."""
        u = self.origin + z @ self.factor.T
        theta = np.where(self.logarithmic, np.exp(np.where(self.logarithmic, u, 0.0)), u)
        return np.clip(theta, self.problem.low, self.problem.high)

    def inside(self, z: Floats) -> np.ndarray:
        """Whether coordinates lie within the bounds [N]."""
        u, (low, high) = self.origin + z @ self.factor.T, _ends(self.problem, self.logarithmic)
        return np.all((u >= low) & (u <= high), axis=1, keepdims=True)[:, 0]

    def draw(self, low: Floats, high: Floats, count: int, rng: np.random.Generator) -> Floats:
        """Draws from the prior within a box of z [count, P]."""
        kept = np.empty((0, self.size))
        for _ in range(TRIES):
            z = rng.uniform(low, high, (count, self.size))
            z = z[self.inside(z)]
            kept = np.concatenate([kept, z[rng.random(len(z)) < self._prior(z)]])
            if len(kept) >= count:
                return kept[:count]
        return _thin(kept)

    def _prior(self, z: Floats) -> Floats:
        """Density of the prior in z, at most 1 in the box [N]: normal where known, else uniform."""
        u = self.origin + z @ self.factor.T
        theta, known = self.theta(z), np.isfinite(self.problem.prior_std)
        apart = (theta - self.problem.initial)[:, known] / self.problem.prior_std[known]
        logarithm = np.where(self.logarithmic, u, 0.0).sum(axis=1) - 0.5 * np.sum(apart**2, axis=1)
        return np.exp(logarithm - logarithm.max(initial=-np.inf)) if len(z) else np.empty(0)


def _ends(problem: Problem, logarithmic: np.ndarray) -> tuple[Floats, Floats]:
    """Bounds of u [P]."""
    low = np.where(logarithmic, np.log(np.where(logarithmic, problem.low, 1.0)), problem.low)
    high = np.where(logarithmic, np.log(np.where(logarithmic, problem.high, 1.0)), problem.high)
    return low, high


def _feature_rows(fit: Fit, frame: _Frame) -> Floats:
    """What is looked at in residuals [F, R]: the span of the Jacobian, F = P.

    More features than parameters would do harm: their noise is known from a few blocks only, and a
    network finds the directions in which those few happen to be quiet.
    """
    slope = np.where(frame.logarithmic, fit.theta, 1.0)
    return np.linalg.svd((fit.jacobian * slope) @ frame.factor, full_matrices=False)[0].T


def _noise(problem: Problem, fit: Fit, rows: Floats, rng: np.random.Generator) -> Noise:
    """Features of noise with the blocks' own colour; size and tails are those of the bootstrap."""
    block = blocks(fit.residuals, problem.segments)
    count = int(block.max()) + 1
    spread = block_covariance(problem, fit.jacobian, fit.residuals, block)
    freedom = float(np.clip(np.min(spread.dof), 2.0, 100.0))
    grow = np.sqrt(inflation(problem, fit, spread.matrix, block))
    scores = np.zeros((count, len(rows)))
    np.add.at(scores, block, rows.T * fit.residuals[:, None])

    def draw(many: int) -> Floats:
        widen = np.sqrt(freedom / rng.chisquare(freedom, many))
        return grow * widen[:, None] * (rng.normal(size=(many, count)) @ scores)

    return draw


def _widening(
    net: MixtureDensity, features: torch.Tensor, truth: torch.Tensor, generator: torch.Generator
) -> torch.Tensor:
    """Factors [P] by which samples spread about their median to hold the truth as they say.

    Args:
        net: The trained network.
        features: Of simulations that it was not trained on [B, F].
        truth: Their parameters [B, P].
        generator: Draws the samples.
    """
    apart = []
    for row, true in zip(features, truth, strict=True):
        drawn = net.sample(row, 200, generator)
        low, middle, high = torch.quantile(drawn, torch.tensor([0.05, 0.5, 0.95]), dim=0)
        half = torch.where(true > middle, high - middle, middle - low)
        apart.append((true - middle).abs() / half.clamp(min=1e-9))
    return torch.quantile(torch.stack(apart), 0.9, dim=0).clamp(min=1.0)


def _cut(drawn: Floats, low: Floats, high: Floats) -> tuple[Floats, Floats]:
    """A box around the samples with a margin, never wider than before."""
    least, most = drawn.min(axis=0), drawn.max(axis=0)
    margin = MARGIN * (most - least)
    return np.maximum(low, least - margin), np.minimum(high, most + margin)


def _thin(kept: Floats) -> Floats:
    """What was kept although it is fewer than asked.

    Raises:
        CalibrationError: Nothing was.
    """
    if len(kept) < 10:
        raise CalibrationError(
            f"Only {len(kept)} samples of the posterior lie within the bounds. Expected the fit "
            "well inside them. Widen the bounds, or take the bootstrap."
        )
    return kept


def _enough(count: int, asked: int) -> None:
    if count < asked / 10:
        raise CalibrationError(
            f"Only {count} of {asked} simulations around the fit were stable. Expected most of "
            "them. Narrow the bounds, or take the bootstrap."
        )
