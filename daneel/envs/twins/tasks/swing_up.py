"""Swing-up: a pendulum too heavy for its motor is swung up and kept upright."""

from __future__ import annotations

import numpy as np

from daneel.envs.twins.mechanism import Link, Mechanism
from daneel.envs.twins.parameters import Floats
from daneel.envs.twins.task import Task

MASS, LENGTH = 1.0, 0.5
"""Of the bob, kilograms, and its distance from the axis, metres."""
TOLERANCE = 0.1
"""Radians from upright."""

_MECHANISM = Mechanism(
    links=(
        Link(
            "pendulum",
            "hinge",
            (0.0, 1.0, 0.0),
            mass=MASS,
            com=(0, 0, -LENGTH),
            inertia=(0.002, 0.002, 0.002),
            damping=0.02,
            friction=0.02,
            force=2.2,
        ),
    )
)


def from_upright(angles: Floats) -> Floats:
    """Angles measured from upright instead of from hanging, in [-pi, pi)."""
    return angles % (2 * np.pi) - np.pi


def _distance(positions: Floats, velocities: Floats, goals: Floats) -> Floats:
    return np.abs(from_upright(positions[:, 0])) / TOLERANCE


TASK = Task(
    name="SwingUp",
    mechanism=_MECHANISM,
    distance=_distance,
    home=(0.0,),
    spread=(0.2,),
    goal_low=(),
    goal_high=(),
    load=("pendulum",),
    biases=(0.20,),
    noise=(0.005,),
    decisions=150,
    hold=15,
)
