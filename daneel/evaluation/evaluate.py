"""Evaluation of a trained agent: episodes with fixed seeds, and what they say with intervals."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from daneel import config
from daneel.agents import Agent
from daneel.alignment import weights_hash
from daneel.envs import EnvConfig
from daneel.errors import ConfigError
from daneel.evaluation import files, statistics
from daneel.evaluation.statistics import Interval
from daneel.training import EpisodeResult, agent_weights, run_episodes

FILE = "eval.json"
"""Name of the record in the run folder."""


@dataclass(frozen=True)
class Evaluation:
    """What an agent did in some episodes, and what that says about it."""

    env: EnvConfig
    """The environment evaluated in."""
    seed: int
    """Seed from which the episodes' seeds are derived."""
    seeds: tuple[int, ...]
    """Seed of each episode."""
    returns: tuple[float, ...]
    """Sum of rewards of each episode, undiscounted."""
    lengths: tuple[int, ...]
    """Decisions of each episode."""
    successes: tuple[bool, ...] | None
    """Whether each episode succeeded; None where the environment has no such signal."""
    mean: float
    """Mean return."""
    iqm: float
    """Interquartile mean of the returns."""
    mean_interval: Interval | None
    """95 % bootstrap interval of the mean over episodes; None for a single episode."""
    success_rate: float | None
    """Share of successes, None where there is no signal."""
    success_interval: Interval | None
    """95 % Wilson interval of the success rate."""
    checkpoint: str
    """The checkpoint evaluated ("released", "step-5000")."""
    weights_sha256: str
    """Hash of the weights evaluated; the gate compares it with what it is given."""
    seconds: float
    """Wall time of the episodes."""

    @property
    def episodes(self) -> int:
        """How many episodes were run."""
        return len(self.returns)


def evaluate(
    agent: Agent,
    env: EnvConfig,
    episodes: int = 20,
    seed: int = 0,
    *,
    checkpoint: str = "in memory",
    num_envs: int = 1,
    max_steps: int | None = None,
) -> Evaluation:
    """Runs episodes without exploration and summarises them.

    Args:
        agent: Anything with the agent protocol; it is not changed.
        env: Where to evaluate, not necessarily where the agent was trained.
        episodes: How many; each has its own seed, derived from `seed`.
        seed: Same seed, same episodes, whatever `num_envs` is.
        checkpoint: Recorded as the name of what was evaluated.
        num_envs: Environments stepped side by side.
        max_steps: Cuts an episode after this many decisions.

    Raises:
        ConfigError: When `episodes` is under one.
    """
    if episodes < 1:
        raise ConfigError(
            f"episodes is {episodes}. Expected at least 1. Type `daneel eval RUN --episodes 20`."
        )
    env = replace(env, num_envs=num_envs)
    began = time.perf_counter()
    results = run_episodes(agent, env, episodes, seed, num_envs=num_envs, max_steps=max_steps)
    seconds = time.perf_counter() - began
    digest = weights_hash(agent_weights(agent))
    return summarise(results, env, seed, checkpoint, digest, seconds)


def summarise(
    results: Sequence[EpisodeResult],
    env: EnvConfig,
    seed: int,
    checkpoint: str,
    weights_sha256: str,
    seconds: float,
) -> Evaluation:
    """The Evaluation of episodes that were already run."""
    returns = tuple(float(result.return_) for result in results)
    flags = [result.success for result in results]
    successes = tuple(bool(flag) for flag in flags) if None not in flags else None
    return Evaluation(
        env=env,
        seed=seed,
        seeds=tuple(int(result.seed) for result in results),
        returns=returns,
        lengths=tuple(int(result.length) for result in results),
        successes=successes,
        mean=float(np.mean(returns)),
        iqm=float(statistics.iqm(returns)),
        mean_interval=statistics.bootstrap_interval(returns, np.random.default_rng(seed)),
        success_rate=None if successes is None else float(np.mean(successes)),
        success_interval=None if successes is None else _wilson(successes),
        checkpoint=checkpoint,
        weights_sha256=weights_sha256,
        seconds=seconds,
    )


def save_evaluation(evaluation: Evaluation, run: str | Path) -> Path:
    """Writes `eval.json` into the run folder, atomically, and returns its path."""
    return files.write_json(Path(run) / FILE, to_dict(evaluation))


def to_dict(evaluation: Evaluation) -> dict[str, Any]:
    """The evaluation as plain data, with the number of episodes spelled out."""
    return {**config.to_dict(evaluation), "episodes": evaluation.episodes}


def load_evaluation(run: str | Path) -> Evaluation | None:
    """The evaluation recorded in a run folder, or None where there is none."""
    path = Path(run) / FILE
    if not path.exists():
        return None
    return from_dict(files.read_json(path))


def from_dict(data: dict[str, Any]) -> Evaluation:
    """The inverse of `to_dict`."""
    return config.from_dict(Evaluation, {k: v for k, v in data.items() if k != "episodes"})


def describe(evaluation: Evaluation) -> str:
    """Two or three lines for the terminal."""
    lines = [f"return  {_with_interval(evaluation.mean, evaluation.mean_interval)}"]
    lines[0] += f", IQM {evaluation.iqm:,.1f}, {evaluation.episodes} episodes"
    if evaluation.success_rate is not None:
        rate, interval = 100 * evaluation.success_rate, evaluation.success_interval
        assert interval is not None
        ends = f"(95 % interval {100 * interval.low:.0f} to {100 * interval.high:.0f} %)"
        lines.append(f"success {rate:.0f} % {ends}")
    return "\n".join(lines)


def _with_interval(value: float, interval: Interval | None) -> str:
    if interval is None:
        return f"{value:,.1f} (one episode: no interval)"
    return f"{value:,.1f} (95 % interval {interval.low:,.1f} to {interval.high:,.1f})"


def _wilson(successes: Sequence[bool]) -> Interval:
    return statistics.wilson_interval(sum(successes), len(successes))
