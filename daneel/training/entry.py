"""`train`: the one door to every training, of our agents and of a library's."""

from __future__ import annotations

import os
from typing import Any

import torch

from daneel.agents import AGENTS
from daneel.config import to_dict
from daneel.envs import make_from_config
from daneel.errors import ConfigError
from daneel.training.config import TrainConfig, from_data, resolve
from daneel.training.interrupt import Interrupt
from daneel.training.loop import OnProgress, Trainer, TrainResult
from daneel.training.run_folder import RunFolder


def train(
    config: TrainConfig[Any] | None = None,
    *,
    resume: bool | str | os.PathLike[str] = False,
    on_progress: OnProgress | None = None,
) -> TrainResult:
    """Train, or go on with a training.

    Args:
        config: What to train. May be None when `resume` is a run folder: then it is the folder's.
        resume: False makes a new run folder; True goes on in `config.out`; a path goes on there.
        on_progress: Called a few times a second.

    Raises:
        DaneelError: Anything the user can mend; nothing is half-written and the last checkpoint is
            kept.
    """
    if resume is False:
        if config is None:
            raise ConfigError("There is nothing to train. Expected a configuration or `resume`.")
        config = resolve(config)
    else:
        config = _resumed_config(config, resume)
    torch.set_num_threads(config.threads)
    if getattr(AGENTS.load(config.agent.name), "native_learn", False):
        if config.logs:
            raise ConfigError(
                f"agent is {config.agent.name!r}, which learns by itself and from no logs. Expected"
                " the pessimist. Leave --agent out, or --logs."
            )
        from daneel.training.baseline_loop import train_baseline

        return train_baseline(config, resume=resume is not False, on_progress=on_progress)
    return _train(config, resume is not False, on_progress or (lambda progress: None))


def _resumed_config(
    config: TrainConfig[Any] | None, resume: bool | str | os.PathLike[str]
) -> TrainConfig[Any]:
    path = config.out if resume is True and config is not None else resume
    if not isinstance(path, str | os.PathLike):
        raise ConfigError("resume is True without a folder. Expected `config.out` or a path.")
    stored = RunFolder.open(path).config()
    wanted = stored if config is None else to_dict(config)
    return resolve(from_data({**wanted, "out": os.fspath(path)}))


def _train(config: TrainConfig[Any], resume: bool, on_progress: OnProgress) -> TrainResult:
    assert config.out is not None
    env = make_from_config(config.env)
    try:
        trainer = Trainer(config, env, on_progress)
        with Interrupt() as interrupt:  # from here on: a folder that exists can be resumed
            with _folder(config, resume) as run:
                return trainer.run(run, interrupt, resume)
    finally:
        env.close()


def _folder(config: TrainConfig[Any], resume: bool) -> RunFolder:
    assert config.out is not None
    return RunFolder.open(config.out) if resume else RunFolder.create(config.out, to_dict(config))
