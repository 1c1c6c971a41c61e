"""A network policy on a plant of known dynamics: simulated, and enclosed.

Sets of states are affine forms: a state that began at z in [-1, 1]^S is now centre + spread z +- e.
The network is replaced by planes below and above it over the box that holds the form
(`daneel.alignment.verification.linear_bounds`, which cover the deployed float32 network), the plant
by its own affine bounds; what both leave out goes into e. Dependence on the beginning is kept from
step to step, so the enclosure of k steps grows with what is unknown, not with k. (Zonotope
reachability: Girard 2005, HSCC; neural-network feedback: Everett et al. 2021, arXiv:2108.04140.)

Legend: N sets at once, S state, A action dimensions; float64.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from daneel.alignment.safety.plants import ROUNDING, Array, Plant
from daneel.alignment.verification import linear_bounds
from daneel.errors import ConfigError

_LARGEST = 1e6
"""Sets that reach farther than this from the origin are given up."""


@dataclass(frozen=True)
class Forms:
    """N sets: all centre + spread z + e, z in [-1, 1]^S, |e| <= error."""

    centre: Array
    """`[N, S]`."""
    spread: Array
    """`[N, S, S]`."""
    error: Array
    """`[N, S]`."""

    @classmethod
    def boxes(cls, low: Array, high: Array) -> Forms:
        """Boxes with these corners `[N, S]`."""
        half = (high - low) / 2
        spread = half[:, :, None] * np.eye(low.shape[1])
        return cls((low + high) / 2, spread, ROUNDING * (1 + np.abs(low) + np.abs(high)))

    def hull(self) -> tuple[Array, Array]:
        """Corners `[N, S]` of the smallest boxes around them."""
        half = np.abs(self.spread).sum(2) + self.error
        return self.centre - half, self.centre + half

    def parts(self) -> tuple[Array, Array, Array]:
        """Centre, spread, error."""
        return self.centre, self.spread, self.error


@dataclass(frozen=True)
class ClosedLoop:
    """A plant and the network that drives it, from its state `[N, S]` to actions `[N, A]`.

    The network's outputs are cut to the plant's bounds, as an environment does; the enclosure
    knows that too.
    """

    plant: Plant
    """Known dynamics."""
    policy: nn.Module
    """Float32."""

    def actions(self, states: Array) -> Array:
        """What the deployed float32 network does, `[N, A]`.

        Raises:
            ConfigError: It answers with another number of actions than the plant takes.
        """
        with torch.no_grad():
            found = self.policy(torch.as_tensor(states, dtype=torch.float32)).double().numpy()
        if found.shape[1:] != self.plant.action_low.shape:
            raise ConfigError(
                f"The policy gives {found.shape[1:]} actions, the plant takes "
                f"{self.plant.action_low.shape}. Expected as many. Choose the plant it is for."
            )
        return np.clip(found, self.plant.action_low, self.plant.action_high)

    def step(self, states: Array) -> Array:
        """States `[N, S]` after one decision of the network."""
        return self.plant.step(states, self.actions(states))

    def rollout(self, states: Array, steps: int) -> Array:
        """All states on the way, `[steps + 1, N, S]`."""
        found = [states]
        for _ in range(steps):
            found.append(self.step(found[-1]))
        return np.stack(found)

    def advance(self, forms: Forms) -> Forms:
        """Sets that hold every state one decision after a state of `forms`.

        Where a set has grown beyond all use, the next one is everything (an infinite error).
        """
        low, high = forms.hull()
        lost = ~np.all(np.maximum(np.abs(low), np.abs(high)) < _LARGEST, axis=1)
        if lost.any():
            forms = Forms(*(np.where(_like(lost, part), 0.0, part) for part in forms.parts()))
            low, high = forms.hull()
        gain, bias, radius = self._enclose(low, high)
        plant = self.plant.affine(low, high)
        closed = plant.transition + plant.control @ gain
        centre = _apply(closed, forms.centre) + _apply(plant.control, bias) + plant.offset
        spread = closed @ forms.spread
        error = _apply(np.abs(closed), forms.error) + plant.error
        error = error + _apply(np.abs(plant.control), radius)
        error = np.where(lost[:, None], np.inf, error + ROUNDING * (1 + np.abs(centre)))
        return Forms(centre, spread, error)

    def _enclose(self, low: Array, high: Array) -> tuple[Array, Array, Array]:
        """The policy on each box: gain x + bias +- radius, `[N, A, S]`, `[N, A]`, `[N, A]`."""
        # Outward to float32: the network sees the state rounded to it.
        room = 2.0**-23 * np.maximum(np.abs(low), np.abs(high)) + 2.0**-126
        found = linear_bounds(self.policy, _tensor(low - room), _tensor(high + room))
        below, above = found.lower_weight.numpy(), found.upper_weight.numpy()
        gain = (below + above) / 2
        middle, half = (low + high) / 2, (high - low) / 2 + room
        top = _most(above - gain, found.upper_bias.numpy(), middle, half)
        bottom = -_most(gain - below, -found.lower_bias.numpy(), middle, half)
        seen = _apply(np.abs(gain), room)  # gain of the true state, not of the rounded one
        bias, radius = (top + bottom) / 2, (top - bottom) / 2 + seen
        return self._cut(gain, bias, radius, found.low.numpy(), found.high.numpy())

    def _cut(
        self, gain: Array, bias: Array, radius: Array, least: Array, most: Array
    ) -> tuple[Array, Array, Array]:
        """The same after actions are cut to their bounds.

        Planes survive the cut only where the network keeps the bounds by itself; elsewhere, and
        wherever they are tighter, constants take their place.
        """
        low, high = self.plant.action_low, self.plant.action_high
        inside = (least >= low) & (most <= high)
        least, most = np.clip(least, low, high), np.clip(most, low, high)
        flat = (most - least) / 2
        use = ~inside | (flat <= radius)
        gain = np.where(use[..., None], 0.0, gain)
        return gain, np.where(use, (least + most) / 2, bias), np.where(use, flat, radius)


def reach(loop: ClosedLoop, forms: Forms, steps: int) -> Sequence[Forms]:
    """The sets after 1 .. steps decisions."""
    found = []
    for _ in range(steps):
        forms = loop.advance(forms)
        found.append(forms)
    return found


def _like(mask: NDArray[np.bool_], array: Array) -> NDArray[np.bool_]:
    """A mask `[N]` with as many axes as the array."""
    return mask.reshape(-1, *(1,) * (array.ndim - 1))


def _apply(matrices: Array, vectors: Array) -> Array:
    return np.einsum("nij,nj->ni", matrices, vectors)


def _most(slope: Array, bias: Array, middle: Array, half: Array) -> Array:
    """Largest slope x + bias over boxes."""
    return _apply(slope, middle) + _apply(np.abs(slope), half) + bias


def _tensor(values: Array) -> torch.Tensor:
    return torch.as_tensor(values, dtype=torch.float64)
