"""`daneel bench twins`: what is left of a policy in another engine with hidden parameters (M-3).

For every task a policy is tuned in the nominal source simulator (MuJoCo) and scored there. In the
twin (PyBullet; mass, friction, damping, strength, delay, bias and noise from a seed that the
policy never sees) four are scored on the same episodes: the source policy as it is (zero-shot),
the same tuned again over the whole prior (randomised), and the same after calibrating itself on
some samples of the twin. All tunings have the same budget and begin with the same gains. Scoring
costs no samples and teaches nothing: it has a connection of its own.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import gymnasium as gym
import numpy as np

from daneel.agents.calibration.adapt import EmbodiedCalibration
from daneel.agents.calibration.history import decide, first
from daneel.agents.calibration.policy import Actor
from daneel.envs.twins import TASKS, DeployedTwin, SourceTwin, Task, load_task
from daneel.errors import ConfigError
from daneel.evaluation import evidence, provenance
from daneel.evaluation.evidence import Evidence
from daneel.evaluation.statistics import Interval, wilson_interval

BENCH = "twins"
ROW = "M-3"
KEPT, TASKS_ASKED = 0.8, 6
"""Share of the source's success that is to be kept, and on how many tasks."""
SOURCE, ZERO, RANDOMISED = "source, at home", "zero-shot", "randomised"
RAPID = "rapid, no samples before"
_SCENES = 5000
"""Seed of the first scored episode."""


@dataclass(frozen=True)
class Options:
    """Measure what calibration keeps of a policy's success in a twin."""

    tasks: tuple[str, ...] = tuple(TASKS.names())
    """Which tasks."""

    hidden: tuple[int, ...] = (1, 2, 3)
    """Seeds of the twins' parameters."""

    budgets: tuple[int, ...] = (200, 999)
    """Samples to calibrate with; the bar is for the last."""

    episodes: int = 10
    """Scored episodes of every policy in every twin; at home as many for each hidden seed."""

    seed: int = 0
    """Of everything that the policies draw."""

    results: Path = Path(provenance.RESULTS)
    """Where the records go."""

    def __post_init__(self) -> None:
        """Checks every field.

        Raises:
            ConfigError: There is nothing to measure.
            UnknownNameError: There is no such task.
        """
        for name in ("tasks", "hidden", "budgets"):
            if not getattr(self, name):
                raise ConfigError(f"{name} is empty. Expected at least one. Leave it out for all.")
        if self.episodes < 1:
            raise ConfigError(f"episodes is {self.episodes}. Expected at least 1.")
        for task in self.tasks:
            TASKS.entry(task)


@dataclass
class Scores:
    """Of one task: successes of each policy, a list for each hidden seed."""

    success: dict[str, list[list[bool]]] = field(default_factory=dict)
    """By subject."""
    seconds: float = 0.0
    """Wall time."""

    def add(self, subject: str, done: list[bool]) -> None:
        """Adds the episodes in one twin."""
        self.success.setdefault(subject, []).append(done)

    def rate(self, subject: str) -> float:
        """Share of the episodes that succeeded."""
        return float(np.mean(self.success[subject]))


def run(options: Options) -> int:
    """Measures task by task, records each when it is done, prints the table."""
    for name in options.tasks:
        scores = measure(load_task(name), options)
        for item in outcomes(name, scores, options):
            evidence.append(item, options.results)
        rates = {subject: round(scores.rate(subject), 2) for subject in scores.success}
        print(f"{name}: {rates}, {scores.seconds:.0f} s", file=sys.stderr, flush=True)
    for item in summary(evidence.load(BENCH, options.results), options):
        evidence.append(item, options.results)
    print(table(options.results))
    return 0


def table(folder: str | Path = provenance.RESULTS) -> str:
    """The Markdown table of the recorded evidence."""
    return evidence.table(evidence.load(BENCH, folder))


