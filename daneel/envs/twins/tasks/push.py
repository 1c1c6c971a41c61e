"""Push: a finger on a table pushes a puck to a point; it can push, not pull."""

from __future__ import annotations

import numpy as np

from daneel.envs.twins.mechanism import Contact, Link, Mechanism, Shape
from daneel.envs.twins.parameters import Floats
from daneel.envs.twins.task import Task

FINGER, PUCK = 0.02, 0.05
"""Radii, metres."""
TOLERANCE = 0.03
"""Metres from the point."""

_X, _Y = (1.0, 0.0, 0.0), (0.0, 1.0, 0.0)
_MECHANISM = Mechanism(
    links=(
        Link("finger_x", "slide", _X, mass=0.5, damping=2.0, friction=0.5, force=15.0),
        Link(
            "finger_y",
            "slide",
            _Y,
            parent="finger_x",
            mass=0.5,
            damping=2.0,
            friction=0.5,
            force=15.0,
            shapes=(Shape("cylinder", (FINGER, 0.03)),),
        ),
        Link("puck_x", "slide", _X, mass=0.05, damping=0.5, friction=1.2),
        Link(
            "puck_y",
            "slide",
            _Y,
            parent="puck_x",
            mass=0.6,
            damping=0.5,
            friction=1.2,
            shapes=(Shape("cylinder", (PUCK, 0.03)),),
        ),
    ),
    contacts=(Contact("finger_y", "puck_y", 0.2),),
)


def _distance(positions: Floats, velocities: Floats, goals: Floats) -> Floats:
    return np.linalg.norm(positions[:, 2:] - goals, axis=1) / TOLERANCE


TASK = Task(
    name="Push",
    mechanism=_MECHANISM,
    distance=_distance,
    home=(-0.15, 0.0, 0.0, 0.0),
    spread=(0.005, 0.005, 0.005, 0.005),
    goal_low=(0.20, -0.10),
    goal_high=(0.35, 0.10),
    load=("puck_y",),
    biases=(0.02, 0.02, 0.03, 0.03),
    noise=(0.001, 0.001, 0.002, 0.002),
    decisions=90,
)
