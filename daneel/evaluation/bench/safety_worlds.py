"""Tasks on which the shield is measured, each with a certificate and a policy that means well.

The policies are ordinary and imperfect, with noise on top as exploration has it: they break the
rule now and then. The reward says nothing about safety, so a shield can only lose some of it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from daneel.alignment.safety import (
    Box,
    BrakingCertificate,
    Certificate,
    Disc,
    DoubleIntegrator,
    Pendulum,
    Task,
    find_ellipsoid,
)

Array = NDArray[np.float64]
Policy = Callable[[Array, np.random.Generator], Array]
"""From an observation [state, goal] to an action."""

ROOM, GAP = 4.0, 0.7
"""Half the side of the navigation room, and the least distance between obstacles, m."""


@dataclass(frozen=True)
class World:
    """Everything that an episode needs."""

    task: Task
    certificate: Certificate
    policy: Policy


def navigation(seed: int) -> World:
    """A point mass among six round obstacles in a room, from anywhere at rest to a goal."""
    rng = np.random.default_rng(seed)
    plant, discs = DoubleIntegrator(axes=2, dt=0.1, max_acceleration=2.0), _discs(rng, 6)
    centres = np.array([disc.centre for disc in discs])
    radii = np.array([disc.radius for disc in discs])

    def clear(points: Array) -> Array:
        return (np.linalg.norm(points[:, None] - centres, axis=2) - radii).min(1)

    def free(rng: np.random.Generator) -> Array:
        while True:
            point = rng.uniform(-0.9 * ROOM, 0.9 * ROOM, 2)
            if clear(point[None])[0] > 0.4:
                return point

    task = Task(
        plant,
        begin=lambda rng: (np.concatenate([free(rng), np.zeros(2)]), free(rng)),
        reward=lambda before, after, goal: float(
            np.linalg.norm(before[:2] - goal) - np.linalg.norm(after[:2] - goal)
        ),
        unsafe=lambda states: (clear(states[:, :2]) < 0) | (np.abs(states[:, :2]) > ROOM).any(1),
        steps=100,
    )
    ends = (-ROOM, -ROOM), (ROOM, ROOM)
    certificate = BrakingCertificate(plant, discs, *ends)

    def policy(seen: Array, rng: np.random.Generator) -> Array:
        return _around(seen, centres, radii) + rng.normal(size=2)

    return World(task, certificate, policy)


def line(seed: int) -> World:
    """A mass on a rail of length 2 that follows a goal, with a policy that overshoots."""
    del seed  # there is one rail
    plant = DoubleIntegrator(axes=1, dt=0.1, max_acceleration=1.0)

    def policy(seen: Array, rng: np.random.Generator) -> Array:
        p, v, goal = seen
        return np.array([4.0 * (goal - p) - 2.0 * v + 0.5 * rng.normal()])

    task = Task(
        plant,
        begin=lambda rng: (np.array([rng.uniform(-0.9, 0.9), 0.0]), rng.uniform(-0.95, 0.95, 1)),
        reward=lambda before, after, goal: float(np.exp(-(((after[0] - goal[0]) / 0.1) ** 2))),
        unsafe=lambda states: np.abs(states[:, 0]) > 1.0,
        steps=100,
    )
    return World(task, BrakingCertificate(plant, (), (-1.0,), (1.0,)), policy)


def pendulum(seed: int) -> World:
    """Gymnasium's pendulum held at a small angle; beyond 0.35 rad the torque no longer suffices."""
    del seed
    plant, safe = Pendulum(), Box((-0.35, -1.2), (0.35, 1.2))
    certificate = find_ellipsoid(plant, safe)
    low, high = safe.ends()

    def begin(rng: np.random.Generator) -> tuple[Array, Array]:
        while True:
            state = rng.uniform(low, high)
            if certificate.contains(1.1 * state):
                return state, rng.uniform(-0.1, 0.1, 1)

    def policy(seen: Array, rng: np.random.Generator) -> Array:
        angle, speed, goal = seen
        hold = -5.0 * np.sin(goal)  # the torque that balances gravity there
        return np.array([hold - 14.0 * (angle - goal) - 2.0 * speed + 1.5 * rng.normal()])

    task = Task(
        plant,
        begin=begin,
        reward=lambda before, after, goal: float(np.exp(-(((after[0] - goal[0]) / 0.1) ** 2))),
        unsafe=lambda states: ~safe.contains(states),
        steps=100,
    )
    return World(task, certificate, policy)


WORLDS: dict[str, Callable[[int], World]] = {
    "navigation among obstacles": navigation,
    "double integrator": line,
    "pendulum": pendulum,
}
"""By the name that the table shows."""


def _discs(rng: np.random.Generator, count: int) -> tuple[Disc, ...]:
    found: list[Disc] = []
    while len(found) < count:
        centre, radius = rng.uniform(-0.8 * ROOM, 0.8 * ROOM, 2), float(rng.uniform(0.3, 0.8))
        gaps = [np.linalg.norm(centre - d.centre) - radius - d.radius for d in found]
        if min(gaps, default=np.inf) > GAP:
            found.append(Disc((float(centre[0]), float(centre[1])), radius))
    return tuple(found)


def _around(seen: Array, centres: Array, radii: Array) -> Array:
    """Towards the goal, turned away from obstacles that are near (an artificial potential)."""
    p, v, goal = seen[:2], seen[2:4], seen[4:]
    to_goal = goal - p
    distance = float(np.linalg.norm(to_goal)) + 1e-9
    wanted = to_goal / distance * min(1.5, 1.2 * distance)
    for centre, radius in zip(centres, radii, strict=True):
        away = p - centre
        gap = float(np.linalg.norm(away)) - radius
        if gap < 0.6:
            normal = away / np.linalg.norm(away)
            along = np.array([-normal[1], normal[0]])
            along = along * (np.sign(along @ to_goal) or 1.0)
            wanted = wanted + (0.6 - gap) / 0.6 * 1.2 * (normal + along)
    return 3.0 * (wanted - v)