def measure(task: Task, options: Options) -> Scores:
    """Scores every policy of one task at home and in every twin."""
    began, scores = time.perf_counter(), Scores()
    calibration = EmbodiedCalibration(task, options.seed)
    randomised = calibration.randomised()
    for hidden in options.hidden:
        home = SourceTwin(task.name)
        at = _SCENES + 100 * hidden
        scores.add(SOURCE, score(home, task, calibration.policy, options.episodes, at))
        policies: dict[str, Actor] = {ZERO: calibration.policy, RANDOMISED: randomised}
        policies[RAPID] = calibration.rapid()
        policies |= calibrated(task, calibration, hidden, options.budgets)
        twin = DeployedTwin(task.name, hidden)
        for subject, policy in policies.items():
            scores.add(subject, score(twin, task, policy, options.episodes, at))
        twin.close()
    scores.seconds = time.perf_counter() - began
    return scores


def calibrated(
    task: Task, calibration: EmbodiedCalibration, hidden: int, budgets: Sequence[int]
) -> Mapping[str, Actor]:
    """Policies after calibration with each number of samples, the first of one deployment."""
    twin = DeployedTwin(task.name, hidden, budget=max(budgets))
    runs = calibration.look(twin, max(budgets))
    twin.close()
    adapted = {n: calibration.learn(first(runs, n)) for n in budgets}
    rapid = calibration.rapid()
    return {subject(n): adapted[n].policy for n in budgets} | {
        rapidly(n): rapid.believing(adapted[n].posterior) for n in budgets[-1:]
    }


def subject(samples: int) -> str:
    """What records call a policy that was tuned again after so many samples."""
    return f"calibrated, {samples} samples"


def rapidly(samples: int) -> str:
    """What records call the rapid policy that begins with what so many samples showed."""
    return f"rapid, {samples} samples"


def score(env: gym.Env, task: Task, policy: Actor, episodes: int, seed: int) -> list[bool]:
    """Whether each of some episodes ended with the goal held."""
    return [_episode(env, task, policy, seed + number) for number in range(episodes)]


def _episode(env: gym.Env, task: Task, policy: Actor, seed: int) -> bool:
    observation, info = env.reset(seed=seed)
    acting = policy.begin()
    for at in range(task.decisions):
        observation, _, _, _, info = env.step(decide(acting, task, observation, at))
    return bool(info["is_success"])


def outcomes(name: str, scores: Scores, options: Options) -> list[Evidence]:
    """Success of every policy in a task, and what share of the source's it is."""
    source, last = scores.rate(SOURCE), subject(options.budgets[-1])
    items = []
    for who, done in scores.success.items():
        flat = np.ravel(done)
        ends = wilson_interval(int(flat.sum()), len(flat))
        details = {"per_hidden_seed": [float(np.mean(each)) for each in done]}
        items.append(_record(name, "success", who, scores.rate(who), scores, options, ends,
                             details=details))  # fmt: skip
        if who != SOURCE and source > 0:
            kept = Interval(ends.low / source, ends.high / source)
            bar = KEPT if who == last else None
            items.append(_record(name, "success kept", who, scores.rate(who) / source, scores,
                                 options, kept, threshold=bar))  # fmt: skip
    return items


def summary(records: Sequence[Evidence], options: Options) -> list[Evidence]:
    """On how many tasks each policy kept enough, of the newest record of each task."""
    kept: dict[str, dict[str, float]] = {}
    for item in evidence.latest(records):
        if item.measure == "success kept" and item.figure is not None:
            kept.setdefault(item.subject, {})[item.row] = item.figure
    last, items = subject(options.budgets[-1]), []
    for who, by_task in kept.items():
        enough = sum(figure >= KEPT for figure in by_task.values())
        items.append(
            evidence.record(
                bench=BENCH,
                row=ROW,
                measure=f"tasks with {KEPT:.0%} of the success kept",
                subject=who,
                figure=float(enough),
                unit=f"of {len(by_task)}",
                seconds=0.0,
                seeds=options.hidden,
                threshold=float(TASKS_ASKED) if who == last else None,
                details=by_task,
            )
        )
    return items


def _record(
    name: str,
    measure: str,
    who: str,
    figure: float,
    scores: Scores,
    options: Options,
    ends: Interval,
    **more: object,
) -> Evidence:
    return evidence.record(
        bench=BENCH,
        row=f"{ROW} {name}",
        measure=measure,
        subject=who,
        figure=figure,
        unit="of episodes" if measure == "success" else "of the source's",
        seconds=scores.seconds,
        interval=ends,
        interval_kind="Wilson, over the episodes of all hidden seeds",
        seeds=options.hidden,
        **more,
    )
