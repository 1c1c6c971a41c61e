"""Scripts of a hand above a table: reach, push, pick and place. In metres, for any arm.

A script looks at a `Scene` and says where the hand should go from where it is; a module of an arm
makes scenes from its observations and actions from the answers. Vectors are [x, y, z], z up.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Scene:
    """What a script sees."""

    hand: np.ndarray
    """Position of the point between the fingertips [3]."""
    thing: np.ndarray
    """Position of the object's centre [3]; the hand's where the task has no object."""
    goal: np.ndarray
    """Where the thing should be [3]."""


@dataclass(frozen=True)
class Command:
    """What a script wants."""

    displacement: np.ndarray
    """Where the hand should be, from where it is [3]."""
    closed: bool = True
    """Whether the fingers should close."""


Script = Callable[[Scene], Command]


def reach(scene: Scene) -> Command:
    """The hand goes straight to the goal."""
    return Command(scene.goal - scene.hand)


@dataclass(frozen=True)
class Push:
    """Gets behind the thing, seen from the goal, and pushes it there with closed fingers."""

    contact: float
    """Distance of hand and thing when they touch."""
    height: float = 0.0
    """Height of the hand above the thing's centre while it pushes."""
    tolerance: float = 0.01
    """Distance from the goal at which to stop."""
    margin: float = 0.025
    """Distance to keep from the thing before the push."""
    clearance: float = 0.06
    """Height above the thing at which the hand may cross it."""
    lateral_gain: float = 1.5
    """How fast the hand gets back to the line from the thing to the goal."""
    stride: float = 0.05
    """Longest push in a decision; a faster hand knocks light things away."""
    eagerness: float = 0.4
    """How fast it pushes for the distance that remains; more, and the thing slides on."""

    def __call__(self, scene: Scene) -> Command:
        """The next command."""
        to_goal = _flat(scene.goal - scene.thing)
        remaining = float(np.linalg.norm(to_goal))
        if remaining < self.tolerance:
            return Command(np.zeros(3))
        heading = to_goal / remaining
        offset = _flat(scene.hand - scene.thing)
        behind = -float(offset @ heading)
        aside = offset + behind * heading
        above = scene.hand[2] - scene.thing[2] - self.height
        if behind > 0.5 * self.contact and np.linalg.norm(aside) < 0.02 and above < 0.015:
            ahead = max(behind - self.contact, 0.0) + self.eagerness * remaining
            motion = heading * min(ahead, self.stride)
            return Command(motion - self.lateral_gain * aside - _up(above))
        to_start = -(self.contact + self.margin) * heading - offset
        if behind > self.contact + 0.006 and np.linalg.norm(aside) < 0.015:
            return Command(0.5 * to_start - _up(above))
        return Command(to_start * self._may_cross(offset, above) + _up(self.clearance - above))

    def _may_cross(self, offset: np.ndarray, above: float) -> bool:
        """Whether the hand is far enough from the thing, or high enough above it."""
        away = float(np.linalg.norm(offset)) > self.contact + 0.02
        return away or above > self.clearance - 0.02


@dataclass
class PickPlace:
    """Grasps the thing from above and carries it to the goal."""

    closing: int
    """Decisions that the fingers need to close on the thing."""
    hover: float = 0.08
    """Height above the thing from which to descend."""
    lift: float = 0.0
    """Height above the goal at which to carry the thing there."""
    pace: float = 0.05
    """Longest way to carry the thing in a decision; faster, and heavy things slip."""
    _descends: bool = False
    _held: int = 0

    def __call__(self, scene: Scene) -> Command:
        """The next command."""
        offset = scene.thing - scene.hand
        if np.linalg.norm(offset) > (0.015 if self._held == 0 else 0.045):
            self._held = 0
            return Command(self._approach(offset), closed=False)
        self._held += 1
        if self._held <= self.closing:
            return Command(offset)
        return Command(self._carry(scene.goal - scene.thing))

    def _approach(self, offset: np.ndarray) -> np.ndarray:
        """Over the thing, then down, unless the hand strays far aside on the way."""
        aside = float(np.linalg.norm(_flat(offset)))
        self._descends = aside < (0.03 if self._descends else 0.012)
        return offset if self._descends else _flat(offset) + _up(offset[2] + self.hover)

    def _carry(self, to_goal: np.ndarray) -> np.ndarray:
        """Up to the height of the lift, along, and down."""
        if self.lift and np.linalg.norm(_flat(to_goal)) > 0.03:
            to_goal = to_goal + _up(self.lift)
            to_goal = to_goal * ([0.2, 0.2, 1.0] if to_goal[2] > 0.02 else 1.0)
        return to_goal * min(1.0, self.pace / max(float(np.linalg.norm(to_goal)), 1e-6))


def _flat(vector: np.ndarray) -> np.ndarray:
    return vector * [1.0, 1.0, 0.0]


def _up(height: float) -> np.ndarray:
    return np.array([0.0, 0.0, height])
