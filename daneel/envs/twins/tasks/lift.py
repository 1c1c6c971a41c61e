"""Lift: a gripper of two fingers picks a box from a table and holds it at a point."""

from __future__ import annotations

import numpy as np

from daneel.envs.twins.mechanism import Contact, Link, Mechanism, Shape
from daneel.envs.twins.parameters import Floats
from daneel.envs.twins.task import Task

HALF = 0.03
"""Half the side of the box, metres."""
TOLERANCE = 0.03
"""Metres from the point."""

_X, _Z = (1.0, 0.0, 0.0), (0.0, 0.0, 1.0)


def _finger(name: str, side: float) -> Link:
    return Link(
        name,
        "slide",
        (-side, 0.0, 0.0),  # positive positions close
        parent="lift",
        at=(side * 0.07, 0, 0),
        mass=0.1,
        limits=(0.0, 0.06),
        damping=2.0,
        force=20.0,
        shapes=(Shape("box", (0.01, 0.03, 0.03)),),
    )


_MECHANISM = Mechanism(
    links=(
        Link("gantry", "slide", _X, mass=0.8, damping=4.0, friction=0.4, force=20.0),
        Link(
            "lift",
            "slide",
            _Z,
            parent="gantry",
            mass=0.6,
            limits=(0.02, 0.5),
            damping=4.0,
            friction=0.4,
            force=40.0,
        ),
        _finger("left", -1.0),
        _finger("right", 1.0),
        Link("box_x", "slide", _X, mass=0.02),
        Link("box_z", "slide", _Z, parent="box_x", at=(0, 0, HALF), mass=0.5,
             shapes=(Shape("box", (HALF, HALF, HALF)),)),
    ),
    contacts=(
        Contact("left", "box_z", 0.7),
        Contact("right", "box_z", 0.7),
        Contact("world", "box_z", 0.7),
    ),
    ground=(Shape("box", (1.0, 1.0, 0.1), (0, 0, -0.1)),),
    step=0.003,
)  # fmt: skip


def _distance(positions: Floats, velocities: Floats, goals: Floats) -> Floats:
    return np.linalg.norm(positions[:, 4:6] - goals, axis=1) / TOLERANCE


TASK = Task(
    name="Lift",
    mechanism=_MECHANISM,
    distance=_distance,
    home=(-0.10, 0.20, 0.0, 0.0, 0.0, 0.0),
    spread=(0.01, 0.01, 0.0, 0.0, 0.01, 0.0),
    goal_low=(0.08, 0.10),
    goal_high=(0.25, 0.25),
    load=("box_z",),
    biases=(0.03, 0.03, 0.005, 0.005, 0.03, 0.03),
    noise=(0.001, 0.001, 0.001, 0.001, 0.002, 0.002),
    substeps=10,
    decisions=100,
)
