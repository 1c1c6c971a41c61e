"""What the finished jobs of the control bench say, as evidence.

"To threshold" is the first evaluation at or above the threshold; over seeds the median counts, and
a seed that never gets there counts as infinitely late. A side that does not get there within its
budget is recorded as "> budget", and a ratio against it as a bound.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import numpy as np

from daneel.evaluation import statistics
from daneel.evaluation.bench.job import Point, Result, agent_settings_of
from daneel.evaluation.bench.tasks import PEER_BUDGET, Task, short
from daneel.evaluation.evidence import Evidence
from daneel.evaluation.statistics import Interval

OURS, PEER = "planner", "sac"
BENCH = "control"
STEPS, SECONDS = "steps to threshold", "training seconds to threshold"
STEPS_RATIO, SECONDS_RATIO = "steps, share of SAC's", "seconds, share of SAC's"
TRAINING_SECONDS, P50, P95 = "training seconds", "action p50", "action p95"
LATER = f"at {PEER_BUDGET}x steps"

MAX_STEPS_RATIO = 1 / PEER_BUDGET
MAX_SECONDS_RATIO = 1.0
MAX_P95_MS = 20.0

Bound = Literal["", ">", "<"]
Results = Mapping[tuple[str, str, int], Result]
"""Finished jobs by (task, algorithm, seed)."""


def gather(tasks: Sequence[Task], results: Results) -> list[Evidence]:
    """Every figure that the finished jobs support; sides without a job say nothing."""
    found: list[Evidence] = []
    for task in tasks:
        ours, peer = (of_side(task, algo, results) for algo in (OURS, PEER))
        if ours:
            found += [_score(task, ours, task.steps, asked=True), *_speed(task, ours)]
            found += _latency(task, ours)
        if peer:
            found += [_score(task, peer, task.steps), _score(task, peer, PEER_BUDGET * task.steps)]
            found += _speed(task, peer)
        if ours and peer:
            found += _ratios(task, ours, peer)
    return found


def of_side(task: Task, algo: str, results: Results) -> list[Result]:
    """The finished jobs of one side of a row, by seed."""
    return [results[key] for key in sorted(results) if key[:2] == (task.name, algo)]


def point_at(result: Result, step: int) -> Point | None:
    """The evaluation made when `step` environment steps were done."""
    return next((point for point in result.curve if point.step >= step), None)


def values(task: Task, point: Point) -> tuple[float, ...]:
    """What the row measures, one number an episode."""
    if task.measure == "return":
        return point.returns
    assert point.success is not None, f"{task.name} reported no success signal"
    count = len(point.returns)
    successes = round(point.success * count)
    return (1.0,) * successes + (0.0,) * (count - successes)


def to_threshold(task: Task, result: Result) -> Point | None:
    """The first evaluation whose mean is at or above the threshold."""
    reached = (p for p in result.curve if np.mean(values(task, p)) >= task.threshold)
    return next(reached, None)


def _score(task: Task, side: Sequence[Result], step: int, asked: bool = False) -> Evidence:
    points = [point_at(result, step) for result in side]
    groups = [values(task, point) for point in points if point is not None]
    complete = len(groups) == len(side)
    interval, kind = _interval(task, groups) if complete else (None, "")
    return _evidence(
        task,
        side,
        measure=task.measure if step == task.steps else f"{task.measure} {LATER}",
        figure=float(np.mean(groups)) if complete else None,
        unit={"return": "return", "success rate": "of episodes"}[task.measure],
        interval=interval,
        interval_kind=kind,
        threshold=task.threshold if asked else None,
        details={
            "steps": step,
            "per_seed": [list(group) for group in groups],
            "peer": task.peer,
            "agent_settings": sorted({_digest(agent_settings_of(result)) for result in side}),
            "cpu_seconds": [round(result.cpu_seconds, 1) for result in side],
            "load_before": [round(result.load_before, 2) for result in side],
        },
    )


def _digest(settings: Mapping[str, Any]) -> str:
    """A short name for a set of hyper-parameters."""
    text = json.dumps(settings, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _interval(task: Task, groups: Sequence[Sequence[float]]) -> tuple[Interval | None, str]:
    if task.measure == "success rate":
        flat = [value for group in groups for value in group]
        return statistics.wilson_interval(int(sum(flat)), len(flat)), "Wilson, over all episodes"
    over = "seeds and episodes" if len(groups) > 1 else "the episodes of one seed"
    interval = statistics.nested_bootstrap(groups, np.random.default_rng(0))
    return interval, f"bootstrap over {over}"


def _speed(task: Task, side: Sequence[Result]) -> list[Evidence]:
    """Steps and seconds until the threshold, and the seconds of the whole training if asked."""
    found = []
    for measure, unit, read in ((STEPS, "steps", _step), (SECONDS, "s", _seconds)):
        figure, bound, per_seed = _median_to_threshold(task, side, read)
        details = {"per_seed": per_seed}
        found.append(
            _evidence(
                task,
                side,
                measure=measure,
                figure=figure,
                unit=unit,
                bound=bound,
                better="lower",
                details=details,
            )
        )
    if task.max_seconds is not None and side[0].spec.algo == OURS:
        slowest = max(result.curve[-1].seconds for result in side)
        found.append(
            _evidence(
                task,
                side,
                measure=TRAINING_SECONDS,
                figure=slowest,
                unit="s",
                threshold=task.max_seconds,
                better="lower",
                details={"over_seeds": "slowest", "steps": task.steps},
            )
        )
    return found


def _step(point: Point) -> float:
    return float(point.step)


def _seconds(point: Point) -> float:
    return point.seconds


def _median_to_threshold(
    task: Task, side: Sequence[Result], read: Callable[[Point], float]
) -> tuple[float, Bound, list[float | None]]:
    """Median over seeds; when that is "never", how far the longest training got and ">"."""
    reached = [to_threshold(task, result) for result in side]
    per_seed = [None if point is None else read(point) for point in reached]
    median = float(np.median([math.inf if value is None else value for value in per_seed]))
    if math.isfinite(median):
        return median, "", per_seed
    return max(read(result.curve[-1]) for result in side), ">", per_seed


def _ratios(task: Task, ours: Sequence[Result], peer: Sequence[Result]) -> list[Evidence]:
    asked = ((STEPS_RATIO, _step, MAX_STEPS_RATIO), (SECONDS_RATIO, _seconds, MAX_SECONDS_RATIO))
    found = []
    for measure, read, threshold in asked:
        mine, my_bound, _ = _median_to_threshold(task, ours, read)
        theirs, their_bound, _ = _median_to_threshold(task, peer, read)
        figure, bound = divide(mine, my_bound, theirs, their_bound)
        found.append(
            _evidence(
                task,
                [*ours, *peer],
                measure=measure,
                figure=figure,
                unit="of SAC's",
                bound=bound,
                threshold=threshold,
                better="lower",
                algo=OURS,
            )
        )
    return found


def divide(
    mine: float, my_bound: Bound, theirs: float, their_bound: Bound
) -> tuple[float | None, Bound]:
    """A ratio of two figures of which either may only be known to be larger; None when both are."""
    if my_bound and their_bound:
        return None, ""
    return mine / theirs, ">" if my_bound else "<" if their_bound else ""


def _latency(task: Task, side: Sequence[Result]) -> list[Evidence]:
    medians, tails = zip(*(result.latency_ms for result in side), strict=True)
    return [
        _evidence(
            task, side, measure=P50, figure=float(np.median(medians)), unit="ms", better="lower"
        ),
        _evidence(
            task,
            side,
            measure=P95,
            figure=max(tails),
            unit="ms",
            better="lower",
            threshold=MAX_P95_MS,
            details={"over_seeds": "slowest", "per_seed": list(tails)},
        ),
    ]


def _evidence(
    task: Task, side: Sequence[Result], *, algo: str | None = None, **fields: Any
) -> Evidence:
    commits = list(dict.fromkeys(result.source.commit for result in side))
    seeds = sorted({result.spec.seed for result in side})
    return Evidence(
        bench=BENCH,
        row=task.name,
        subject=algo or side[0].spec.algo,
        command=f"daneel bench control --tasks {short(task)}",
        commit="+".join(commits),
        clean=all(result.source.clean for result in side),
        machine=side[0].machine,
        versions=side[0].versions,
        seconds=sum(result.wall_seconds for result in side),
        date=max(result.date for result in side),
        seeds=tuple(seeds),
        seeds_required=len(task.seeds),
        **fields,
    )
