"""Logs of the source twins of mixed quality: good, shaky and bad episodes.

A controller is tuned in the nominal source simulator. Of its episodes a third have little noise on
the actions, a third much, and a third gains that were scattered, with noise. They are written as a
LeRobot dataset, with rewards; whoever is to learn without ignores that column.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from daneel.agents.calibration.controllers import CONTROLLERS
from daneel.agents.calibration.history import decide
from daneel.agents.calibration.policy import Dithered, Policy
from daneel.agents.calibration.tuning import TuningConfig, tune
from daneel.envs.twins import SourceTwin, Task, load_task
from daneel.training.demos import DatasetWriter, Demonstration

EPISODES = 120
"""Of every dataset."""
_TUNING = TuningConfig(generations=6, candidates=12, scenes=6)
_LITTLE, _MUCH = 0.1, 0.4
"""Standard deviations of the noise on the actions, as shares of full force."""
_SCATTER = 0.4
"""Of the logarithm of a bad episode's gains."""


def record(task_name: str, path: Path, seed: int, episodes: int = EPISODES) -> Path:
    """Records a dataset in `path`, if there is none yet; returns it.

    Args:
        task_name: As in `Twin/NAME-v0`.
        path: Its folder.
        seed: Of the tuning, the noise and the episodes.
        episodes: How many.

    Raises:
        UnknownNameError: There is no such task.
    """
    if path.exists():
        return path
    task, rng = load_task(task_name), np.random.default_rng([seed, 51])
    controller = CONTROLLERS.load(task_name)
    good = tune(task, controller, task.space.nominal[None], rng, _TUNING)
    env = SourceTwin(task_name)
    with DatasetWriter(path, max(round(1 / task.decision_seconds), 1), "twin") as writer:
        for number in range(episodes):
            policy, noise = _manner(good, number, rng)
            writer.add(_episode(env, task, policy, noise, rng))
        writer.finish({"env": f"Twin/{task_name}-v0", "seed": seed})
    env.close()
    return path


def _manner(good: Policy, number: int, rng: np.random.Generator) -> tuple[Policy, float]:
    """Who acts in an episode, and how much noise there is."""
    if number % 3 < 2:
        return good, (_LITTLE, _MUCH)[number % 3]
    scatter = np.exp(_SCATTER * rng.standard_normal(len(good.gains)))
    return replace(good, gains=good.gains * scatter), _MUCH


def _episode(
    env: SourceTwin, task: Task, policy: Policy, deviation: float, rng: np.random.Generator
) -> Demonstration:
    observation, _ = env.reset(seed=int(rng.integers(2**31)))
    acting = Dithered(policy.begin(), rng, deviation)
    rows: dict[str, list[np.ndarray]] = {f"observation.{key}": [] for key in observation}
    actions, rewards = [], []
    for at in range(task.decisions):
        action = decide(acting, task, observation, at).astype(np.float32)
        for key, value in observation.items():
            rows[f"observation.{key}"].append(value)
        observation, reward, _, _, _ = env.step(action)
        actions.append(action)
        rewards.append(reward)
    last = np.arange(task.decisions) == task.decisions - 1
    columns = {key: np.stack(values) for key, values in rows.items()}
    columns |= {
        "action": np.stack(actions),
        "next.reward": np.array(rewards, np.float32),
        "next.done": last,
        "next.truncated": last,
    }
    return Demonstration(f"twin {task.name}", columns)
