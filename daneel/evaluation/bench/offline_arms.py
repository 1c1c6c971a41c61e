"""One job of the bench `offline`: an agent in a twin, with or without logs, until it is good.

Every arm meets the same twin (PyBullet, hidden parameters, a budget that its process enforces) and
is evaluated on the same episodes, over a connection of its own that costs nothing and teaches
nothing. It ends when three evaluations in a row reach the target, or with the budget.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from daneel.agents.pessimist_config import PessimistConfig
from daneel.envs import EnvConfig
from daneel.envs.twins import load_task
from daneel.evaluation import curves
from daneel.evaluation.bench import offline_sac
from daneel.evaluation.bench.job import INTERRUPTED
from daneel.evaluation.bench.offline_logs import record
from daneel.training import TrainConfig, load_agent, run_episodes, train
from daneel.training.offline import OfflineConfig

OURS, SCRATCH, SAC, UNLABELLED = "logs", "scratch", "SAC, replay from logs", "logs, no rewards"
ARMS = {"ours": OURS, "scratch": SCRATCH, "sac": SAC, "unlabelled": UNLABELLED}
"""Arms by the word that is typed; the first comes first, since the others need its target."""
SHARE = 0.9
"""Of the offline policy's reward at home that has to be reached in the twin."""
IN_A_ROW = 3
"""Evaluations that have to reach it, one after the other; the first of them counts."""
HIDDEN = 100
"""The twin of seed s has the hidden seed HIDDEN + s."""


@dataclass(frozen=True)
class Sizes:
    """How much of everything; two jobs compare only if these are equal."""

    budget: int = 10_000
    """Samples that a twin gives: decisions and resets."""
    eval_every: int = 500
    """Decisions between evaluations."""
    eval_episodes: int = 10
    """Episodes of each."""
    log_episodes: int = 120
    """Episodes of the logs."""
    imitate: int = 3_000
    """Offline: updates of imitation."""
    updates: int = 3_000
    """Offline: updates of the agent's learning."""
    share: float = 0.25
    """Fine-tuning: share of each batch from the logs."""
    size: str = "tiny"
    """Of our networks."""


@dataclass(frozen=True)
class Job:
    """What is run."""

    task: str
    """As in `Twin/NAME-v0`."""
    seed: int
    """Of logs, agent and twin."""
    arm: str
    """A key of ARMS."""
    sizes: Sizes
    """How much."""


@dataclass(frozen=True)
class Outcome:
    """What came of it."""

    job: Job
    """What was run."""
    home: float
    """Return of the offline policy in the source."""
    curve: tuple[tuple[int, float], ...]
    """Samples of the twin and mean return there, from before the first sample on."""
    seconds: float
    """Wall time."""
    cpu_seconds: float
    """Processor time."""

    @property
    def target(self) -> float:
        """The return to reach in the twin."""
        return SHARE * self.home

    @property
    def reached(self) -> int | None:
        """Samples at the first of the evaluations in a row that reached it; None if none did."""
        good = [value >= self.target for _, value in self.curve]
        for at in range(len(good) - IN_A_ROW + 1):
            if all(good[at : at + IN_A_ROW]):
                return self.curve[at][0]
        return None

    @property
    def last(self) -> float:
        """Share of the offline policy's reward in the end: mean of the last evaluations."""
        return float(np.mean([value for _, value in self.curve[-IN_A_ROW:]])) / self.home


