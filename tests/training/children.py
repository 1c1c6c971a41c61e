"""Training in a child process that can be killed at any moment.

The child is a fork: torch is imported already, so a run starts in milliseconds.
"""

from __future__ import annotations

import functools
import json
import multiprocessing
import os
import signal
import tempfile
import time
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from daneel.envs import EnvConfig
from daneel.training import TrainConfig, train
from tests.training import tiny_agent, tiny_envs

_FORK = multiprocessing.get_context("fork")


def tiny_config(out: Path, env: EnvConfig | None = None, **fields: Any) -> TrainConfig[Any]:
    """A run of a few seconds with everything in it: evaluations, checkpoints, records."""
    tiny_agent.register()
    tiny_envs.register()
    settings: dict[str, Any] = {
        "steps": 90,
        "eval_every": 40,
        "eval_episodes": 2,
        "checkpoint_every": 20,
        "log_every": 15,
    }
    agent = tiny_agent.TinyAgent.Config(warmup=10)
    env = env or EnvConfig("daneel/IdentityBox-v0")
    return TrainConfig(env=env, agent=agent, out=str(out), **{**settings, **fields})


def train_in_child(config: TrainConfig[Any], resume: bool) -> BaseProcess:
    """Start a training and return its process."""
    _warm_up()
    child = _FORK.Process(target=_quietly, args=(config, resume))
    child.start()
    return child


@functools.cache
def _warm_up() -> None:
    """Import once, here, what each child would import again (the simulator, torch's optimisers)."""
    with tempfile.TemporaryDirectory() as folder:
        env = EnvConfig("InvertedPendulum-v5")
        train(tiny_config(Path(folder) / "run", env, steps=14, eval_every=0))


def _quietly(config: TrainConfig[Any], resume: bool) -> None:
    train(config, resume=resume)
    os._exit(0)  # without the parent's exit handlers


def kill_when(child: BaseProcess, reached: Callable[[], bool]) -> bool:
    """SIGKILL the child as soon as `reached`; False when it ended by itself before."""
    while child.is_alive():
        if reached():
            assert child.pid is not None
            os.kill(child.pid, signal.SIGKILL)
            child.join()
            return child.exitcode == -signal.SIGKILL
        time.sleep(0.002)
    child.join()
    return False


def metrics(run: Path) -> list[dict[str, Any]]:
    """The records of a run without the times of the wall clock."""
    lines = (run / "metrics.jsonl").read_text().splitlines()
    return [{k: v for k, v in json.loads(line).items() if not _is_time(k)} for line in lines]


def _is_time(key: str) -> bool:
    return key in ("seconds", "eval/seconds") or key.startswith("time/")
