"""The part of `daneel bench suites` that trains an agent for each task of quick10 and scores them.

Every (algorithm, seed) is a folder of runs named like the tasks, which `daneel eval FOLDER --suite
quick10` scores like anybody's. Finished trainings are kept: typed again, it goes on.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from daneel.envs.suites import Skill, load_suite
from daneel.errors import DaneelError
from daneel.evaluation import evidence, statistics
from daneel.evaluation.bench import pool
from daneel.evaluation.evidence import Evidence
from daneel.evaluation.suites import SuiteRecord, rates, save_record, score
from daneel.evaluation.suites.runner import Request

SUITE, STEPS, SEEDS = "quick10", 2_000, (0, 1, 2)
"""Environment steps that each agent learns for, on one task."""
ALGORITHMS = ("planner", "sac", "ppo")
EPISODES, WORKERS = 5, 2


def measure(options: Any) -> list[Evidence]:
    """Success rates over the tasks and seeds of each algorithm, of chance and of the experts.

    Args:
        options: Those of the bench: `runs` and `results` are folders.

    Raises:
        DaneelError: A training failed.
    """
    runs, results = Path(options.runs) / SUITE, Path(options.results)
    _train(list(_trainings(runs)))
    found = []
    for algorithm in ALGORITHMS:
        folders = [runs / f"{algorithm}-{seed}" for seed in SEEDS]
        found.append(_evidence(algorithm, [_score(str(path), 0, results) for path in folders]))
    for who in ("expert", "random"):
        found.append(_evidence(who, [_score(who, seed, results) for seed in SEEDS]))
    return found


def _train(commands: Sequence[pool.Command]) -> None:
    failed = []
    for end in pool.run(commands, WORKERS):
        state = "trained" if end.code == 0 else f"FAILED\n{end.last_lines()}"
        print(f"{end.command.name}: {state}, {end.seconds:.0f} s", file=sys.stderr, flush=True)
        failed += [end.command.name] if end.code else []
    if failed:
        raise DaneelError(
            f"{len(failed)} trainings failed: {', '.join(failed)}. Expected all to end, for a mean "
            "over the others would flatter. Type the same command to try these again."
        )


def _trainings(runs: Path) -> Iterator[pool.Command]:
    """What is left to train, one process each."""
    for algorithm in ALGORITHMS:
        for seed in SEEDS:
            for skill in load_suite(SUITE).skills:
                folder = runs / f"{algorithm}-{seed}" / skill.name
                if not _is_whole(folder):
                    yield _training(skill, algorithm, seed, folder)


def _is_whole(folder: Path) -> bool:
    """Whether it reached the end; PPO stops at the end of its round, a little later."""
    found = (folder / "checkpoints").glob("step-*")
    return any(int(path.name.removeprefix("step-")) >= STEPS for path in found)


def _training(skill: Skill, algorithm: str, seed: int, folder: Path) -> pool.Command:
    env = skill.config()
    flags = {
        "--agent": algorithm,
        "--env.action_repeat": env.action_repeat,
        "--env.max_episode_steps": env.max_episode_steps,
        "--steps": STEPS,
        "--seed": seed,
        "--out": folder,
        "--eval_every": 0,
        "--eval_episodes": 1,
        "--checkpoint_every": STEPS,
    }
    words = [str(word) for pair in flags.items() for word in pair]
    program = (sys.executable, "-m", "daneel", "train", env.id, *words, "--no-video")
    log = folder.parent / f"{skill.name}.log"
    return pool.Command(f"{algorithm}-{seed}-{skill.name}", program, log)


def _score(policy: str, seed: int, results: Path) -> SuiteRecord:
    request = Request(SUITE, policy, episodes=EPISODES, seed=seed, workers=WORKERS)
    record = score(request)
    save_record(record, results / "suites" / f"{SUITE}-{Path(policy).name}-{seed}.json")
    return record


def _evidence(subject: str, records: Sequence[SuiteRecord]) -> Evidence:
    scores = np.array([list(rates(record).values()) for record in records])
    generator = np.random.default_rng(0)
    steps = f", {STEPS:,} steps a task" if subject in ALGORITHMS else ""
    return evidence.record(
        bench="suites",
        row=SUITE + steps,
        measure="success rate",
        subject=subject,
        figure=float(scores.mean()),
        unit="mean",
        interval=statistics.stratified_bootstrap(scores, generator, statistics.mean),
        interval_kind="stratified bootstrap over seeds",
        seconds=sum(record.seconds.total for record in records),
        seeds=SEEDS,
        seeds_required=len(SEEDS),
        details={record.policy + f"-{at}": rates(record) for at, record in enumerate(records)},
    )
