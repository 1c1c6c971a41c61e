"""The part of `daneel bench suites` that collects demonstrations and reads them back."""

from __future__ import annotations

import shutil
import statistics
import time
from pathlib import Path
from typing import Any

from daneel.envs.suites import Skill, all_skills
from daneel.evaluation import evidence
from daneel.evaluation.evidence import Evidence
from daneel.training.demos import CollectConfig, DemoDataset, collect, find_datasets

EPISODES, WORKERS, REPEATS = 10, 2, 5
MAX_SECONDS, LEAST_STEPS_PER_SECOND = 1_200, 50_000


def measure(options: Any) -> list[Evidence]:
    """Ten demonstrations of every task with an expert, and how fast they are read.

    Args:
        options: Those of the bench: `runs` is where the datasets go.
    """
    folder = Path(options.runs) / "demos"
    shutil.rmtree(folder, ignore_errors=True)
    skills = [skill for skill in all_skills().values() if skill.expert is not None]
    began = time.perf_counter()
    outcomes = list(collect(skills, CollectConfig(episodes=EPISODES), folder, WORKERS))
    seconds = time.perf_counter() - began
    missing = {found.skill: found.problem for found in outcomes if found.collected is None}
    return [
        _record("tasks with ten", len(outcomes) - len(missing), "tasks", seconds, missing),
        _record("wall time", seconds, "s", seconds, {}, MAX_SECONDS, "lower"),
        _reading(folder, skills),
    ]


def _reading(folder: Path, skills: list[Skill]) -> Evidence:
    """Steps a second when every column of every dataset is read, the files cached by the system."""
    began, speeds, steps = time.perf_counter(), [], 0
    for _ in range(REPEATS):
        start = time.perf_counter()
        datasets = [DemoDataset(path) for path in find_datasets(folder)]
        steps = sum(len(dataset.columns()["index"]) for dataset in datasets)
        speeds.append(steps / (time.perf_counter() - start))
    details = {"steps": steps, "speeds": speeds, "skills": len(skills)}
    spent, speed = time.perf_counter() - began, statistics.median(speeds)
    return _record("reading", speed, "steps/s", spent, details, LEAST_STEPS_PER_SECOND)


def _record(
    measure: str,
    figure: float,
    unit: str,
    seconds: float,
    details: dict[str, Any],
    threshold: float | None = None,
    better: str = "higher",
) -> Evidence:
    return evidence.record(
        bench="suites",
        row="demonstrations",
        measure=measure,
        subject="experts",
        figure=figure,
        unit=unit,
        seconds=seconds,
        threshold=threshold,
        better=better,
        seeds=(0,),
        details=details,
    )
