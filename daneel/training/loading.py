"""Trained agents back from their run folder."""

from __future__ import annotations

import os
from typing import Any

from gymnasium import spaces

from daneel.agents import Agent, build
from daneel.alignment import is_released, verify_released
from daneel.envs import make_single
from daneel.training import checkpoint
from daneel.training.config import TrainConfig, from_data
from daneel.training.run_folder import LATEST, RunFolder
from daneel.training.seeding import agent_seed

RELEASED = "released"


def load_agent(
    run_path: str | os.PathLike[str], which: str | None = None, *, device: str | None = None
) -> tuple[Agent, TrainConfig[Any], str]:
    """The agent of a run as a checkpoint has it; the replay is not read.

    Args:
        run_path: The run folder.
        which: "released", "latest", "step-N" or "N". None is the released one where there is one,
            else the latest.
        device: Where its networks shall live; None is where they were trained.

    Returns:
        The agent, the run's configuration, and which checkpoint it is: "released" or "step-N".

    Raises:
        RunFolderError: There is no run.
        CheckpointError: There is no such checkpoint, it is damaged, or `released` was changed after
            it passed the gate.
    """
    run = RunFolder.open(run_path)
    config = from_data(run.config())
    if which is None:
        which = RELEASED if is_released(run.path) else LATEST
    path = verify_released(run.path) if which == RELEASED else run.checkpoint(which)
    agent = _build(config, device or config.device)
    agent.load_state_dict(checkpoint.load(path, only=["agent"])["agent"])
    return agent, config, path.name


def load_seen_range(
    run_path: str | os.PathLike[str], which: str = LATEST
) -> dict[str, tuple[Any, Any]]:
    """Smallest and largest value `[D]` seen in training, by vector modality.

    Raises:
        CheckpointError: There is no such checkpoint, or it is damaged.
    """
    path = RunFolder.open(run_path).checkpoint(which)
    progress = checkpoint.load(path, only=["progress"])["progress"]
    seen = progress["collector"]["seen"]
    return {key: (low, seen["high"][key]) for key, low in seen["low"].items()}


def _build(config: TrainConfig[Any], device: str) -> Agent:
    env = make_single(config.env)
    try:
        assert isinstance(env.observation_space, spaces.Dict)
        return build(
            config.agent,
            env.observation_space,
            env.action_space,
            seed=agent_seed(config.seed),
            device=device,
        )
    finally:
        env.close()
