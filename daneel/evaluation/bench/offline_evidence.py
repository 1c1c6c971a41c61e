"""What the jobs of the bench `offline` add up to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from daneel.evaluation import evidence
from daneel.evaluation.bench.offline_arms import ARMS, Outcome, Sizes
from daneel.evaluation.evidence import Evidence

BENCH = "offline"
M2, T51 = "M-2", "T-51"
SEEDS, TASKS_ASKED, SAVED = 5, 6, 0.2
"""Seeds asked for; tasks of eight that must get there; share of the steps to be saved."""


def gather(outcomes: Sequence[Outcome], sizes: Sizes) -> list[Evidence]:
    """Evidence of all jobs of these sizes: per task and arm, then over the tasks."""
    mine = [outcome for outcome in outcomes if outcome.job.sizes == sizes]
    tasks = list(dict.fromkeys(outcome.job.task for outcome in mine))
    items: list[Evidence] = []
    for task in tasks:
        for arm in ARMS:
            rows = _of(mine, task, arm)
            if rows:
                items += [_steps(task, arm, rows, sizes), _kept(task, arm, rows, sizes)]
        if zero := _of(mine, task, "ours"):
            items.append(_offline_only(task, zero, sizes))
    return [*items, *_m2(mine, tasks, sizes), *_t51(mine, tasks, sizes)]


def median_steps(rows: Sequence[Outcome], sizes: Sizes) -> float:
    """Median over seeds; a seed that never got there counts as more than the budget."""
    steps = [np.inf if row.reached is None else float(row.reached) for row in rows]
    middle = float(np.median(steps))
    return middle if np.isfinite(middle) else np.inf


def _of(outcomes: Sequence[Outcome], task: str, arm: str) -> list[Outcome]:
    return [one for one in outcomes if (one.job.task, one.job.arm) == (task, arm)]


def _steps(task: str, arm: str, rows: Sequence[Outcome], sizes: Sizes) -> Evidence:
    median = median_steps(rows, sizes)
    reached = bool(np.isfinite(median))
    return _record(
        f"{M2} {task}",
        "samples to 90 % of the offline reward, median seed",
        ARMS[arm],
        median if reached else float(sizes.budget),
        "samples",
        rows,
        bound="" if reached else ">",
        better="lower",
        threshold=float(sizes.budget) if arm == "ours" else None,
        seeds_required=SEEDS if arm == "ours" else 1,
        details={"reached": [row.reached for row in rows], "home": [row.home for row in rows],
                 "curves": [row.curve for row in rows]},
    )  # fmt: skip


def _kept(task: str, arm: str, rows: Sequence[Outcome], sizes: Sizes) -> Evidence:
    last = [row.last for row in rows]
    return _record(f"{M2} {task}", "share of the offline reward, last evaluations", ARMS[arm],
                   float(np.median(last)), "of the reward at home", rows,
                   details={"by_seed": last})  # fmt: skip


def _offline_only(task: str, rows: Sequence[Outcome], sizes: Sizes) -> Evidence:
    kept = [row.curve[0][1] / row.home for row in rows]
    return _record(f"{M2} {task}", "share of the offline reward, last evaluations", "offline only",
                   float(np.median(kept)), "of the reward at home", rows,
                   details={"by_seed": kept})  # fmt: skip


def _m2(outcomes: Sequence[Outcome], tasks: Sequence[str], sizes: Sizes) -> list[Evidence]:
    """On how many tasks each arm's median seed got there."""
    items = []
    for arm in ARMS:
        by_task = {task: rows for task in tasks if (rows := _of(outcomes, task, arm))}
        if not by_task:
            continue
        steps = {task: median_steps(rows, sizes) for task, rows in by_task.items()}
        got = sum(np.isfinite(value) for value in steps.values())
        rows = min(by_task.values(), key=len)
        items.append(
            _record(M2, "tasks with 90 % of the offline reward in 10k samples", ARMS[arm],
                    float(got), f"of {len(steps)}", rows,
                    threshold=float(TASKS_ASKED) if arm == "ours" else None,
                    seeds_required=SEEDS if arm == "ours" else 1,
                    details={k: None if not np.isfinite(v) else v for k, v in steps.items()})
        )  # fmt: skip
    return items


def _t51(outcomes: Sequence[Outcome], tasks: Sequence[str], sizes: Sizes) -> list[Evidence]:
    """Share of the real samples that pretraining without rewards saves, median over the pairs.

    Seeds and tasks where both arms never got there say nothing and are left out; where one of them
    did not, it counts with the whole budget, which makes the saving smaller than it is.
    """
    pairs: list[tuple[str, int, float]] = []
    for task in tasks:
        scratch = {row.job.seed: row for row in _of(outcomes, task, "scratch")}
        for row in _of(outcomes, task, "unlabelled"):
            other = scratch.get(row.job.seed)
            if other is None or (other.reached is None and row.reached is None):
                continue
            ours = row.reached if row.reached is not None else sizes.budget
            theirs = other.reached if other.reached is not None else sizes.budget
            pairs.append((task, row.job.seed, 1 - ours / max(theirs, 1)))
    if not pairs:
        return []
    rows = [row for row in outcomes if row.job.arm == "unlabelled"]
    return [
        _record(T51, "real samples saved by pretraining without rewards, median pair",
                ARMS["unlabelled"], float(np.median([saved for *_, saved in pairs])),
                "of the samples from scratch", rows, threshold=SAVED, seeds_required=SEEDS,
                details={"pairs": pairs})
    ]  # fmt: skip


def _record(
    row: str,
    measure: str,
    subject: str,
    figure: float,
    unit: str,
    rows: Sequence[Outcome],
    **more: Any,
) -> Evidence:
    return evidence.record(
        bench=BENCH,
        row=row,
        measure=measure,
        subject=subject,
        figure=figure,
        unit=unit,
        seconds=sum(one.seconds for one in rows),
        seeds=tuple(sorted({one.job.seed for one in rows})),
        **more,
    )
