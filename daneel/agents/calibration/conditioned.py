"""Gains that know the machine: the cross-entropy method over contexts, for rapid adaptation.

Rapid motor adaptation (Kumar et al. 2021, arXiv 2107.04034) trains one policy that is told the
parameters of its machine, in simulators that are told too, so that adapting is but a better guess
of the parameters. Here gains are linear in them, and found as in `tuning.py`, by contexts as in
contextual policy search (Kupcsik et al. 2013): in every generation machines are drawn from the
prior, on each some candidates around what the policy would do there meet the same scenes, and the
gains of the best of each are what the linear map is fitted to again (ridge regression).

The policy is told the parameters with errors, as it will be on a machine.

Legend: C machines, M candidates on each, S scenes of each, P parameters, F features, K gains.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from daneel.agents.calibration.controllers import Controller
from daneel.agents.calibration.policy import Machine, Policy
from daneel.agents.calibration.tuning import play
from daneel.envs.twins import Task
from daneel.envs.twins.parameters import COMMON, Floats
from daneel.errors import ConfigError

_RIDGE = 0.5
"""Weight of staying with the map of the generation before, in machines."""


@dataclass(frozen=True)
class ConditionedConfig:
    """How much to search."""

    generations: int = 8
    """Times the map is refitted."""
    machines: int = 20
    """C."""
    candidates: int = 8
    """M."""
    scenes: int = 2
    """S."""
    elite: int = 2
    """Candidates of each machine that the map is refitted to."""
    error: float = 0.08
    """Standard deviation of what the policy is told, as a share of a parameter's range."""

    def __post_init__(self) -> None:
        """Checks every field.

        Raises:
            ConfigError: A number is too small.
        """
        for name in ("generations", "machines", "scenes", "elite"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} is {getattr(self, name)}. Expected at least 1.")
        if self.candidates < self.elite:
            raise ConfigError(
                f"candidates is {self.candidates}. Expected at least elite = {self.elite}."
            )
        if self.error < 0:
            raise ConfigError(f"error is {self.error}. Expected 0 or more, for example 0.08.")


@dataclass(frozen=True)
class Conditioned:
    """A policy for each machine."""

    task: Task
    """What it does."""
    controller: Controller
    """Of the task."""
    weights: Floats
    """Features to gains [K, F]."""

    def on(self, unit: Floats) -> Policy:
        """The policy of machines with parameters in units of the prior's range [N, P]."""
        machine = Machine.of(self.task.space.from_unit(unit))
        return Policy(self.controller, features(unit) @ self.weights.T, machine)


def features(unit: Floats) -> Floats:
    """What gains are linear in [N, F]: 1 and the parameters that are not a bias."""
    return np.concatenate([np.ones((len(unit), 1)), unit[:, : len(COMMON)] - 0.5], axis=1)


def tune_conditioned(
    task: Task,
    controller: Controller,
    start: Floats,
    rng: np.random.Generator,
    config: ConditionedConfig | None = None,
) -> Conditioned:
    """Finds gains as a function of the parameters, over the whole prior.

    Args:
        task: The task.
        controller: Of the task.
        start: Gains to begin with everywhere [K].
        rng: Draws machines, candidates and scenes.
        config: How much to search.
    """
    config = config or ConditionedConfig()
    weights = np.zeros((len(start), features(np.zeros((1, len(COMMON)))).shape[1]))
    weights[:, 0] = start
    spread = np.array(controller.spread)
    for _ in range(config.generations):
        truth = rng.random((config.machines, len(task.space.names)))
        told = np.clip(truth + config.error * rng.standard_normal(truth.shape), 0, 1)
        middle = features(told) @ weights.T  # [C, K]
        shape = (config.candidates, *middle.shape)
        tried = middle + spread * rng.standard_normal(shape)  # [M, C, K]
        tried[0] = middle
        costs = _costs(task, controller, tried, told, truth, rng, config.scenes)
        order = np.argsort(costs, axis=0, kind="stable")[: config.elite]
        best = np.take_along_axis(tried, order[..., None], axis=0)  # [E, C, K]
        weights = _fit(features(told), best.mean(axis=0), weights)
        left = best - features(told) @ weights.T
        spread = 0.5 * spread + 0.5 * np.sqrt(np.square(left).mean(axis=(0, 1)))
    return Conditioned(task, controller, weights)


def _costs(
    task: Task,
    controller: Controller,
    tried: Floats,
    told: Floats,
    truth: Floats,
    rng: np.random.Generator,
    scenes: int,
) -> Floats:
    """Mean cost [M, C] of candidates [M, C, K]; those of one machine meet the same scenes."""
    candidates, machines, gains = tried.shape

    def copies(rows: Floats) -> Floats:
        return np.tile(np.repeat(rows, scenes, axis=0), (candidates, 1))

    machine = Machine.of(task.space.from_unit(copies(told)))
    policy = Policy(controller, np.repeat(tried.reshape(-1, gains), scenes, axis=0), machine)
    parameters = task.space.from_unit(copies(truth))
    cost = play(task, policy, parameters, rng, machines * scenes).cost
    return cost.reshape(candidates, machines, scenes).mean(axis=2)


def _fit(known: Floats, gains: Floats, before: Floats) -> Floats:
    """The map [K, F] from features [C, F] to gains [C, K], near the one before."""
    square = known.T @ known + _RIDGE * np.eye(known.shape[1])
    change = np.linalg.solve(square, known.T @ (gains - known @ before.T))
    return before + change.T
