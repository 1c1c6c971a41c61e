"""A calibration problem from a simulator, windows of a log, and parameters.

The residuals are simulated less measured positions at evenly spaced instants of every window, and
optionally velocities, in units of the noise. Arrays: N candidates, W windows, R residuals.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from daneel.agents.calibration.parameters import Parameterised, ParameterSet
from daneel.agents.calibration.problem import CalibrationError, Floats, Integers
from daneel.agents.calibration.simulator import Simulator, rollout
from daneel.agents.calibration.windows import Windows, shorten

BATCH = 200_000
"""Most rollouts that are simulated at once; more would only take memory."""


@dataclass(frozen=True)
class RolloutProblem(Parameterised):
    """Open-loop prediction errors of candidates; see `Problem`."""

    simulator: Simulator
    """The robot."""
    parameters: ParameterSet
    """What is searched for."""
    windows: Windows
    """Where rollouts start and what was measured."""
    stride: int = 10
    """Steps between residuals."""
    noise: float = 0.01
    """Standard deviation of what remains, in rad: the unit of the residuals."""
    growth: float = 0.0
    """Noise added for each second since the start, in rad/s: later errors of a chaotic robot say
    less about its parameters."""
    robust: float = 0.0
    """Errors beyond this many noises count as in Huber's loss; 0 counts all as they are."""

    def __post_init__(self) -> None:
        """Checks the noise.

        Raises:
            CalibrationError: It is not positive.
        """
        if not self.noise > 0 or self.stride < 1:
            raise CalibrationError(
                f"noise is {self.noise} and stride {self.stride}. Expected both above zero."
            )

    @property
    def _steps(self) -> Integers:
        """Steps after the start at which residuals are taken [K]."""
        return np.arange(self.stride, self.windows.steps + 1, self.stride)

    @property
    def segments(self) -> Integers:
        """Number of the log of each residual [R]."""
        width = len(self._steps) * len(self.windows.joints)
        return np.repeat(self.windows.log, width)

    def shortened(self, share: float) -> RolloutProblem:
        """The same problem on the first share of every window."""
        steps = max(self.stride, round(share * self.windows.steps))
        return replace(self, windows=shorten(self.windows, steps))

    def simulate(self, theta: Floats) -> Floats:
        """Simulated positions of candidates [N, W, T + 1, J]."""
        return rollout(self.simulator, self.parameters.values(theta), self.windows)

    def residuals(self, theta: Floats) -> Floats:
        """Prediction errors [N, R] in units of the noise; a row is NaN where one blew up."""
        size = max(1, BATCH // max(1, len(self.windows)))
        parts = [self._residuals(theta[at : at + size]) for at in range(0, len(theta), size)]
        return np.concatenate(parts)

    def costs(self, theta: Floats) -> Floats:
        """Mean squared residual of each window [W] with one candidate [P]; inf for unstable."""
        rows = self._scaled(theta[None])[0].reshape(len(self.windows), -1)
        means = np.mean(rows**2, axis=1)
        return np.where(np.isfinite(means), means, np.inf)

    def _residuals(self, theta: Floats) -> Floats:
        flat = self._scaled(theta)
        flat[~np.isfinite(flat).all(axis=1)] = np.nan
        return flat

    def _scaled(self, theta: Floats) -> Floats:
        """Prediction errors [N, R] in units of the noise, as they are where one blew up."""
        measured = self.windows.q[:, self._steps]
        error = self.simulate(theta)[:, :, self._steps] - measured
        scale = self.noise + self.growth * self.windows.dt * self._steps[:, None]
        flat = (error / scale).reshape(len(theta), -1)
        return huber(flat, self.robust) if self.robust else flat


def huber(residuals: Floats, edge: float) -> Floats:
    """Residuals whose squares are Huber's loss: linear beyond the edge (Huber 1964)."""
    size = np.abs(residuals)
    far = np.sqrt(np.maximum(2 * edge * size - edge * edge, 0.0))
    return np.where(size <= edge, residuals, np.sign(residuals) * far)


def describe_instability(problem: RolloutProblem) -> str:
    """Says which window blows up with the initial parameters; empty when none does."""
    simulated = problem.simulate(problem.initial[None])[0]
    broken = ~np.isfinite(simulated).all(axis=(1, 2))
    if not broken.any():
        return ""
    at = int(np.argmax(broken))
    windows = problem.windows
    second = windows.start[at] * windows.dt
    return (
        f"{int(broken.sum())} of {len(windows)} rollouts blow up with the initial parameters, the "
        f"first at {second:.3g} s of log {windows.log[at]}."
    )
