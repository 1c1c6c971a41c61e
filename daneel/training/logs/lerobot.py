"""Reads LeRobot datasets (v3.0 and v2.1) as logs: ours, of `daneel demos collect`, or anybody's.

`observation.KEY` is the modality KEY, `observation.images.ANY` the modality `image`. The layout has
no observation after the last decision of an episode; `episode.without_last` says what comes of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from daneel.errors import UnknownNameError
from daneel.training.demos import layout
from daneel.training.demos.origin import read_origin
from daneel.training.demos.reader import DemoDataset, find_datasets
from daneel.training.logs.episode import LogError, LoggedEpisode, without_last

NAME = "LeRobot"


def holds(path: Path) -> bool:
    """Whether `path` is a dataset, or a folder of datasets."""
    return (path / layout.INFO).exists() or any(path.glob(f"[!.]*/{layout.INFO}"))


def env(path: Path) -> dict[str, Any] | None:
    """The environment that the dataset was recorded in, as configuration; None if it is unsaid."""
    origin = read_origin(find_datasets(path)[0])
    if "skill" in origin:
        from daneel.config import to_dict
        from daneel.envs.suites import find_skill

        try:
            return to_dict(find_skill(origin["skill"]).config(origin.get("action_repeat", 1)))
        except UnknownNameError:
            pass  # a suite that is no longer there; the id says enough
    if "env" not in origin:
        return None
    return {"id": origin["env"], "kwargs": origin.get("env_kwargs", {})}


def episodes(path: Path) -> Iterator[LoggedEpisode]:
    """Every episode of the dataset, or of all datasets in the folder.

    Raises:
        DatasetError: A file is absent, cut short or foreign.
        LogError: There are no actions.
    """
    for root in find_datasets(path):
        dataset = DemoDataset(root)
        if layout.ACTION not in dataset.numbers:
            raise LogError(
                f"{root} has no column {layout.ACTION!r}; it has {', '.join(dataset.numbers)}. "
                f"Expected actions. Type `daneel demos show {root}`."
            )
        for index in range(len(dataset)):
            yield _episode(dataset, index)


def _episode(dataset: DemoDataset, index: int) -> LoggedEpisode:
    columns = dataset.episode(index).columns
    seen = {
        key.removeprefix(layout.OBSERVATION): value
        for key, value in columns.items()
        if key.startswith(layout.OBSERVATION)
    }
    if dataset.cameras:
        seen["image"] = dataset.frames(index)
    done = bool(columns[layout.DONE][-1]) if layout.DONE in columns else False
    cut = bool(columns[layout.TRUNCATED][-1]) if layout.TRUNCATED in columns else True
    reward = columns.get(layout.REWARD)
    actions = np.asarray(columns[layout.ACTION])
    return without_last(seen, actions, reward, terminated=done and not cut)
