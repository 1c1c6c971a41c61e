"""`daneel bench suites`: what experts and chance reach, how fast the runner is, baselines.

Each part is a command of its own that may be stopped and typed again. `experts` and `random` also
write `daneel/evaluation/suites/reference.json`, the ceiling and the floor in everybody's tables.
"""

from __future__ import annotations

import statistics as plain
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from daneel.envs.suites import load_suite
from daneel.evaluation import evidence, provenance
from daneel.evaluation.bench import suite_baselines, suite_demos
from daneel.evaluation.evidence import Evidence
from daneel.evaluation.statistics import Interval
from daneel.evaluation.suites import (
    SuiteRecord,
    rates,
    reference,
    runner,
    save_record,
    score,
)
from daneel.evaluation.suites.episodes import Stage
from daneel.evaluation.suites.policies import open_policy
from daneel.evaluation.suites.runner import Request

BENCH = "suites"
EPISODES, WORKERS, REPEATS = 10, 2, 3
SPEED_SUITE, FEW = "metaworld50", 5
GOOD = 0.8
"""From this success rate on an expert can show how a task is done."""

Part = Literal["coverage", "metaworld", "experts", "random", "speed", "demos", "baselines"]
PARTS: tuple[Part, ...] = (
    "coverage", "metaworld", "experts", "random", "speed", "demos", "baselines",
)  # fmt: skip


@dataclass(frozen=True)
class Options:
    """Measure the suites: experts, chance, speed of the runner, demonstrations, baselines."""

    parts: tuple[Part, ...] = PARTS
    """Which parts."""

    results: Path = Path(provenance.RESULTS)
    """Where the records go."""

    runs: Path = Path("runs/bench-suites")
    """Where trainings and datasets go."""


def run(options: Options) -> int:
    """Measures the parts in order and prints the table."""
    for part in options.parts:
        print(f"{part} ...", file=sys.stderr, flush=True)
        for item in MEASURES[part](options):
            evidence.append(item, options.results)
    print(table(options.results))
    return 0


def table(folder: str | Path = provenance.RESULTS) -> str:
    """The Markdown table of the recorded evidence."""
    return evidence.table(evidence.load(BENCH, folder))


def coverage(options: Options) -> list[Evidence]:
    """How many of the hundred tasks reset, step to their end, are scored and can be drawn."""
    began, problems = time.perf_counter(), dict[str, str]()
    policy = open_policy("random")
    skills = load_suite("skills100").skills
    for skill in skills:
        try:
            stage = Stage(skill, policy, 0, render=(64, 64))
            episode = stage.run(0).episode
            frame: Any = stage.env.render()
            if episode.success is None or frame.std() == 0:
                problems[skill.name] = "an empty picture or no score"
            stage.close()
        except Exception as error:  # whatever is wrong with it, it is not covered
            problems[skill.name] = str(error)
    found = len(skills) - len(problems)
    seconds = time.perf_counter() - began
    return [_figure("coverage", "tasks", "runner", found, "tasks", seconds, 100, details=problems)]


def metaworld(options: Options) -> list[Evidence]:
    """The package's own experts in our runner: proves the wiring, and times it."""
    record = _score(options, "metaworld50", "expert")
    share, seconds = record.overall.mean, record.seconds
    spent = seconds.env + seconds.policy
    overhead = (WORKERS * seconds.total - spent) / spent
    ends = record.overall.interval
    row, who = "metaworld50", "metaworld's scripts"
    return [
        _figure(row, "success rate", who, share, "of 500 episodes", seconds.total, 0.97, ends=ends),
        _figure(row, "wall time", who, seconds.total, "s", seconds.total, 600, "lower"),
        _figure(row, "overhead", who, overhead, "of env + policy", seconds.total, 0.1, "lower"),
    ]


def experts(options: Options) -> list[Evidence]:
    """On how many of the hundred tasks somebody can show how it is done."""
    record = _score(options, "skills100", "expert")
    known = rates(record)
    good = sum(rate >= GOOD for rate in known.values())
    reference.keep("expert", record)
    seconds = record.seconds.total
    return [
        _figure("experts", "tasks at 80 %", "experts", good, "tasks", seconds, 75, details=known)
    ]


def chance(options: Options) -> list[Evidence]:
    """What uniform actions reach."""
    record = _score(options, "skills100", "random")
    reference.keep("random", record)
    mean, ends = record.overall.mean, record.overall.interval
    seconds = record.seconds.total
    return [_figure("skills100", "success rate", "random", mean, "mean", seconds, ends=ends)]


def speed(options: Options) -> list[Evidence]:
    """How much faster two workers are than one, interleaved repeats, median of the ratios."""
    began, ratios = time.perf_counter(), []
    for _ in range(REPEATS):
        one, two = (
            runner.run(Request(SPEED_SUITE, "expert", episodes=FEW, workers=count))[1].seconds
            for count in (1, WORKERS)
        )
        ratios.append(one / two)
    ends = Interval(min(ratios), max(ratios))
    seconds = time.perf_counter() - began
    ratio = plain.median(ratios)
    return [
        _figure(SPEED_SUITE, "two workers", "runner", ratio, "times one", seconds, 1.7, ends=ends,
                kind="range of three repeats")
    ]  # fmt: skip


def _score(options: Options, suite: str, policy: str) -> SuiteRecord:
    """Scores a policy, going on where an earlier call stopped; keeps record beside the evidence."""
    request = Request(suite, policy, episodes=EPISODES, workers=WORKERS)
    kept = options.runs / f"{suite}-{policy}.partial.jsonl"
    record = score(request, kept, _say)
    save_record(record, options.results / "suites" / f"{suite}-{policy}.json")
    kept.unlink(missing_ok=True)
    return record


def _say(results: runner.Results) -> None:
    if results.count % 50 == 0:
        print(f"{results.count} episodes, {results.seconds:.0f} s", file=sys.stderr, flush=True)


def _figure(
    row: str,
    measure: str,
    subject: str,
    figure: float | None,
    unit: str,
    seconds: float,
    threshold: float | None = None,
    better: Literal["higher", "lower"] = "higher",
    *,
    ends: Interval | None = None,
    kind: str = "bootstrap over episodes",
    details: dict[str, Any] | None = None,
) -> Evidence:
    return evidence.record(
        bench=BENCH,
        row=row,
        measure=measure,
        subject=subject,
        figure=figure,
        unit=unit,
        seconds=seconds,
        threshold=threshold,
        better=better,
        interval=ends,
        interval_kind="" if ends is None else kind,
        seeds=(0,),
        details=details or {},
    )


MEASURES: dict[Part, Callable[[Options], Sequence[Evidence]]] = {
    "coverage": coverage,
    "metaworld": metaworld,
    "experts": experts,
    "random": chance,
    "speed": speed,
    "demos": suite_demos.measure,
    "baselines": suite_baselines.measure,
}
"""What each part measures."""
