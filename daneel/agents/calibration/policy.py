"""What acts on a machine: a controller with gains, told what its sensors and actuators are like.

What is known of the machine is taken care of before and after the law: bias is taken off the
positions, positions are carried on by as long as commands are late, and forces are divided by the
strength of the actuators. What that leaves (mass, friction, damping) is for the gains.

Legend: N copies, P parameters, K gains, Q joints, A actuators, G numbers of a goal.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from daneel.agents.calibration.controllers import Controller, Moment
from daneel.envs.twins.parameters import COMMON, DELAY, GAIN, Floats

_SMOOTH = 0.8
"""Of the dither from one decision to the next."""


class Acting(Protocol):
    """What acts through one episode."""

    def act(self, sensed: Floats, goals: Floats, seconds: float) -> Floats:
        """Actions [N, A] in [-1, 1].

        Args:
            sensed: What the sensors say [N, 2 Q].
            goals: [N, G].
            seconds: Since the episode began.
        """
        ...


class Actor(Protocol):
    """What can act through any number of episodes."""

    def begin(self) -> Acting:
        """Of a new episode."""
        ...


@dataclass(frozen=True)
class Machine:
    """What sensors and actuators are taken for, by each copy or (one row) by all."""

    bias: Floats
    """Of the position sensors [N, Q]."""
    strength: Floats
    """Of the actuators, as a multiple of what it should be [N, 1]."""
    delay: Floats
    """Of commands, seconds [N, 1]."""

    @classmethod
    def of(cls, parameters: Floats) -> Machine:
        """Of machines with these parameters [N, P]."""
        delay, strength = parameters[:, DELAY, None], parameters[:, GAIN, None]
        return cls(parameters[:, len(COMMON) :], strength, delay)

    @classmethod
    def between(cls, parameters: Floats) -> Machine:
        """In the middle of machines with these parameters [N, P], one row."""
        each = cls.of(parameters)
        strength = np.exp(np.log(each.strength).mean(axis=0, keepdims=True))
        return cls(
            each.bias.mean(axis=0, keepdims=True), strength, each.delay.mean(axis=0, keepdims=True)
        )


@dataclass(frozen=True)
class Policy:
    """A controller with gains on a machine; it has no memory."""

    controller: Controller
    """What to do."""
    gains: Floats
    """Of all copies [K], or of each [N, K]."""
    machine: Machine
    """What its sensors and actuators are taken for."""

    def begin(self) -> Policy:
        """Itself: every episode is alike to it."""
        return self

    def act(self, sensed: Floats, goals: Floats, seconds: float) -> Floats:
        """Actions [N, A] in [-1, 1]; arguments are those of `Acting`."""
        gains = np.broadcast_to(self.gains, (len(sensed), self.gains.shape[-1]))
        positions, velocities = np.split(sensed, 2, axis=1)
        positions = positions - self.machine.bias + self.machine.delay * velocities
        action = self.controller.law(Moment(positions, velocities, goals, seconds), gains)
        return np.clip(np.nan_to_num(action / self.machine.strength), -1.0, 1.0)


class Dithered:
    """Acts as another, with noise that is smooth in time, so that there is more to see."""

    def __init__(self, acting: Acting, rng: np.random.Generator, deviation: float | Floats) -> None:
        """Puts noise of a standard deviation (of each copy [N, 1]) on what `acting` does."""
        self._acting, self._rng, self._deviation = acting, rng, deviation
        self._noise: float | Floats = 0.0

    def act(self, sensed: Floats, goals: Floats, seconds: float) -> Floats:
        """Actions [N, A] in [-1, 1]; arguments are those of `Acting`."""
        action = self._acting.act(sensed, goals, seconds)
        fresh = self._rng.standard_normal(action.shape)
        self._noise = _SMOOTH * self._noise + self._deviation * np.sqrt(1 - _SMOOTH**2) * fresh
        return np.clip(action + self._noise, -1.0, 1.0)
