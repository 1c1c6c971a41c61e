"""One training of a bench in a process of its own: train, evaluate on the way, time an action.

`python -m daneel.evaluation.bench.job SPEC.json RESULT.json`. The process uses one torch thread and
the training loop of `daneel train`. The evaluations on the way are the curve; the time they take is
subtracted, so `seconds` means training alone, on both sides alike.
"""

from __future__ import annotations

import datetime
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from daneel import config
from daneel.agents import AGENTS, Agent
from daneel.envs import EnvConfig, make_from_config
from daneel.errors import ConfigError, UnknownNameError
from daneel.evaluation import curves, files, provenance
from daneel.evaluation.provenance import Machine, Source
from daneel.training import TrainConfig, load_agent, train

LATENCY_ACTIONS = 300
LATENCY_WARMUP = 30
INTERRUPTED = 130
"""Exit code of a training that was told to stop."""


@dataclass(frozen=True)
class Spec:
    """What to train; two equal specs are the same job."""

    task: str
    """Name of the task."""
    algo: str
    """Name of the agent."""
    seed: int
    """Seed of the training."""
    env: EnvConfig
    """Where to train."""
    steps: int
    """Environment steps to train for."""
    eval_every: int
    """Environment steps between evaluations."""
    eval_episodes: int
    """Episodes of each evaluation."""
    agent: dict[str, Any] = field(default_factory=dict)
    """Settings of the agent that differ from its defaults."""


@dataclass(frozen=True)
class Point:
    """One evaluation on the way."""

    step: int
    """Environment steps so far."""
    seconds: float
    """Seconds of training so far, evaluations not counted."""
    returns: tuple[float, ...]
    """Return of each episode."""
    success: float | None
    """Success rate over the episodes, None where the environment has no such signal."""


@dataclass(frozen=True)
class Result:
    """What a job measured."""

    spec: Spec
    """What was trained."""
    curve: tuple[Point, ...]
    """The evaluations in order."""
    wall_seconds: float
    """Wall time of training and evaluations together."""
    cpu_seconds: float
    """Processor time of the same; much less than the wall time when the machine was busy."""
    latency_ms: tuple[float, float]
    """Median and 95th percentile of one action at batch one, in milliseconds."""
    load_before: float
    """Load average of the machine when it began: seconds of a busy machine are no measure."""
    settings: dict[str, Any]
    """The resolved training configuration."""
    source: Source
    """Commit of the code that ran."""
    machine: Machine
    """Where it ran."""
    versions: dict[str, str]
    """Versions of what matters."""
    date: str
    """Day it ran."""


def run(spec: Spec, out: Path) -> Result:
    """Trains into the run folder `out` and measures.

    Raises:
        SystemExit: The training was told to stop: half a training is no result.
    """
    torch.set_num_threads(1)
    # The tree may change while this trains: what counts is what was imported.
    source, load_before = provenance.source(), os.getloadavg()[0]
    settings = train_config(spec, out)
    wall, cpu = time.perf_counter(), time.process_time()
    if train(settings).interrupted:
        raise SystemExit(INTERRUPTED)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    agent, _, _ = load_agent(out, "latest")
    return Result(
        spec=spec,
        curve=read_curve(curves.load_metrics(out)),
        wall_seconds=wall,
        cpu_seconds=cpu,
        latency_ms=action_latency_ms(agent, spec.env, spec.seed),
        load_before=load_before,
        settings=config.to_dict(replace(settings, out=None)),
        source=source,
        machine=provenance.machine(),
        versions=provenance.versions(),
        date=datetime.datetime.now(datetime.UTC).date().isoformat(),
    )


def agent_settings(algo: str) -> dict[str, Any]:
    """The default settings of an agent as plain data: what every row of a bench uses."""
    return config.to_dict(AGENTS.load(algo).Config(name=algo))


def agent_settings_of(result: Result) -> dict[str, Any]:
    """The settings of the agent that a job trained, as they are written today.

    A setting that is newer than the job has its default, which leaves agents as they were before
    there was a choice. Settings that no longer exist are shown as they were recorded.
    """
    recorded = result.settings["agent"]
    try:
        return config.to_dict(config.from_dict(AGENTS.load(result.spec.algo).Config, recorded))
    except (ConfigError, UnknownNameError):
        return dict(recorded)


def train_config(spec: Spec, out: Path) -> TrainConfig[Any]:
    """The training configuration of a job: everything the spec does not say is the default."""
    return TrainConfig(
        preset="bench-control",
        env=spec.env,
        agent=config.from_dict(AGENTS.load(spec.algo).Config, {"name": spec.algo, **spec.agent}),
        steps=spec.steps,
        seed=spec.seed,
        threads=1,
        out=str(out),
        eval_every=spec.eval_every,
        eval_episodes=spec.eval_episodes,
        checkpoint_every=spec.steps,
        video=False,
    )


def read_curve(records: Sequence[dict[str, Any]]) -> tuple[Point, ...]:
    """The evaluations of a run, with the seconds of training alone at each of them.

    A record's `seconds` is wall time since the training began, `eval/seconds` what one evaluation
    took; the wall time of an evaluation's own record is taken when it has ended.
    """
    points, evaluating = [], 0.0
    for record in records:
        if curves.EVAL_RETURNS not in record:
            continue
        evaluating += record["eval/seconds"]
        seconds = record["seconds"] - evaluating
        returns = tuple(map(float, record[curves.EVAL_RETURNS]))
        points.append(Point(record["step"], seconds, returns, record.get(curves.EVAL_SUCCESS)))
    return tuple(points)


def action_latency_ms(agent: Agent, env: EnvConfig, seed: int) -> tuple[float, float]:
    """Median and 95th percentile of the time of `act` for one observation, in an episode."""
    world = make_from_config(replace(env, num_envs=1), seed=seed)
    try:
        return _time_actions(agent, world, seed)
    finally:
        world.close()


def _time_actions(agent: Agent, world: Any, seed: int) -> tuple[float, float]:
    obs, _ = world.reset(seed=seed)
    state, times = None, []
    for _ in range(LATENCY_WARMUP + LATENCY_ACTIONS):
        began = time.perf_counter()
        action, state = agent.act(obs, state)
        times.append(1000 * (time.perf_counter() - began))
        obs, _, terminated, truncated, _ = world.step(action)
        if (ended := terminated | truncated).any():
            obs, _ = world.reset(options={"reset_mask": ended})
            state = agent.reset_state(state, ended)
    median, tail = np.percentile(times[LATENCY_WARMUP:], [50, 95])
    return float(median), float(tail)


def main(arguments: Sequence[str]) -> int:
    """Reads a spec, runs it next to the result file, writes the result."""
    spec_path, result_path = map(Path, arguments)
    spec = config.from_dict(Spec, files.read_json(spec_path))
    result = run(spec, result_path.parent / "run")
    files.write_json(result_path, config.to_dict(result))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
