"""Sets of states from which a plant can always be kept safe, and an action that does so.

A certificate is a proof in the form of a set: from every state in it, the backup action leads to a
state in it, and every state of it is safe. Whoever takes only actions whose next state is in the
set (margin at least 0), and the backup where there is none, never leaves it. That is a guarantee
for the plant in discrete time as it is written here, by induction over steps, not a tendency.

Legend: S state, A action dimensions, B actions at once, K conditions; float64, SI units.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from daneel.alignment.safety.plants import Array, DoubleIntegrator, Plant
from daneel.errors import ConfigError

SLACK = 1e-6
"""Room for rounding in every condition (metres, or a share): far above what actions in float32 and
states in float64 are off by, far below what matters."""


class Certificate(Protocol):
    """A controlled-invariant set of safe states."""

    @property
    def plant(self) -> Plant:
        """What it is about."""
        ...

    def margins(self, state: Array, actions: Array) -> Array:
        """How far inside the set each action `[B, A]` leads from `state [S]`: `[B, K]`.

        An action is certified if none is negative.
        """
        ...

    def backup(self, state: Array) -> Array:
        """The action `[A]` that keeps a state of the set in the set."""
        ...

    def contains(self, state: Array) -> bool:
        """Whether the guarantee begins here."""
        ...


@dataclass(frozen=True)
class Disc:
    """A round obstacle."""

    centre: tuple[float, ...]
    """Metres."""
    radius: float
    """Metres; the robot's own radius is added to it by whoever has one."""


