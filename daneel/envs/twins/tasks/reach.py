"""Reach: a planar arm of two links, upright, holds its tip at a point. Gravity pulls."""

from __future__ import annotations

import numpy as np

from daneel.envs.twins.mechanism import Link, Mechanism
from daneel.envs.twins.parameters import Floats
from daneel.envs.twins.task import Task

UPPER, FORE = 0.40, 0.35
"""Lengths of the links, metres."""
TOLERANCE = 0.03
"""Metres from the point."""

_UP = (0.0, -1.0, 0.0)  # positive angles lift
_MECHANISM = Mechanism(
    links=(
        Link(
            "shoulder",
            "hinge",
            _UP,
            mass=2.0,
            com=(0.5 * UPPER, 0, 0),
            inertia=(0.002, 0.06, 0.06),
            damping=1.5,
            friction=0.3,
            force=30.0,
        ),
        Link(
            "elbow",
            "hinge",
            _UP,
            parent="shoulder",
            at=(UPPER, 0, 0),
            mass=1.2,
            com=(0.6 * FORE, 0, 0),
            inertia=(0.001, 0.03, 0.03),
            limits=(-2.6, 2.6),
            damping=0.8,
            friction=0.15,
            force=9.0,
        ),
    )
)


def tip(positions: Floats) -> Floats:
    """Where the tip is, x and z [N, 2], for joint angles [N, 2]."""
    first, both = positions[:, 0], positions.sum(axis=1)
    return np.stack(
        [
            UPPER * np.cos(first) + FORE * np.cos(both),
            UPPER * np.sin(first) + FORE * np.sin(both),
        ],
        axis=1,
    )


def _distance(positions: Floats, velocities: Floats, goals: Floats) -> Floats:
    return np.linalg.norm(tip(positions) - goals, axis=1) / TOLERANCE


TASK = Task(
    name="Reach",
    mechanism=_MECHANISM,
    distance=_distance,
    home=(-1.2, 1.0),
    spread=(0.02, 0.02),
    goal_low=(0.30, -0.10),
    goal_high=(0.60, 0.35),
    load=("elbow",),
    biases=(0.10, 0.10),
    noise=(0.003, 0.003),
    decisions=60,
)
