"""Finished jobs with figures chosen by hand."""

from typing import Any

from daneel.evaluation.bench import tasks
from daneel.evaluation.bench.job import Point, Result, Spec, agent_settings
from daneel.evaluation.provenance import Machine, Source

MACHINE = Machine("CPU", 2, 8.0, "Linux 6")


def result(
    task: tasks.Task,
    algo: str,
    seed: int,
    means: list[float],
    *,
    commit: str = "a" * 40,
    latency_ms: tuple[float, float] = (4.0, 8.0),
    agent: dict[str, Any] | None = None,
) -> Result:
    """A job whose evaluations have these means, one a tenth of the budget, ten seconds apart."""
    points = []
    for at, mean in enumerate(means, start=1):
        step = at * task.eval_every
        if task.measure == "return":
            points.append(Point(step, 10.0 * at, (mean - 1, mean + 1), None))
        else:
            points.append(Point(step, 10.0 * at, (5.0,) * 10, mean))
    steps = len(means) * task.eval_every
    spec = Spec(task.name, algo, seed, task.env, steps, task.eval_every, tasks.EPISODES)
    return Result(
        spec=spec,
        curve=tuple(points),
        wall_seconds=100.0,
        cpu_seconds=90.0,
        latency_ms=latency_ms,
        load_before=0.5,
        settings={"seed": seed, "agent": agent or agent_settings(algo)},
        source=Source(commit, True),
        machine=MACHINE,
        versions={"torch": "2"},
        date="2026-01-02",
    )


def by_key(*results: Result) -> dict[tuple[str, str, int], Result]:
    """As the bench keeps them."""
    return {(r.spec.task, r.spec.algo, r.spec.seed): r for r in results}
