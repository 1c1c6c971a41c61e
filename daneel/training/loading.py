"""Trained agents back from their run folder."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from gymnasium import spaces

from daneel.agents import Agent, build
from daneel.alignment import is_released, verify_released
from daneel.config import load_yaml
from daneel.envs import make_single
from daneel.errors import CheckpointError
from daneel.training import checkpoint
from daneel.training.changes import changed_fields
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
            it passed the gate, or the run's configuration was.
    """
    run = RunFolder.open(run_path)
    if which is None:
        which = RELEASED if _has_release(run) else LATEST
    if which == RELEASED:
        path, config = _released(run)
    else:
        path, config = run.checkpoint(which), from_data(run.config())
    agent = _build(config, device or config.device)
    agent.load_state_dict(checkpoint.load(path, only=["agent"])["agent"])
    return agent, config, path.name


def _has_release(run: RunFolder) -> bool:
    """Whether something is released; the files of a release without its marker are refused."""
    if is_released(run.path) or not (run.checkpoints / RELEASED).exists():
        return is_released(run.path)
    raise CheckpointError(
        f"The run {str(run.path)!r} has the files of a release, but not the released.json that "
        f"vouches for them. Expected both. Type `daneel gate {run.path}` to judge it again, or add "
        "`--which latest` to take what is not released."
    )


def _released(run: RunFolder) -> tuple[Path, TrainConfig[Any]]:
    """The verified release and its configuration: the signed copy, which the run's must equal."""
    path = verify_released(run.path)
    signed = path / run.config_path.name
    stored = load_yaml(signed) if signed.is_file() else run.config()
    for name, (then, now) in changed_fields(stored, run.config()).items():
        raise CheckpointError(
            f"The run {str(run.path)!r} was released with {name} = {then!r}, but its config.yaml "
            f"now says {now!r}. Expected exactly what passed the gate. Set it back, or type "
            f"`daneel gate {run.path}` to judge it again."
        )
    return path, from_data(stored)


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