@dataclass(frozen=True)
class BrakingCertificate:
    """A mass point among round obstacles and walls can stop, on a straight line, before them all.

    The set: the segment from p to where braking along -v ends is clear of every obstacle. Braking
    with a from speed s, in steps of dt, ends within

        L(s) = s^2 / (2 a) + a dt^2 / 8  for s >= a dt / 2,  else  s dt / 2

    on that line (the sampled last step is what the textbook's s^2 / (2 a) lacks), and after a step
    what is left of the way is L of the speed that is left, or less: the set is invariant. Between
    two samples an arc strays from its chord by at most |u| dt^2 / 8: obstacles are larger by that,
    so nothing is touched in between either. The backup brakes a millionth harder than the set asks
    for, so that actions rounded to float32 still end on the segment.
    """

    plant: DoubleIntegrator
    """Without disturbance."""
    obstacles: tuple[Disc, ...] = ()
    """What must not be entered."""
    low: tuple[float, ...] | None = None
    """Walls: least positions; None is none."""
    high: tuple[float, ...] | None = None
    """Largest positions."""
    _centres: Array = field(init=False, repr=False)
    _radii: Array = field(init=False, repr=False)
    _walls: Array = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Grow the obstacles by the margin of sampling.

        Raises:
            ConfigError: The plant has a disturbance, or an obstacle or wall has other dimensions.
        """
        axes = self.plant.axes
        if self.plant.disturbance:
            raise ConfigError(
                f"The plant has a disturbance of {self.plant.disturbance}. Expected 0: braking is "
                "certified without. Make the obstacles larger instead."
            )
        ends: list[Sequence[float]] = [disc.centre for disc in self.obstacles]
        ends += [end for end in (self.low, self.high) if end is not None]
        if any(len(end) != axes for end in ends) or any(d.radius <= 0 for d in self.obstacles):
            raise ConfigError(
                f"An obstacle or a wall does not fit a plant of {axes} axes. Expected {axes} "
                "numbers each and radii above 0. Correct the list."
            )
        margin = np.sqrt(axes) * self.plant.max_acceleration * self.plant.dt**2 / 8 + 2 * SLACK
        centres = np.array([d.centre for d in self.obstacles], float).reshape(-1, axes)
        low = np.full(axes, -np.inf) if self.low is None else np.array(self.low) + margin
        high = np.full(axes, np.inf) if self.high is None else np.array(self.high) - margin
        object.__setattr__(self, "_centres", centres)
        object.__setattr__(self, "_radii", np.array([d.radius for d in self.obstacles]) + margin)
        object.__setattr__(self, "_walls", np.stack([low, high]))

    def margins(self, state: Array, actions: Array) -> Array:
        """Distances, in metres, of the way from here to a stop after this action.

        Where the state itself is short of one by a rounding, no action has to be better than it.
        """
        after = self.plant.step(np.broadcast_to(state, (len(actions), len(state))), actions)
        here = np.broadcast_to(state[: self.plant.axes], after[:, : self.plant.axes].shape)
        return self._clearance(here, *self._stopping(after)) - np.minimum(0.0, self._now(state))

    def backup(self, state: Array) -> Array:
        """Braking along -v; the last step stops."""
        velocity = state[self.plant.axes :]
        speed = float(np.linalg.norm(velocity))
        if speed == 0.0:
            return np.zeros(self.plant.axes)
        return velocity * (-(1 + SLACK) * min(self._limit / speed, 1 / self.plant.dt))

    def contains(self, state: Array) -> bool:
        """Whether braking now stays clear."""
        return bool((self._now(state) >= -SLACK).all())

    @property
    def _limit(self) -> float:
        """The deceleration that the set counts on, m/s^2."""
        return self.plant.max_acceleration / (1 + 2 * SLACK)

    def _now(self, state: Array) -> Array:
        """Clearance of braking from here, `[K]`."""
        begin, end = self._stopping(state[None])
        return self._clearance(begin, begin, end)[0]

    def _stopping(self, states: Array) -> tuple[Array, Array]:
        """Where it is and where braking ends, `[B, axes]` each."""
        p, v = states[:, : self.plant.axes], states[:, self.plant.axes :]
        speed = np.linalg.norm(v, axis=1, keepdims=True)
        last = self._limit * self.plant.dt / 2
        fast = speed / (2 * self._limit) + last * self.plant.dt / (4 * np.maximum(speed, last))
        return p, p + v * np.where(speed >= last, fast, self.plant.dt / 2)

    def _clearance(self, a: Array, b: Array, c: Array) -> Array:
        """How far the polyline a b c stays from obstacles and walls, `[B, K]`."""
        corners = np.stack([a, b, c], axis=1)
        walls = np.minimum(corners - self._walls[0], self._walls[1] - corners)
        parts = [walls.min(axis=1)]
        if len(self._radii):
            first, second = self._distances(a, b), self._distances(b, c)
            parts.append(np.minimum(first, second) - self._radii)
        return np.concatenate(parts, axis=1)

    def _distances(self, a: Array, b: Array) -> Array:
        """From each centre to each segment, `[B, obstacles]`."""
        along = b - a
        length = np.maximum((along**2).sum(1), 1e-300)
        share = ((self._centres[None] - a[:, None]) * along[:, None]).sum(2) / length[:, None]
        nearest = a[:, None] + np.clip(share, 0, 1)[..., None] * along[:, None]
        return np.linalg.norm(self._centres[None] - nearest, axis=2)


@dataclass(frozen=True)
class EllipsoidCertificate:
    """States with x^T P x <= level, kept there by u = clip(-K x).

    That they are kept there is a claim about the plant: `daneel.alignment.safety.lyapunov` makes
    certificates of which it was proved.
    """

    plant: Plant
    """Its dynamics."""
    matrix: Array
    """P, `[S, S]`, positive definite."""
    level: float
    """Of the largest ellipsoid proved."""
    gain: Array
    """K, `[A, S]`."""

    def margins(self, state: Array, actions: Array) -> Array:
        """Share of the level that is left."""
        after = self.plant.step(np.broadcast_to(state, (len(actions), len(state))), actions)
        return 1 - SLACK - self._value(after)[:, None] / self.level

    def backup(self, state: Array) -> Array:
        """The linear law, within the bounds of the actions."""
        return np.clip(-self.gain @ state, self.plant.action_low, self.plant.action_high)

    def contains(self, state: Array) -> bool:
        """Whether it is in the ellipsoid."""
        return bool(self._value(state[None])[0] <= self.level)

    def _value(self, states: Array) -> Array:
        return np.einsum("bi,ij,bj->b", states, self.matrix, states)
