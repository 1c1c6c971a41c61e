"""How far open-loop rollouts are from what was measured, by horizon."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from daneel.agents.calibration.problem import Floats
from daneel.agents.calibration.simulator import Simulator, rollout
from daneel.agents.calibration.windows import Windows

HORIZONS = (0.1, 0.5, 1.0, 2.0)
"""Seconds after the start at which errors are reported."""


@dataclass(frozen=True)
class HorizonErrors:
    """Errors of all rollouts at some instants; a rollout that blew up counts as infinite."""

    horizons: tuple[float, ...]
    """Seconds after the start [H]."""
    errors: Floats
    """Absolute errors [W, H, J]."""

    @property
    def rmse(self) -> Floats:
        """Root mean square over rollouts and joints [H]."""
        return np.sqrt(np.mean(self.errors**2, axis=(0, 2)))

    @property
    def median(self) -> Floats:
        """Median over rollouts and joints [H]."""
        return self.quantile(0.5)

    def quantile(self, share: float) -> Floats:
        """A quantile over rollouts and joints [H]."""
        flat = self.errors.transpose(1, 0, 2).reshape(len(self.horizons), -1)
        return np.quantile(flat, share, axis=1, method="lower")


def horizon_errors(
    simulator: Simulator,
    values: Mapping[str, float],
    windows: Windows,
    horizons: Sequence[float] = HORIZONS,
) -> HorizonErrors:
    """Errors of one set of target values at some horizons.

    Args:
        simulator: The robot.
        values: Its targets; the rest is nominal.
        windows: Where rollouts start; horizons beyond their length are left out.
        horizons: Seconds.
    """
    simulated = rollout(simulator, {key: np.array([x]) for key, x in values.items()}, windows)[0]
    kept = tuple(h for h in horizons if round(h / windows.dt) <= windows.steps)
    rows = [round(h / windows.dt) for h in kept]
    errors = np.abs(simulated[:, rows] - windows.q[:, rows])
    return HorizonErrors(kept, np.where(np.isfinite(errors), errors, np.inf))


def explained(simulator: Simulator, values: Mapping[str, float], windows: Windows) -> float:
    """Share of the motion since the start that rollouts foresee; 0 is no better than standing."""
    simulated = rollout(simulator, {key: np.array([x]) for key, x in values.items()}, windows)[0]
    if not np.isfinite(simulated).all():
        return float("-inf")
    moved = windows.q - windows.q[:, :1]
    return 1.0 - float(np.sum((simulated - windows.q) ** 2)) / max(float(np.sum(moved**2)), 1e-300)


def time_to_error(
    simulator: Simulator, values: Mapping[str, float], windows: Windows, limit: float
) -> Floats:
    """Seconds until the largest joint error passes a limit [W]; the length of a window at most."""
    simulated = rollout(simulator, {key: np.array([x]) for key, x in values.items()}, windows)[0]
    far = ~(np.abs(simulated - windows.q).max(axis=2) < limit)
    first = np.where(far.any(axis=1), np.argmax(far, axis=1), windows.steps)
    return first * windows.dt
