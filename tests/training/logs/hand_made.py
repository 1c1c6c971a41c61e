"""Logs for tests, by hand: what each layout looks like on disk."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from gymnasium import spaces

from daneel.training.demos import DatasetWriter, Demonstration

SPACE = spaces.Dict({"state": spaces.Box(-np.inf, np.inf, (3,), np.float32)})
BOX = spaces.Box(-1.0, 1.0, (2,), np.float32)


def rows(length: int, first: float = 0.0) -> np.ndarray:
    """Observations that count: row t is `first + t` in every entry [length, 3]."""
    return np.repeat(first + np.arange(length, dtype=np.float32)[:, None], 3, 1)


def lerobot(
    path: Path,
    lengths: tuple[int, ...] = (5, 4),
    *,
    terminated: bool = False,
    rewards: bool = True,
    columns: dict[str, Any] | None = None,
    origin: dict[str, Any] | None = None,
) -> Path:
    """A dataset of our writer; `columns` replaces or (None) removes columns of every episode."""
    with DatasetWriter(path, fps=10) as writer:
        for number, length in enumerate(lengths):
            last = np.arange(length) == length - 1
            made: dict[str, Any] = {
                "observation.state": rows(length, 100.0 * number),
                "action": np.full((length, 2), 0.5, np.float32),
                "next.reward": np.arange(length, dtype=np.float32),
                "next.done": last,
                "next.truncated": last & (not terminated),
            }
            if not rewards:
                del made["next.reward"]
            for key, value in (columns or {}).items():
                made[key] = None if value is None else value(length)
            kept = {key: value for key, value in made.items() if value is not None}
            writer.add(Demonstration("go", kept))
        writer.finish(origin or {})
    return path


def minari(path: Path, lengths: tuple[int, ...] = (5, 4), *, goal: bool = False) -> Path:
    """An HDF5 dataset as Minari 0.5.4 writes it (compared with its files by hand)."""
    (path / "data").mkdir(parents=True)
    with h5py.File(path / "data" / "main_data.hdf5", "w") as file:
        for number, length in enumerate(lengths):
            group = file.create_group(f"episode_{number}")
            seen = rows(length + 1, 100.0 * number).astype(np.float64)
            if goal:
                inner = group.create_group("observations")
                for key in ("observation", "achieved_goal", "desired_goal"):
                    inner[key] = seen
            else:
                group["observations"] = seen
            group["actions"] = np.full((length, 2), 0.5, np.float32)
            group["rewards"] = np.arange(length, dtype=np.float64)
            last = np.arange(length) == length - 1
            group["terminations"], group["truncations"] = last & (number == 0), last & (number > 0)
    spec = json.dumps({"id": "Pendulum-v1", "kwargs": {"g": 9.0}})
    meta = {"data_format": "hdf5", "total_episodes": len(lengths), "env_spec": spec}
    (path / "data" / "metadata.json").write_text(json.dumps(meta))
    return path
