"""Drawer: a hook in the handle of a drawer opens it as far as asked, no further."""

from __future__ import annotations

import numpy as np

from daneel.envs.twins.mechanism import Contact, Link, Mechanism, Shape
from daneel.envs.twins.parameters import Floats
from daneel.envs.twins.task import Task

TOLERANCE = 0.015
"""Metres from the opening asked for."""

_X = (1.0, 0.0, 0.0)
_BAR = (0.01, 0.05, 0.03)
_MECHANISM = Mechanism(
    links=(
        Link(
            "hook",
            "slide",
            _X,
            mass=1.0,
            damping=5.0,
            friction=0.5,
            force=40.0,
            shapes=(Shape("sphere", (0.02,)),),
        ),
        Link(
            "drawer",
            "slide",
            _X,
            mass=3.0,
            limits=(0.0, 0.5),
            damping=12.0,
            friction=5.0,
            shapes=(Shape("box", _BAR, (-0.04, 0, 0)), Shape("box", _BAR, (0.04, 0, 0))),
        ),
    ),
    contacts=(Contact("hook", "drawer", 0.3),),
)


def _distance(positions: Floats, velocities: Floats, goals: Floats) -> Floats:
    return np.abs(positions[:, 1] - goals[:, 0]) / TOLERANCE


TASK = Task(
    name="Drawer",
    mechanism=_MECHANISM,
    distance=_distance,
    home=(0.0, 0.0),
    spread=(0.004, 0.0),
    goal_low=(0.12,),
    goal_high=(0.35,),
    load=("drawer",),
    biases=(0.02, 0.025),
    noise=(0.001, 0.001),
    decisions=60,
)
