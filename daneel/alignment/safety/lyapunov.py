"""Ellipsoids around the origin that a bounded linear law keeps: found, then proved.

The law and the shape come from the linear-quadratic regulator of the plant about the origin; the
size is the largest within the safe box for which the proof succeeds on the real (non-linear,
saturated) plant. What was used to find them does not matter: the proof is of the result.
"""

from __future__ import annotations

import numpy as np
import torch
from scipy.linalg import solve_discrete_are
from torch import nn

from daneel.alignment.safety.cells import Box
from daneel.alignment.safety.certificate_conditions import verify_sublevel
from daneel.alignment.safety.certificates import EllipsoidCertificate
from daneel.alignment.safety.closed_loop import ClosedLoop
from daneel.alignment.safety.plants import Array, Plant
from daneel.alignment.safety.quadratic import Quadratic
from daneel.errors import ConfigError

_SPARE = 1e-4
"""Share of the level by which every step must end inside: covers rounding at run time."""

_SMALLER = 0.8
"""Factor between two levels that are tried."""


def find_ellipsoid(
    plant: Plant,
    safe: Box,
    state_cost: Array | None = None,
    action_cost: float = 1.0,
    budget: int = 100_000,
) -> EllipsoidCertificate:
    """The largest proved ellipsoid within a box around the origin.

    Args:
        plant: Dynamics with an equilibrium at state 0, action 0.
        safe: Where the state must stay.
        state_cost: Weights `[S]` of the regulator; None is one over the square of the box.
        action_cost: Weight of the action, relative to its bound squared.
        budget: Boxes for each proof.

    Raises:
        ConfigError: The origin is not in the box, or no ellipsoid of at least a thousandth of the
            largest can be proved.
    """
    low, high = safe.ends()
    half = np.minimum(-low, high)
    if not (half > 0).all():
        raise ConfigError(
            f"The box goes from {safe.low} to {safe.high}. Expected the origin inside of it. "
            "Choose a box about the equilibrium."
        )
    weights = 1 / half**2 if state_cost is None else np.asarray(state_cost, float)
    matrix, gain = _regulator(plant, weights, action_cost)
    largest = float((half**2 / np.diag(np.linalg.inv(matrix))).min())
    for level in largest * _SMALLER ** np.arange(1, 32):
        if _is_kept(plant, matrix, gain, float(level), safe, budget):
            return EllipsoidCertificate(plant, matrix, float(level), gain)
    raise ConfigError(
        f"No ellipsoid within {safe.low} .. {safe.high} could be proved to be kept. Expected a law "
        "within the bounds of the action that keeps one. Choose a smaller box or other costs."
    )


def saturated_linear(gain: Array, plant: Plant) -> nn.Sequential:
    """U = clip(-K x) as a network, so that it is bounded like any other policy."""
    layer = nn.Linear(gain.shape[1], gain.shape[0], bias=False)
    layer.weight.data = torch.as_tensor(-gain, dtype=torch.float32)
    limit = float(plant.action_high[0])
    return nn.Sequential(layer, nn.Hardtanh(-limit, limit))


def _is_kept(
    plant: Plant, matrix: Array, gain: Array, level: float, safe: Box, budget: int
) -> bool:
    """Whether V <= level implies V <= (1 - spare) level one decision later."""
    loop = ClosedLoop(plant, saturated_linear(gain, plant))
    inside = Quadratic(matrix / level, np.zeros(len(matrix)), -1.0)
    return verify_sublevel(loop, inside, safe, _SPARE, budget).verdict == "holds"


def _regulator(plant: Plant, weights: Array, action_cost: float) -> tuple[Array, Array]:
    """P and K of the plant made linear at the origin."""
    origin = np.zeros((1, len(weights)))
    step = plant.affine(origin, origin)
    a, b = step.transition[0], step.control[0]
    r = action_cost * np.diag(1 / plant.action_high**2)
    p = solve_discrete_are(a, b, np.diag(weights), r)
    gain = np.linalg.solve(r + b.T @ p @ b, b.T @ p @ a)
    return (p + p.T) / 2, gain
