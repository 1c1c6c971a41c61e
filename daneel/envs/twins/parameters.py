"""What differs between a simulator and its twin, and how likely each value is.

P parameters: scales of mass, friction, damping and actuator strength, the delay of commands, the
noise of the sensors, and the bias of each position sensor. The ranges are public, as a data sheet
is; the values of a twin are not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

COMMON = ("mass", "friction", "damping", "gain", "delay", "noise")
"""The parameters that every mechanism has; biases follow."""
MASS, FRICTION, DAMPING, GAIN, DELAY, NOISE = range(len(COMMON))

_LOW = (0.55, 0.5, 0.5, 0.65, 0.0, 0.5)
_HIGH = (1.9, 2.0, 2.0, 1.4, 0.06, 2.0)
_NOMINAL = (1.0, 1.0, 1.0, 1.0, 0.0, 1.0)
_LOGARITHMIC = (True, True, True, True, False, True)


@dataclass(frozen=True)
class ParameterSpace:
    """Names and ranges of the parameters of one mechanism."""

    names: tuple[str, ...]
    """P names: the common ones, then `bias:JOINT` for each joint."""
    low: Floats
    """Least value of each [P]."""
    high: Floats
    """Greatest value of each [P]."""
    nominal: Floats
    """What the source simulator has [P]."""
    logarithmic: NDArray[np.bool_]
    """Which are scales, uniform in their logarithm [P]."""

    def draw(self, rng: np.random.Generator, count: int) -> Floats:
        """Values from the prior [count, P]."""
        return self.from_unit(rng.random((count, len(self.names))))

    def from_unit(self, unit: Floats) -> Floats:
        """Values [..., P] of numbers from 0 to 1, in which the prior is uniform."""
        low, high = self._squeezed(self.low), self._squeezed(self.high)
        values = low + (high - low) * np.clip(unit, 0.0, 1.0)
        return np.where(self.logarithmic, np.exp(np.where(self.logarithmic, values, 0.0)), values)

    def to_unit(self, values: Floats) -> Floats:
        """The numbers from 0 to 1 that stand for `values` [..., P]."""
        low, high = self._squeezed(self.low), self._squeezed(self.high)
        return (self._squeezed(values) - low) / (high - low)

    def _squeezed(self, values: Floats) -> Floats:
        return np.where(self.logarithmic, np.log(np.where(self.logarithmic, values, 1.0)), values)


def space(joints: Sequence[str], biases: Sequence[float]) -> ParameterSpace:
    """The parameters of a mechanism with these joints.

    Args:
        joints: Names of its Q joints.
        biases: Greatest bias of each position sensor, either way [Q]; metres or radians.
    """
    largest = np.asarray(biases, float)
    return ParameterSpace(
        names=(*COMMON, *(f"bias:{name}" for name in joints)),
        low=np.concatenate([_LOW, -largest]),
        high=np.concatenate([_HIGH, largest]),
        nominal=np.concatenate([_NOMINAL, np.zeros_like(largest)]),
        logarithmic=np.concatenate([_LOGARITHMIC, np.zeros(len(largest), bool)]),
    )
