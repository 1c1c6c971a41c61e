"""What a task is: a mechanism, how episodes begin, what the goal is, when it is reached.

Legend: N copies, Q joints, A actuators, G numbers of a goal.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from daneel.envs.twins.mechanism import Mechanism
from daneel.envs.twins.parameters import Floats, ParameterSpace, space

Distance = Callable[[Floats, Floats, Floats], Floats]
"""Positions [N, Q], velocities [N, Q], goals [N, G] -> how far from the goal [N]; 1 is the edge."""


@dataclass(frozen=True)
class Task:
    """One task in both engines."""

    name: str
    """As in `Twin/NAME-v0`."""
    mechanism: Mechanism
    """What moves."""
    distance: Distance
    """Below 1 the goal is held; of the true state, not of what sensors say."""
    home: tuple[float, ...]
    """Mean of the first positions [Q]."""
    spread: tuple[float, ...]
    """First positions are uniform within this of `home` [Q]."""
    goal_low: tuple[float, ...]
    """Least goal [G]."""
    goal_high: tuple[float, ...]
    """Greatest goal [G]."""
    load: tuple[str, ...]
    """Links whose mass is not known."""
    biases: tuple[float, ...]
    """Greatest bias of each position sensor [Q]."""
    noise: tuple[float, ...]
    """Standard deviation of the noise of each position sensor [Q]; velocities have ten times it."""
    substeps: int = 10
    """Steps of the simulator in a decision."""
    decisions: int = 75
    """Decisions of an episode."""
    hold: int = 8
    """The goal is to be held during so many last decisions."""

    @cached_property
    def space(self) -> ParameterSpace:
        """The parameters that may differ."""
        return space(self.mechanism.names, self.biases)

    @property
    def joints(self) -> int:
        """Q."""
        return len(self.home)

    @property
    def actuators(self) -> int:
        """A."""
        return len(self.mechanism.actuated)

    @property
    def decision_seconds(self) -> float:
        """Time from one decision to the next."""
        return self.substeps * self.mechanism.step

    def draw_start(self, rng: np.random.Generator, count: int) -> Floats:
        """First positions [count, Q]; nothing moves."""
        home, spread = np.asarray(self.home), np.asarray(self.spread)
        return home + spread * rng.uniform(-1, 1, (count, self.joints))

    def draw_goal(self, rng: np.random.Generator, count: int) -> Floats:
        """Goals [count, G]."""
        return rng.uniform(self.goal_low, self.goal_high, (count, len(self.goal_low)))
