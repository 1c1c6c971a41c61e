"""`daneel bench ablation`: the planner, and the planner with one part of it taken away.

Short trainings on two tasks, every variant with the same seeds. With few seeds the intervals say
how little a small difference means; they are printed for that.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from daneel import config
from daneel.evaluation import evidence, files, provenance, statistics
from daneel.evaluation.bench import pool
from daneel.evaluation.bench.job import Result, Spec
from daneel.evaluation.bench.tasks import EPISODES, find
from daneel.evaluation.evidence import Evidence

BENCH = "ablation"
JOBS = "ablation-jobs.jsonl"
STEPS = {"ball_in_cup-catch": 6_000, "walker-walk": 7_500}
"""Tasks and the environment steps after which the figure is taken."""
EVALUATIONS = 1

VARIANTS: Mapping[str, dict[str, Any]] = {
    "planner": {},
    "acts and imagines with the last weights": {"averaged": False},
    "plans less greedily (temperature 1.0)": {"plan": {"temperature": 1.0}},
    "without planning (acts by the policy)": {"plan": {"samples": 0}},
    "without imagined transitions": {"imagined": 0.0},
    "without value expansion": {"expansion": 0},
    "one update a decision instead of six": {"updates": 1.0},
    "values without caution": {"caution": 0.0},
}


@dataclass(frozen=True)
class Options:
    """Train the planner with one part taken away at a time."""

    seeds: tuple[int, ...] = (0,)
    """Seeds of every variant."""

    variants: tuple[int, ...] = tuple(range(len(VARIANTS)))
    """Which variants, by their place in the table; 0 is the whole planner."""

    workers: int = 2
    """Processes at once, of one thread each."""

    runs: Path = Path("runs/bench-ablation")
    """Where the run folders go."""

    results: Path = Path(provenance.RESULTS)
    """Where the records go."""


def run(options: Options) -> int:
    """Trains what is missing, records evidence, prints the table; 1 when a job failed."""
    done = finished(options.results)
    missing = {name: spec for name, spec in specs(options) if name not in done}
    failures = 0
    commands = [_command(name, spec, options.runs) for name, spec in missing.items()]
    for end in pool.run(commands, options.workers):
        failures += end.code != 0
        print(f"{end.command.name}: exit {end.code}, {end.seconds:.0f} s", file=sys.stderr)
        if end.code == 0:
            entry = files.read_json(options.runs / end.command.name / "result.json")
            files.append_json(options.results / JOBS, {"name": end.command.name, "result": entry})
    record(finished(options.results), options.results)
    print(table(options.results))
    return 1 if failures else 0


def specs(options: Options) -> list[tuple[str, Spec]]:
    """Name and specification of every training asked for."""
    found = []
    for index in options.variants:
        for short, steps in STEPS.items():
            for seed in options.seeds:
                task, settings = find(short), list(VARIANTS.values())[index]
                spec = Spec(
                    task=short,
                    algo="planner",
                    seed=seed,
                    env=task.env,
                    steps=steps,
                    eval_every=steps // EVALUATIONS,
                    eval_episodes=EPISODES,
                    agent=settings,
                )
                found.append((f"{short}-{index}-{seed}", spec))
    return found


def finished(folder: Path) -> dict[str, Result]:
    """The newest finished job of each name."""
    path = folder / JOBS
    entries = files.read_jsonl(path) if path.exists() else []
    return {entry["name"]: config.from_dict(Result, entry["result"]) for entry in entries}


def record(results: Mapping[str, Result], folder: Path) -> None:
    """Appends one figure for each variant and task."""
    for short in STEPS:
        for name, settings in VARIANTS.items():
            side = [
                result
                for result in results.values()
                if result.spec.task == short and result.spec.agent == settings
            ]
            if side:
                evidence.append(_evidence(short, name, side), folder)


def table(folder: Path) -> str:
    """A Markdown table: variants down, tasks across."""
    records = evidence.latest(evidence.load(BENCH, folder))
    found = {(item.row, item.subject): item for item in records}
    heads = [f"{short}, {steps:,} steps" for short, steps in STEPS.items()]
    lines = ["| variant | " + " | ".join(heads) + " |", "|---|" + "---|" * len(heads)]
    for name in VARIANTS:
        cells = [_cell(found.get((short, name))) for short in STEPS]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join([*lines, "", evidence.footnote(records, f"daneel bench {BENCH}")]) + "\n"


def _cell(item: Evidence | None) -> str:
    if item is None or item.figure is None:
        return evidence.NOT_MEASURED
    assert item.interval is not None
    return f"{item.figure:.0f} [{item.interval.low:.0f}, {item.interval.high:.0f}]"


def _evidence(short: str, name: str, side: Sequence[Result]) -> Evidence:
    groups = [result.curve[-1].returns for result in side]
    interval = statistics.nested_bootstrap(groups, np.random.default_rng(0))
    return Evidence(
        bench=BENCH,
        row=short,
        measure="return",
        subject=name,
        figure=float(np.mean(groups)),
        unit="return",
        interval=interval,
        interval_kind="bootstrap over seeds and episodes",
        command=f"daneel bench {BENCH}",
        commit="+".join(dict.fromkeys(result.source.commit for result in side)),
        clean=all(result.source.clean for result in side),
        machine=side[0].machine,
        versions=side[0].versions,
        seconds=sum(result.wall_seconds for result in side),
        date=max(result.date for result in side),
        seeds=tuple(result.spec.seed for result in side),
        details={"per_seed": [list(group) for group in groups]},
    )


def _command(name: str, spec: Spec, runs: Path) -> pool.Command:
    folder = runs / name
    shutil.rmtree(folder, ignore_errors=True)
    files.write_json(folder / "spec.json", config.to_dict(spec))
    program = (sys.executable, "-m", "daneel.evaluation.bench.job")
    paths = (str(folder / "spec.json"), str(folder / "result.json"))
    return pool.Command(name, (*program, *paths), folder / "log.txt")
