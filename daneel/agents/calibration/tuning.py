"""Training a controller in randomised simulators: the cross-entropy method over its gains.

Rubinstein 1999, "The Cross-Entropy Method for Combinatorial and Continuous Optimization": draw
candidates from a normal distribution, refit it to the best, again. Every candidate meets the same
scenes (parameters, start, goal, noise), so that candidates differ by their gains alone; scenes
are drawn anew for each generation.

Legend: N copies = C candidates x S scenes, P parameters, K gains, Q joints, T decisions.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from daneel.agents.calibration.controllers import Controller, Moment
from daneel.envs.twins import MujocoEngine, Plant, Task
from daneel.envs.twins.parameters import COMMON, Floats
from daneel.errors import ConfigError

_COMMON = 0.8
"""Spread of a factor on all gains together, in the first generation: a stronger motor or a longer
delay asks for weaker gains, all of them."""
_FIRST, _FINAL = 3, 4
"""The first generation has so many times the candidates; the last choice so many times the scenes,
since the mean of good gains need not be good."""


@dataclass(frozen=True)
class TuningConfig:
    """How much to search."""

    generations: int = 10
    """Times the distribution is refitted."""
    candidates: int = 16
    """Gains tried in a generation."""
    scenes: int = 8
    """Episodes of each candidate in a generation."""
    elite: int = 4
    """Candidates that the distribution is refitted to."""

    def __post_init__(self) -> None:
        """Checks every field.

        Raises:
            ConfigError: A count is too small.
        """
        for name in ("generations", "scenes", "elite"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} is {getattr(self, name)}. Expected at least 1.")
        if self.candidates < self.elite:
            raise ConfigError(
                f"candidates is {self.candidates}. Expected at least elite = {self.elite}."
            )


@dataclass(frozen=True)
class Policy:
    """A controller with gains, and what it takes its sensors' bias for."""

    controller: Controller
    """What to do."""
    gains: Floats
    """[K]."""
    bias: Floats
    """Taken off the position sensors [Q]."""

    def act(self, sensed: Floats, goals: Floats, seconds: float) -> Floats:
        """Actions [N, A] in [-1, 1].

        Args:
            sensed: What the sensors say [N, 2 Q].
            goals: [N, G].
            seconds: Since the episode began.
        """
        gains = np.broadcast_to(self.gains, (len(sensed), len(self.gains)))
        return act(self.controller, gains, self.bias, sensed, goals, seconds)


def act(
    controller: Controller,
    gains: Floats,
    bias: Floats,
    sensed: Floats,
    goals: Floats,
    seconds: float,
) -> Floats:
    """Actions [N, A] of copies that have gains of their own [N, K]."""
    positions, velocities = np.split(sensed, 2, axis=1)
    action = controller.law(Moment(positions - bias, velocities, goals, seconds), gains)
    return np.clip(np.nan_to_num(action), -1.0, 1.0)


@dataclass(frozen=True)
class Outcome:
    """How episodes went."""

    cost: Floats
    """Logarithm of 1 + the distance from the goal in tolerances, mostly at the end [N]."""
    success: np.ndarray
    """Whether the goal was held to the end [N]."""


def play(
    task: Task,
    controller: Controller,
    gains: Floats,
    bias: Floats,
    parameters: Floats,
    rng: np.random.Generator,
    scenes: int,
) -> Outcome:
    """Plays an episode in every copy of the source simulator.

    Args:
        task: The task.
        controller: Of the task.
        gains: Of every copy [N, K].
        bias: Taken off the position sensors [Q].
        parameters: Of every copy [N, P].
        rng: Draws starts, goals and noise.
        scenes: S; copies i and i + S begin alike.
    """
    count = len(gains)
    again = np.arange(count) % scenes
    plant = Plant(task, MujocoEngine(task, parameters), parameters)
    start, goals = task.draw_start(rng, scenes)[again], task.draw_goal(rng, scenes)[again]
    plant.begin(start, np.zeros_like(start))
    far = np.empty((task.decisions, count))
    for at in range(task.decisions):
        seconds = at * task.decision_seconds
        sensed = plant.sense(rng)
        plant.step(act(controller, gains, bias, sensed, goals, seconds))
        far[at] = plant.distance(goals)
    near = np.log1p(far)
    cost = 0.9 * near[-task.hold :].mean(axis=0) + 0.1 * near.mean(axis=0)
    return Outcome(cost, np.asarray((far[-task.hold :] < 1).all(axis=0)))


def tune(
    task: Task,
    controller: Controller,
    parameters: Floats,
    rng: np.random.Generator,
    config: TuningConfig | None = None,
    *,
    start: Floats | None = None,
) -> Policy:
    """Finds gains that are good in simulators with any of `parameters`.

    The bias taken off the sensors is the mean of `parameters`; what is left of each row's bias is
    there during the search.

    Args:
        task: The task.
        controller: Of the task.
        parameters: What the simulator may have, one row each [D, P].
        rng: Draws candidates and scenes.
        config: How much to search.
        start: Gains to begin with [K]; the controller's first guess otherwise.
    """
    config = config or TuningConfig()
    bias = parameters[:, len(COMMON) :].mean(axis=0)
    first = np.array(controller.gains if start is None else start)
    trial = _Trial(task, controller, parameters, bias)
    mean, spread, best = first, np.array(controller.spread), first[None]
    for generation in range(config.generations):
        count = config.candidates * (_FIRST if generation == 0 else 1)
        tried = mean + spread * rng.standard_normal((count, len(mean)))
        tried *= np.exp(_COMMON * 0.5**generation * rng.standard_normal((count, 1)))
        tried[0] = mean
        order = np.argsort(trial.costs(tried, rng, config.scenes), kind="stable")
        best = tried[order[: config.elite]]
        mean, spread = best.mean(axis=0), 0.5 * spread + 0.5 * best.std(axis=0)
    last = np.concatenate([[first, mean], best])
    costs = trial.costs(last, rng, _FINAL * config.scenes)
    return Policy(controller, last[np.argmin(costs)], bias)


@dataclass(frozen=True)
class _Trial:
    task: Task
    controller: Controller
    parameters: Floats
    bias: Floats

    def costs(self, tried: Floats, rng: np.random.Generator, scenes: int) -> Floats:
        """Mean cost of each of the gains [C, K] in scenes that are the same for all [C]."""
        rows = rng.choice(len(self.parameters), scenes, len(self.parameters) < scenes)
        gains = np.repeat(tried, scenes, axis=0)
        drawn = np.tile(self.parameters[rows], (len(tried), 1))
        outcome = play(self.task, self.controller, gains, self.bias, drawn, rng, scenes)
        return outcome.cost.reshape(len(tried), -1).mean(axis=1)
