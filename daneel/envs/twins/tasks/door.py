"""Door: a finger pushes a door with a closer open to an angle and keeps it there."""

from __future__ import annotations

import numpy as np

from daneel.envs.twins.mechanism import Contact, Link, Mechanism, Shape
from daneel.envs.twins.parameters import Floats
from daneel.envs.twins.task import Task

WIDTH, THICK, FINGER = 0.7, 0.02, 0.03
"""The door's width and half its thickness, and the finger's radius, metres."""
TOLERANCE = 0.04
"""Radians from the angle asked for."""

_X, _Y, _Z = (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)
_MECHANISM = Mechanism(
    links=(
        Link("finger_x", "slide", _X, mass=0.7, damping=5.0, friction=0.5, force=40.0),
        Link(
            "finger_y",
            "slide",
            _Y,
            parent="finger_x",
            mass=0.7,
            damping=5.0,
            friction=0.5,
            force=40.0,
            shapes=(Shape("cylinder", (FINGER, 0.05)),),
        ),
        Link(
            "door",
            "hinge",
            _Z,
            mass=5.0,
            com=(0.5 * WIDTH, 0, 0),
            inertia=(0.1, 0.2, 0.2),
            limits=(0.0, 1.8),
            damping=1.0,
            friction=0.6,
            stiffness=4.0,
            shapes=(Shape("box", (0.5 * WIDTH, THICK, 0.1), (0.5 * WIDTH, 0, 0)),),
        ),
    ),
    contacts=(Contact("finger_y", "door", 0.1),),
)


def _distance(positions: Floats, velocities: Floats, goals: Floats) -> Floats:
    return np.abs(positions[:, 2] - goals[:, 0]) / TOLERANCE


TASK = Task(
    name="Door",
    mechanism=_MECHANISM,
    distance=_distance,
    home=(0.5, -0.10, 0.0),
    spread=(0.01, 0.01, 0.0),
    goal_low=(0.5,),
    goal_high=(1.0,),
    load=("door",),
    biases=(0.02, 0.02, 0.10),
    noise=(0.001, 0.001, 0.003),
    decisions=75,
)
