"""Hop: a body on one springy leg hops to a mark and goes on hopping there."""

from __future__ import annotations

import numpy as np

from daneel.envs.twins.mechanism import Contact, Link, Mechanism, Shape
from daneel.envs.twins.parameters import Floats
from daneel.envs.twins.task import Task

LEG, FOOT = 0.5, 0.03
"""From the hip to the middle of the foot at rest, and the radius of the foot, metres."""
TOLERANCE = 0.15
"""Metres from the mark."""

_X, _Z = (1.0, 0.0, 0.0), (0.0, 0.0, 1.0)
_MECHANISM = Mechanism(
    links=(
        Link("travel", "slide", _X, mass=0.1, damping=0.1),
        Link(
            "height",
            "slide",
            _Z,
            parent="travel",
            at=(0, 0, LEG + FOOT),
            mass=4.0,
            shapes=(Shape("sphere", (0.1,)),),
        ),
        Link(
            "hip",
            "hinge",
            (0.0, -1.0, 0.0),  # positive angles bring the foot forward
            parent="height",
            mass=0.3,
            com=(0, 0, -0.15),
            inertia=(0.01, 0.01, 0.001),
            limits=(-1.0, 1.0),
            damping=0.5,
            friction=0.1,
            force=25.0,
        ),
        Link(
            "leg",
            "slide",
            _Z,
            parent="hip",
            at=(0, 0, -LEG),
            mass=0.2,
            inertia=(5e-4, 5e-4, 5e-4),
            limits=(-0.02, 0.25),
            damping=6.0,
            stiffness=2500.0,
            force=150.0,
            shapes=(Shape("sphere", (FOOT,)),),
        ),
    ),
    contacts=(Contact("world", "leg", 0.9), Contact("world", "height", 0.9)),
    ground=(Shape("box", (10.0, 1.0, 0.5), (0, 0, -0.5)),),
    step=0.002,
)


def _distance(positions: Floats, velocities: Floats, goals: Floats) -> Floats:
    fallen = positions[:, 1] < -0.3
    return np.abs(positions[:, 0] - goals[:, 0]) / TOLERANCE + 10.0 * fallen


TASK = Task(
    name="Hop",
    mechanism=_MECHANISM,
    distance=_distance,
    home=(0.0, 0.15, 0.0, 0.0),
    spread=(0.02, 0.02, 0.02, 0.0),
    goal_low=(0.6,),
    goal_high=(1.2,),
    load=("height",),
    biases=(0.05, 0.03, 0.06, 0.005),
    noise=(0.002, 0.002, 0.003, 0.001),
    decisions=200,
    hold=15,
)
