"""What a controller is: a law with a few gains, for many copies at once.

Legend: N copies, Q joints, A actuators, G numbers of a goal, K gains.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class Moment(NamedTuple):
    """All that a law sees, at one decision."""

    positions: Floats
    """What the position sensors say, less what is known of their bias [N, Q]."""
    velocities: Floats
    """What the velocity sensors say [N, Q]."""
    goals: Floats
    """[N, G]."""
    seconds: float
    """Since the episode began."""


Law = Callable[[Moment, Floats], Floats]
"""A moment and gains [N, K] to actions [N, A]; they are clipped to [-1, 1]."""


@dataclass(frozen=True)
class Controller:
    """A law, and where the search for its gains begins."""

    law: Law
    """What to do."""
    gains: tuple[float, ...]
    """First guess [K]."""
    spread: tuple[float, ...]
    """How far off the guess may be: standard deviations of the first search [K]."""


def columns(values: Floats) -> tuple[Floats, ...]:
    """The columns of `values` [N, K], each [N]."""
    return tuple(values.T)
