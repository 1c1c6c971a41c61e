"""What a policy remembers of a deployment: actions and what the sensors said, episode by episode.

Legend: T decisions of an episode, Q joints, A actuators.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import gymnasium as gym
import numpy as np

from daneel.agents.calibration.policy import Acting, Actor, Dithered
from daneel.envs.twins import Task
from daneel.envs.twins.parameters import Floats


@dataclass(frozen=True)
class Run:
    """One episode, or the part of it that was seen."""

    sensed: Floats
    """Positions and velocities [T + 1, 2 Q]."""
    actions: Floats
    """[T, A]."""


def first(runs: Sequence[Run], samples: int) -> list[Run]:
    """What was seen in the first `samples` observations."""
    kept = []
    for run in runs:
        length = min(len(run.actions), samples - 1)
        if length < 1:
            break
        kept.append(Run(run.sensed[: length + 1], run.actions[:length]))
        samples -= length + 1
    return kept


def probe(
    env: gym.Env,
    task: Task,
    policy: Actor,
    samples: int,
    rng: np.random.Generator,
    dither: float = 0.3,
) -> list[Run]:
    """Lets a policy act, with some noise on its actions, for exactly `samples` observations.

    Args:
        env: Where; a `SourceTwin` or a `DeployedTwin`.
        task: Its task.
        policy: What acts.
        samples: Observations to see, those of resets among them.
        rng: Draws seeds of episodes and the noise.
        dither: Standard deviation of the noise, which is smooth in time.
    """
    runs = []
    while samples > 1:  # an episode of one observation says nothing
        length = min(task.decisions, samples - 1)
        runs.append(_run(env, task, policy, length, rng, dither))
        samples -= length + 1
    return runs


def _run(
    env: gym.Env, task: Task, policy: Actor, length: int, rng: np.random.Generator, dither: float
) -> Run:
    observation, _ = env.reset(seed=int(rng.integers(2**31)))
    acting = Dithered(policy.begin(), rng, dither)
    sensed, actions = [observation["state"]], []
    for at in range(length):
        actions.append(decide(acting, task, observation, at))
        observation, *_ = env.step(actions[-1])
        sensed.append(observation["state"])
    return Run(np.asarray(sensed, float), np.asarray(actions, float))


def decide(acting: Acting, task: Task, observation: dict[str, np.ndarray], at: int) -> Floats:
    """The action [A] for the observation of decision number `at`."""
    goals = np.asarray(observation.get("goal", np.zeros(0)), float)[None]
    sensed = np.asarray(observation["state"], float)[None]
    return acting.act(sensed, goals, at * task.decision_seconds)[0]
