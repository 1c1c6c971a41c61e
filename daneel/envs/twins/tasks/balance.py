"""Balance: a pole on a cart stays upright and the cart comes back to the middle."""

from __future__ import annotations

import numpy as np

from daneel.envs.twins.mechanism import Link, Mechanism
from daneel.envs.twins.parameters import Floats
from daneel.envs.twins.task import Task

PLACE, ANGLE = 0.15, 0.15
"""Metres from the middle, radians from upright."""

_MECHANISM = Mechanism(
    links=(
        Link(
            "cart",
            "slide",
            (1.0, 0.0, 0.0),
            mass=1.0,
            limits=(-2.0, 2.0),
            damping=0.5,
            friction=0.3,
            force=15.0,
        ),
        Link(
            "pole",
            "hinge",
            (0.0, 1.0, 0.0),
            parent="cart",
            mass=0.3,
            com=(0, 0, 0.5),
            inertia=(0.02, 0.02, 0.001),
            damping=0.01,
        ),
    )
)


def _distance(positions: Floats, velocities: Floats, goals: Floats) -> Floats:
    place, angle = np.abs(positions[:, 0]) / PLACE, np.abs(positions[:, 1]) / ANGLE
    return np.maximum(place, angle)


TASK = Task(
    name="Balance",
    mechanism=_MECHANISM,
    distance=_distance,
    home=(0.0, 0.0),
    spread=(0.3, 0.10),
    goal_low=(),
    goal_high=(),
    load=("pole",),
    biases=(0.05, 0.10),
    noise=(0.002, 0.003),
    decisions=125,
    hold=25,
)
