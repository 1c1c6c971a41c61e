"""Training a controller in randomised simulators: the cross-entropy method over its gains.

Rubinstein 1999, "The Cross-Entropy Method for Combinatorial and Continuous Optimization": draw
candidates from a normal distribution, refit it to the best, again. Every candidate meets the same
scenes (parameters, start, goal, noise), so that candidates differ by their gains alone; scenes
are drawn anew for each generation.

Legend: N copies = C candidates x S scenes, P parameters, K gains, Q joints, A actuators,
T decisions.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from daneel.agents.calibration.controllers import Controller
from daneel.agents.calibration.policy import Acting, Machine, Policy
from daneel.envs.twins import MujocoEngine, Plant, Task
from daneel.envs.twins.parameters import Floats
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
class Outcome:
    """How episodes went."""

    cost: Floats
    """Logarithm of 1 + the distance from the goal in tolerances, mostly at the end [N]."""
    success: np.ndarray
    """Whether the goal was held to the end [N]."""
    sensed: Floats
    """What the sensors said before each decision and after the last [T + 1, N, 2 Q]."""
    actions: Floats
    """[T, N, A]."""


def play(
    task: Task, acting: Acting, parameters: Floats, rng: np.random.Generator, scenes: int
) -> Outcome:
    """Plays an episode in every copy of the source simulator.

    Args:
        task: The task.
        acting: Acts in all copies.
        parameters: Of every copy [N, P].
        rng: Draws starts, goals and noise.
        scenes: S; copies i and i + S begin alike.
    """
    again = np.arange(len(parameters)) % scenes
    plant = Plant(task, MujocoEngine(task, parameters), parameters)
    start, goals = task.draw_start(rng, scenes)[again], task.draw_goal(rng, scenes)[again]
    plant.begin(start, np.zeros_like(start))
    far, sensed, actions = [], [plant.sense(rng)], []
    for at in range(task.decisions):
        actions.append(acting.act(sensed[-1], goals, at * task.decision_seconds))
        plant.step(actions[-1])
        far.append(plant.distance(goals))
        sensed.append(plant.sense(rng))
    held, near = np.array(far[-task.hold :]), np.log1p(far)
    cost = 0.9 * near[-task.hold :].mean(axis=0) + 0.1 * near.mean(axis=0)
    return Outcome(cost, np.asarray((held < 1).all(axis=0)), np.array(sensed), np.array(actions))


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

    Sensors and actuators are taken for the middle of `parameters`; what is left of each row's bias,
    strength and delay is there during the search.

    Args:
        task: The task.
        controller: Of the task.
        parameters: What the simulator may have, one row each [D, P].
        rng: Draws candidates and scenes.
        config: How much to search.
        start: Gains to begin with [K]; the controller's first guess otherwise.
    """
    config = config or TuningConfig()
    machine = Machine.between(parameters)
    first = np.array(controller.gains if start is None else start)
    trial = _Trial(task, controller, parameters, machine)
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
    return Policy(controller, last[np.argmin(costs)], machine)


@dataclass(frozen=True)
class _Trial:
    task: Task
    controller: Controller
    parameters: Floats
    machine: Machine

    def costs(self, tried: Floats, rng: np.random.Generator, scenes: int) -> Floats:
        """Mean cost of each of the gains [C, K] in scenes that are the same for all [C]."""
        rows = rng.choice(len(self.parameters), scenes, len(self.parameters) < scenes)
        gains = np.repeat(tried, scenes, axis=0)
        drawn = np.tile(self.parameters[rows], (len(tried), 1))
        policy = Policy(self.controller, gains, self.machine)
        outcome = play(self.task, policy, drawn, rng, scenes)
        return outcome.cost.reshape(len(tried), -1).mean(axis=1)