def run_job(job: Job, folder: Path, home: float | None) -> Outcome:
    """Runs a job in `folder`.

    Args:
        job: What to run.
        folder: Where logs and runs go; logs that are there are used again.
        home: Return of the offline policy of this task and seed; None for the arm that finds it.
    """
    torch.set_num_threads(1)
    wall, cpu = time.perf_counter(), time.process_time()
    sizes = job.sizes
    logs = folder / f"logs-{job.task}-{job.seed}-{sizes.log_episodes}"
    record(job.task, logs, job.seed, sizes.log_episodes)
    out = folder / f"{job.task}-{job.seed}-{job.arm}"
    shutil.rmtree(out, ignore_errors=True)  # what a bench that was killed left
    if job.arm == "ours":
        home, points = _ours(job, logs, out)
    else:
        assert home is not None
        if job.arm == "sac":
            steps, goal = decisions(sizes.budget, load_task(job.task).decisions), SHARE * home
            points = offline_sac.learn(_twin(job), logs, job.seed, sizes, steps, goal, IN_A_ROW)
        else:
            points = _other(job, logs, out, SHARE * home)
    length = load_task(job.task).decisions
    curve = tuple((samples(step, length), value) for step, value in points)
    return Outcome(job, home, curve, time.perf_counter() - wall, time.process_time() - cpu)


def samples(decisions: int, length: int) -> int:
    """Samples of a twin after so many decisions of episodes of `length`: resets give one each."""
    return decisions + decisions // length + 1 if decisions else 0


def decisions(budget: int, length: int) -> int:
    """Decisions of the whole episodes that a budget pays for, the reset after the last included."""
    return (budget - 1) // (length + 1) * length


def learner(arm: str, size: Any) -> PessimistConfig:
    """What learns; from scratch there is nothing to keep to, so neither pull nor doubt."""
    ours = PessimistConfig(size=size)
    return replace(ours, imitation=0.0, pessimism=0.0) if arm == "scratch" else ours


def _ours(job: Job, logs: Path, out: Path) -> tuple[float, list[tuple[int, float]]]:
    """Learns offline, is measured at home, goes on in the twin."""
    config = _config(job, out, logs)
    _train(replace(config, steps=0))
    agent, _, _ = load_agent(out, "latest")
    source, count = EnvConfig(f"Twin/{job.task}-v0"), 2 * job.sizes.eval_episodes
    episodes = run_episodes(agent, source, count, job.seed, num_envs=10)
    home = float(np.mean([episode.return_ for episode in episodes]))
    _train(replace(config, stop_return=SHARE * home), resume=True)
    return home, _points(out)


def _other(job: Job, logs: Path, out: Path, target: float) -> list[tuple[int, float]]:
    given = logs if job.arm == "unlabelled" else None
    _train(replace(_config(job, out, given), stop_return=target))
    return _points(out)


def _train(config: TrainConfig[Any], resume: bool = False) -> None:
    """As `train`; half a training is no outcome, whose curve would look like one that failed."""
    if train(config, resume=resume).interrupted:
        raise SystemExit(INTERRUPTED)


def _config(job: Job, out: Path, logs: Path | None) -> TrainConfig[Any]:
    sizes, length = job.sizes, load_task(job.task).decisions
    size: Any = sizes.size
    return TrainConfig(
        env=_twin(job),
        agent=learner(job.arm, size),
        steps=decisions(sizes.budget, length),
        logs=() if logs is None else (str(logs),),
        offline=OfflineConfig(
            imitate=sizes.imitate,
            updates=sizes.updates,
            share=sizes.share,
            rewards=job.arm == "ours",
        ),
        seed=job.seed,
        out=str(out),
        eval_every=sizes.eval_every,
        eval_episodes=sizes.eval_episodes,
        stop_after=IN_A_ROW,
        checkpoint_every=sizes.budget,
        replay_capacity=2 * sizes.budget,
        preset="bench-offline",
    )


def _twin(job: Job) -> EnvConfig:
    limits = {"hidden": HIDDEN + job.seed, "budget": job.sizes.budget}
    return EnvConfig(f"Twin/{job.task}Deployed-v0", kwargs=limits)


def _points(out: Path) -> list[tuple[int, float]]:
    records: Sequence[dict[str, Any]] = curves.load_metrics(out)
    return [
        (row["step"], float(np.mean(row[curves.EVAL_RETURNS])))
        for row in records
        if curves.EVAL_RETURNS in row
    ]
