"""Collects demonstrations of one skill: episodes of an expert, of which the successful are kept."""

from __future__ import annotations

import time
import zlib
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from daneel.agents import Performer
from daneel.config import require
from daneel.envs.suites import Skill, embodiments
from daneel.training.demos import layout
from daneel.training.demos.attempt import Attempts
from daneel.training.demos.layout import DatasetError
from daneel.training.demos.origin import read_origin
from daneel.training.demos.reader import DemoDataset
from daneel.training.demos.writer import DatasetWriter
from daneel.training.seeding import episode_seed

_PACKAGES = ("daneel", "gymnasium", "mujoco", "metaworld", "panda-gym", "gymnasium-robotics")
_SMALLEST = 16


@dataclass(frozen=True)
class CollectConfig:
    """How many demonstrations of each skill, and of what kind."""

    episodes: int = 10
    """Successful episodes of each skill."""

    seed: int = 0
    """Same seed, same demonstrations, whatever the number of workers."""

    images: int | None = None
    """Height and width in pixels of a film of each episode; without it there are none."""

    patience: int = 20
    """Failures in a row after which an expert is given up."""

    def __post_init__(self) -> None:
        """Checks every field.

        Raises:
            ConfigError: A field is out of range.
        """
        require(self.episodes >= 1, "episodes", self.episodes, "at least 1")
        require(self.patience >= 1, "patience", self.patience, "at least 1")
        size = self.images
        fits = size is None or (size >= _SMALLEST and size % 2 == 0)
        require(fits, "images", size, f"an even number of pixels from {_SMALLEST} on")


@dataclass(frozen=True)
class Collected:
    """A dataset of one skill."""

    path: Path
    """Its folder."""
    episodes: int
    """Successful episodes: those in the dataset."""
    attempts: int
    """Episodes that were run for them."""
    steps: int
    """Decisions in the dataset."""
    seconds: float
    """Wall time; 0 for one that was there already."""


def collect_skill(
    skill: Skill, performer: Performer, config: CollectConfig, folder: Path
) -> Collected:
    """Run `performer` until enough episodes succeeded, and write them to `folder/<skill>`.

    The dataset appears when it is whole. One that is there already, from the same arguments, is
    kept. Attempt k begins with a seed that follows from the skill's name and k, and the instruction
    follows from that seed.

    Raises:
        DatasetError: The expert fails again and again, another dataset is in the way, or the disk
            is full.
        ConfigError: The skill's rule asks for a signal that its environment does not give.
        SpaceError: An action has the wrong size.
        NonFiniteError: An action, an observation or a reward is NaN or infinite.
    """
    path = folder / skill.name
    if path.exists():
        return _kept(path, skill, config)
    began = time.perf_counter()
    with Attempts(skill, performer, config.images) as attempts:
        with DatasetWriter(path, attempts.fps(), skill.embodiment, _names(skill)) as writer:
            failed = _fill(writer, attempts, skill, config)
            writer.finish(
                {
                    **_request(skill, config),
                    "attempts": config.episodes + len(failed),
                    "failed_seeds": failed,
                    "action_repeat": attempts.action_repeat,
                    **_circumstances(skill),
                }
            )
    return _describe(path, config.episodes + len(failed), time.perf_counter() - began)


def _fill(
    writer: DatasetWriter, attempts: Attempts, skill: Skill, config: CollectConfig
) -> list[int]:
    """Write as many successful episodes as asked for; returns the seeds of the failed ones."""
    stream = zlib.crc32(skill.name.encode())
    failed: list[int] = []
    in_a_row = found = 0
    while found < config.episodes:
        seed = episode_seed(config.seed, stream, found + len(failed))
        episode = attempts.run(seed)
        if episode is not None:
            writer.add(episode)
            in_a_row, found = 0, found + 1
            continue
        failed.append(seed)
        in_a_row += 1
        if in_a_row == config.patience:
            raise _given_up(skill, found, len(failed), config)
    return failed


def _given_up(skill: Skill, found: int, failed: int, config: CollectConfig) -> DatasetError:
    fewer = f"--episodes {found}" if found else f"--patience {10 * config.patience}"
    return DatasetError(
        f"The expert of {skill.name!r} failed {config.patience} times in a row; {found} of "
        f"{found + failed} episodes succeeded. Expected {config.episodes} successes, and nothing "
        f"was written. Type `daneel demos collect {skill.name} {fewer}` to try again."
    )


def _kept(path: Path, skill: Skill, config: CollectConfig) -> Collected:
    origin = read_origin(path)
    differ = {
        key: (origin.get(key), value)
        for key, value in _request(skill, config).items()
        if origin.get(key) != value
    }
    if differ:
        key, (before, now) = next(iter(differ.items()))
        raise DatasetError(
            f"{path} was collected with {key} {before!r}, not {now!r}. Expected the same to go on. "
            "Choose another folder with --out, or move this one away."
        )
    return _describe(path, origin["attempts"], seconds=0.0)


def _describe(path: Path, attempts: int, seconds: float) -> Collected:
    info = DemoDataset(path).info
    return Collected(path, info.total_episodes, attempts, info.total_frames, seconds)


def _request(skill: Skill, config: CollectConfig) -> dict[str, Any]:
    """What decides which demonstrations come out."""
    asked = {key: value for key, value in asdict(config).items() if key != "patience"}
    return {"skill": skill.name, "env": skill.env, "expert": skill.expert, **asked}


def _circumstances(skill: Skill) -> dict[str, Any]:
    return {
        "block": skill.block,
        "embodiment": skill.embodiment,
        "expert_source": skill.expert_source,
        "success": asdict(skill.success),
        "versions": {name: _version(name) for name in _PACKAGES},
    }


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _names(skill: Skill) -> dict[str, tuple[str, ...]]:
    robot = embodiments().get(skill.embodiment)
    return {} if robot is None else {layout.ACTION: robot.actions}
