"""Plants whose dynamics are known: a step that is exact, and affine bounds of it over boxes.

Legend: N rows, S state dimensions, A action dimensions; arrays are float64, times in seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from daneel.errors import ConfigError

Array = NDArray[np.float64]

ROUNDING = 1e-12
"""Room given to float64 arithmetic, relative to values of ordinary size."""


@dataclass(frozen=True)
class AffineStep:
    """step(x, u) lies within transition x + control u + offset +- error, for x of a box, any u."""

    transition: Array
    """`[N, S, S]`."""
    control: Array
    """`[N, S, A]`."""
    offset: Array
    """`[N, S]`."""
    error: Array
    """`[N, S]`, infinite where nothing is promised."""


class Plant(Protocol):
    """A system in discrete time."""

    @property
    def dt(self) -> float:
        """Seconds between two decisions."""
        ...

    @property
    def action_low(self) -> Array:
        """Least actions `[A]`."""
        ...

    @property
    def action_high(self) -> Array:
        """Largest actions `[A]`."""
        ...

    def step(self, states: Array, actions: Array) -> Array:
        """States `[N, S]` one decision later, for actions `[N, A]` within their bounds."""
        ...

    def affine(self, low: Array, high: Array) -> AffineStep:
        """Bounds of the step over boxes of states, corners `[N, S]`."""
        ...


@dataclass(frozen=True)
class DoubleIntegrator:
    """Mass points: positions p, velocities v, acceleration u held for `dt`.

    The step is exact, not an Euler step: p' = p + v dt + u dt^2 / 2, v' = v + u dt. The state is
    [p, v], S = 2 `axes`.
    """

    axes: int = 1
    """Directions of space."""
    dt: float = 0.1
    """Seconds between decisions."""
    max_acceleration: float = 1.0
    """Bound on each axis, m/s^2."""
    disturbance: float = 0.0
    """Bound on what the model leaves out: an acceleration on each axis, constant over a step."""

    def __post_init__(self) -> None:
        """Refuse what is no plant."""
        _require_positive(axes=self.axes, dt=self.dt, max_acceleration=self.max_acceleration)
        _require(self.disturbance >= 0, "disturbance", self.disturbance, "0 or more")

    @property
    def action_low(self) -> Array:
        """Full braking."""
        return -self.action_high

    @property
    def action_high(self) -> Array:
        """Full acceleration."""
        return np.full(self.axes, self.max_acceleration)

    def step(self, states: Array, actions: Array) -> Array:
        """Without disturbance."""
        p, v = states[:, : self.axes], states[:, self.axes :]
        return np.concatenate(
            [p + v * self.dt + actions * (self.dt**2 / 2), v + actions * self.dt], axis=1
        )

    def affine(self, low: Array, high: Array) -> AffineStep:
        """Exact but for the disturbance and rounding."""
        count, eye = len(low), np.eye(self.axes)
        transition = np.block([[eye, self.dt * eye], [np.zeros_like(eye), eye]])
        control = np.concatenate([self.dt**2 / 2 * eye, self.dt * eye])
        error = ROUNDING * (1 + np.maximum(np.abs(low), np.abs(high)))
        error = error + self.disturbance * control.sum(1)
        return AffineStep(
            np.broadcast_to(transition, (count, *transition.shape)),
            np.broadcast_to(control, (count, *control.shape)),
            np.zeros((count, 2 * self.axes)),
            error,
        )


@dataclass(frozen=True)
class Pendulum:
    """Gymnasium's `Pendulum-v1`, angle from upright, with its own integrator.

    w' = w + dt (3 g / (2 l) sin a + 3 / (m l^2) u), a' = a + dt w'. The state is [a, w]. Gymnasium
    cuts w' to +-8 rad/s; where a box may come there the bounds promise nothing.
    """

    dt: float = 0.05
    """Seconds between decisions."""
    gravity: float = 10.0
    """m/s^2."""
    mass: float = 1.0
    """kg."""
    length: float = 1.0
    """m."""
    max_torque: float = 2.0
    """N m."""
    max_speed: float = 8.0
    """rad/s."""
    disturbance: float = 0.0
    """Bound on what the model leaves out: an angular acceleration, rad/s^2."""

    def __post_init__(self) -> None:
        """Refuse what is no plant."""
        _require_positive(dt=self.dt, mass=self.mass, length=self.length)
        _require_positive(max_torque=self.max_torque, max_speed=self.max_speed)
        _require(self.disturbance >= 0, "disturbance", self.disturbance, "0 or more")

    @property
    def action_low(self) -> Array:
        """Full torque one way."""
        return -self.action_high

    @property
    def action_high(self) -> Array:
        """Full torque the other way."""
        return np.array([self.max_torque])

    @property
    def _pull(self) -> float:
        return 3 * self.gravity / (2 * self.length)

    @property
    def _push(self) -> float:
        return 3 / (self.mass * self.length**2)

    def step(self, states: Array, actions: Array) -> Array:
        """Without disturbance, the speed cut as Gymnasium does."""
        angle, speed = states[:, 0], states[:, 1]
        speed = speed + self.dt * (self._pull * np.sin(angle) + self._push * actions[:, 0])
        speed = np.clip(speed, -self.max_speed, self.max_speed)
        return np.stack([angle + self.dt * speed, speed], axis=1)

    def affine(self, low: Array, high: Array) -> AffineStep:
        """The sine by its tangent in the middle: off by at most max|sin| half-width^2 / 2."""
        count, dt = len(low), self.dt
        middle, half = (low[:, 0] + high[:, 0]) / 2, (high[:, 0] - low[:, 0]) / 2
        slope, curved = np.cos(middle), self._pull * half**2 / 2
        curved = curved * np.minimum(1.0, np.maximum(np.abs(low[:, 0]), np.abs(high[:, 0])))
        rows = np.stack([dt * self._pull * slope, np.ones(count)], axis=1)
        transition = np.stack([dt * rows + np.array([1.0, 0.0]), rows], axis=1)
        control = np.array([[dt**2 * self._push], [dt * self._push]])
        constant = dt * self._pull * (np.sin(middle) - slope * middle)
        off = dt * (curved + self.disturbance) + ROUNDING * (1 + np.abs(high).max(1))
        fastest = np.maximum(np.abs(low[:, 1]), np.abs(high[:, 1]))
        fastest = fastest + dt * (self._pull + self._push * self.max_torque + self.disturbance)
        off = np.where(fastest <= self.max_speed, off, np.inf)
        return AffineStep(
            transition,
            np.broadcast_to(control, (count, 2, 1)),
            np.stack([dt * constant, constant], axis=1),
            np.stack([dt * off + ROUNDING, off], axis=1),
        )


def _require_positive(**values: float) -> None:
    for name, value in values.items():
        _require(value > 0, name, value, "a number above 0")


def _require(holds: bool, name: str, value: float, expected: str) -> None:
    if not holds:
        raise ConfigError(f"{name} is {value}. Expected {expected}. Change it where it is given.")
