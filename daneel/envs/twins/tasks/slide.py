"""Slide: a pusher strikes a puck, which must come to rest at a mark beyond the pusher's reach."""

from __future__ import annotations

import numpy as np

from daneel.envs.twins.mechanism import Contact, Link, Mechanism, Shape
from daneel.envs.twins.parameters import Floats
from daneel.envs.twins.task import Task

STROKE = 0.25
"""How far the pusher goes, metres."""
TOLERANCE = 0.06
"""Metres from the mark."""

_X = (1.0, 0.0, 0.0)
_HALF = (0.03, 0.03, 0.03)
_MECHANISM = Mechanism(
    links=(
        Link(
            "pusher",
            "slide",
            _X,
            mass=1.0,
            limits=(-0.15, STROKE),
            damping=2.0,
            friction=0.5,
            force=30.0,
            shapes=(Shape("box", _HALF),),
        ),
        Link(
            "puck",
            "slide",
            _X,
            mass=0.5,
            damping=0.1,
            friction=1.2,
            shapes=(Shape("box", _HALF),),
        ),
    ),
    contacts=(Contact("pusher", "puck", 0.2),),
)


def _distance(positions: Floats, velocities: Floats, goals: Floats) -> Floats:
    return np.abs(positions[:, 1] - goals[:, 0]) / TOLERANCE


TASK = Task(
    name="Slide",
    mechanism=_MECHANISM,
    distance=_distance,
    home=(-0.1, 0.0),
    spread=(0.005, 0.005),
    goal_low=(0.5,),
    goal_high=(1.0,),
    load=("puck",),
    biases=(0.02, 0.03),
    noise=(0.001, 0.002),
    substeps=5,
    decisions=100,
)
