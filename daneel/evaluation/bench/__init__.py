"""Programs that measure: `daneel bench NAME`. Each appends evidence to `benchmarks/results/`."""

from daneel.registry import Entry, Registry

BENCHES = Registry(
    "bench",
    Entry(
        "control",
        "daneel.evaluation.bench.control",
        "eight control tasks, our agent against SAC: score, steps, seconds, latency",
    ),
    Entry(
        "ablation",
        "daneel.evaluation.bench.ablation",
        "the planner with one part of it taken away at a time",
    ),
    Entry(
        "suites",
        "daneel.evaluation.bench.suites",
        "skill suites: experts, chance, baselines, speed of the runner, demonstrations",
    ),
)
"""Each entry is a module with `Options`, `run(options) -> int` and `table(folder) -> str`."""

__all__ = ["BENCHES"]
