"""What may differ between two configurations of the same run."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from daneel.config import to_dict
from daneel.errors import CheckpointError
from daneel.training.config import TrainConfig
from daneel.training.run_folder import RunFolder

MAY_CHANGE = (
    *("steps", "stop_return", "stop_after", "tracker", "out", "video", "checkpoint_every"),
    *("device", "threads"),
)
"""Fields of the configuration that a resumed run may have otherwise. With another device or number
of threads it goes on, but not bit for bit."""


def changed_fields(
    then: Mapping[str, Any], now: Mapping[str, Any], prefix: str = ""
) -> dict[str, tuple[Any, Any]]:
    """Fields that differ between two configurations and may not, by dotted name."""
    changes: dict[str, tuple[Any, Any]] = {}
    for key in dict.fromkeys([*then, *now]):
        name, before, after = f"{prefix}{key}", then.get(key), now.get(key)
        if name in MAY_CHANGE or before == after:
            continue
        if isinstance(before, Mapping) and isinstance(after, Mapping) and name != "env.kwargs":
            changes |= changed_fields(before, after, f"{name}.")
        else:
            changes[name] = (before, after)
    return changes


def refuse_changes(
    run: RunFolder,
    path: Path,
    progress: Mapping[str, Any],
    config: TrainConfig[Any],
    spaces: Mapping[str, str],
) -> None:
    """A resumed run must be the same run.

    Args:
        run: Its folder.
        path: The checkpoint to go on from.
        progress: What it says of the run that made it.
        config: What is wanted now.
        spaces: The environment's spaces now, as text by name.

    Raises:
        CheckpointError: A field that must stay, or a space, is another one now.
    """
    changes = changed_fields(progress["config"], to_dict(config))
    changes |= {
        f"the {name} space of {config.env.id}": (progress["spaces"][name], now)
        for name, now in spaces.items()
        if progress["spaces"][name] != now
    }
    for name, (then, now) in changes.items():
        raise CheckpointError(
            f"The checkpoint {str(path)!r} was made with {name} = {then!r}, but now it is"
            f" {now!r}. A resumed run must be the same run. Set it back in"
            f" {run.config_path}, or begin another run with `daneel train`."
        )


def warn_of_forgetting(
    run: RunFolder, progress: Mapping[str, Any], config: TrainConfig[Any], capacity: int | None
) -> None:
    """A replay of `capacity` rows held all steps asked for at first; of more it may forget some."""
    steps, repeat = progress["config"]["steps"], config.env.action_repeat
    if capacity is None or not steps // repeat <= capacity < config.steps // repeat:
        return
    warnings.warn(
        f"The replay of {run.path} keeps the {capacity} rows that it was given for"
        f" {steps} steps: of {config.steps} steps the oldest will be forgotten. The size"
        " of a run's replay does not change. To keep all, begin another run with"
        f" `daneel train PRESET --steps {config.steps}`.",
        stacklevel=3,
    )
