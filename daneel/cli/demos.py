"""`daneel demos`: collect demonstrations from experts, look at them, check them."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro
from rich.console import Console
from rich.table import Table

from daneel.envs import write_video
from daneel.envs.suites import Skill, find_skill, load_suite
from daneel.errors import ConfigError, unknown_name

# pyarrow, which the rest needs, is an extra: `--help` works without it.
if TYPE_CHECKING:
    from daneel.training.demos import DemoDataset, Outcome

INCOMPLETE = 1
"""Exit code when a skill could not be collected, or a dataset is not sound."""


@dataclass(frozen=True)
class CollectOptions:
    """Collect demonstrations: successful episodes of the experts, one dataset for each task.

    A collection that was stopped goes on when the same command is typed again.
    """

    tasks: Annotated[tyro.conf.Positional[tuple[str, ...]], tyro.conf.arg(metavar="TASK")] = ()
    """Names of tasks."""

    suite: str | None = None
    """All tasks of this suite that have an expert."""

    episodes: int = 10
    """Successful episodes of each task."""

    out: Path = Path("demos")
    """Folder of the datasets; one for each task is made in it."""

    images: int | None = None
    """Film every episode in this many pixels squared."""

    seed: int = 0
    """Same seed, same demonstrations."""

    workers: int = 1
    """Tasks that are collected side by side, each in a process."""

    patience: int = 20
    """Failures in a row after which an expert is given up."""

    json: bool = False
    """Print one JSON object."""

    def __post_init__(self) -> None:
        """Checks what to collect and how.

        Raises:
            ConfigError: Neither tasks nor a suite were named, or both, or there are no workers.
        """
        if bool(self.tasks) == (self.suite is not None):
            raise ConfigError(
                f"tasks are {list(self.tasks)} and suite is {self.suite}. Expected one of both. "
                "Type `daneel demos collect TASK`, or `daneel demos collect --suite NAME`."
            )
        if self.workers < 1:
            raise ConfigError(f"workers is {self.workers}. Expected at least 1.")


@dataclass(frozen=True)
class ShowOptions:
    """Show what is in a dataset, or in a folder of datasets; export an episode as a video."""

    path: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="PATH")]
    """The dataset, or a folder of datasets."""

    video: Path | None = None
    """Write the film of one episode to this file, which ends in .mp4."""

    episode: int = 0
    """Which episode, for --video."""

    camera: str | None = None
    """Which camera, for --video; the first one unless named."""

    json: bool = False
    """Print one JSON object."""


@dataclass(frozen=True)
class CheckOptions:
    """Check datasets: counts, files, indices, times, numbers, statistics, films, hashes.

    Exits with 1 when one of them is not sound.
    """

    path: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="PATH")]
    """The dataset, or a folder of datasets."""

    json: bool = False
    """Print one JSON object."""


Options = CollectOptions | ShowOptions | CheckOptions
ACTIONS: dict[str, tuple[type[Options], str]] = {
    "collect": (CollectOptions, "run experts and keep what succeeds"),
    "show": (ShowOptions, "see what is in a dataset; export a video"),
    "check": (CheckOptions, "find what is wrong with a dataset"),
}


def parse(argv: Sequence[str]) -> Options:
    """Reads `collect`, `show` or `check` and its options."""
    if not argv or argv[0] in ("-h", "--help"):
        print(_usage())
        raise SystemExit(0)
    name, *rest = argv
    if name not in ACTIONS:
        hint = "Type `daneel demos --help` to see them all."
        raise unknown_name("action of `daneel demos`", name, ACTIONS, hint)
    config = (tyro.conf.FlagCreatePairsOff,)
    return tyro.cli(ACTIONS[name][0], prog=f"daneel demos {name}", args=rest, config=config)


def run(options: Options) -> int:
    """Collects, shows or checks."""
    if isinstance(options, CollectOptions):
        return _collect(options)
    return _show(options) if isinstance(options, ShowOptions) else _check(options)


def _collect(options: CollectOptions) -> int:
    from daneel.training.demos import CollectConfig, collect

    skills = _skills(options)
    config = CollectConfig(options.episodes, options.seed, options.images, options.patience)
    began, outcomes = time.perf_counter(), list[Any]()
    for outcome in collect(skills, config, options.out, options.workers):
        outcomes.append(outcome)
        left_s = (time.perf_counter() - began) * (len(skills) / len(outcomes) - 1)
        at = f"{len(outcomes)}/{len(skills)}"
        print(f"{at} {_line(outcome)} · {left_s:,.0f} s left", file=sys.stderr)
    problems = [outcome for outcome in outcomes if outcome.problem is not None]
    if options.json:
        print(json.dumps({"out": str(options.out), "tasks": list(map(asdict, outcomes))}, **_JSON))
    else:
        done = sum(outcome.collected.steps for outcome in outcomes if outcome.collected)
        print(f"{len(outcomes) - len(problems)} of {len(outcomes)} tasks, {done:,} steps")
        print(f"{options.out}; next: daneel demos check {options.out}")
    return INCOMPLETE if problems else 0


def _skills(options: CollectOptions) -> list[Skill]:
    """The tasks that were named, or those of the suite that have an expert."""
    if options.suite is None:
        return [find_skill(name) for name in dict.fromkeys(options.tasks)]
    suite = load_suite(options.suite)
    without = [skill.name for skill in suite.skills if skill.expert is None]
    if without:
        print(f"No expert, left out: {', '.join(without)}", file=sys.stderr)
    return [skill for skill in suite.skills if skill.expert is not None]


def _line(outcome: Outcome) -> str:
    if outcome.collected is None:
        return f"{outcome.skill}: not collected. {outcome.problem}"
    found = outcome.collected
    how = f"{found.seconds:,.1f} s" if found.seconds else "there already"
    counts = f"{found.episodes} of {found.attempts} episodes succeeded, {found.steps:,} steps"
    return f"{outcome.skill}: {counts}, {how}"


def _show(options: ShowOptions) -> int:
    from daneel.training.demos import DemoDataset, find_datasets

    datasets = [DemoDataset(path) for path in find_datasets(options.path)]
    if options.video is not None:
        print(_export(datasets, options, options.video), file=sys.stderr)
    if options.json:
        print(json.dumps({"datasets": [_facts(dataset) for dataset in datasets]}, **_JSON))
    elif len(datasets) == 1:
        _print_one(datasets[0])
    else:
        _print_many(datasets)
    return 0


def _export(datasets: Sequence[DemoDataset], options: ShowOptions, video: Path) -> Path:
    if len(datasets) > 1:
        raise ConfigError(
            f"{options.path} holds {len(datasets)} datasets. Expected one, for --video. "
            f"Type `daneel demos show {datasets[0].path} --video {video}`."
        )
    frames = datasets[0].frames(options.episode, options.camera)
    return write_video(frames, video, datasets[0].info.fps)


def _facts(dataset: DemoDataset) -> dict[str, Any]:
    return {
        "path": str(dataset.path),
        "version": dataset.info.version,
        "robot": dataset.info.robot_type,
        "fps": dataset.info.fps,
        "episodes": len(dataset),
        "steps": dataset.info.total_frames,
        "cameras": dataset.cameras,
        "columns": {key: dataset.info.features[key].shape for key in dataset.numbers},
        "tasks": [
            {"instruction": text, "episodes": episodes, "steps": steps}
            for text, episodes, steps in _by_instruction(dataset)
        ],
    }


def _by_instruction(dataset: DemoDataset) -> list[tuple[str, int, int]]:
    """Instruction, episodes and steps, in the order of the tasks."""
    found = []
    for text in dataset.tasks.values():
        rows = [row for row in dataset.episodes if text in row.tasks]
        found.append((text, len(rows), sum(row.length for row in rows)))
    return found


def _print_one(dataset: DemoDataset) -> None:
    info = dataset.info
    table = _table("instruction", "episodes", "steps")
    for text, episodes, steps in _by_instruction(dataset):
        table.add_row(text, str(episodes), f"{steps:,}")
    console = Console(highlight=False, soft_wrap=True)
    console.print(f"{dataset.path}: LeRobot {info.version}, {info.robot_type}, {info.fps} steps/s")
    console.print(table)
    shapes = (f"{key} {list(feature.shape)}" for key, feature in info.features.items())
    console.print(f"{len(dataset)} episodes, {info.total_frames:,} steps: {', '.join(shapes)}")


def _print_many(datasets: Sequence[DemoDataset]) -> None:
    table = _table("dataset", "instructions", "episodes", "steps", "cameras")
    for dataset in datasets:
        info = dataset.info
        counts = (len(dataset.tasks), len(dataset), info.total_frames, len(dataset.cameras))
        table.add_row(dataset.path.name, *(f"{count:,}" for count in counts))
    Console(highlight=False, soft_wrap=True).print(table)


def _table(first: str, *counts: str) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column(first)
    for name in counts:
        table.add_column(name, justify="right")
    return table


def _check(options: CheckOptions) -> int:
    from daneel.training.demos import find_datasets, find_problems

    found = {str(path): find_problems(path) for path in find_datasets(options.path)}
    if options.json:
        print(json.dumps({"datasets": found}, **_JSON))
    else:
        for path, problems in found.items():
            print("\n  ".join([f"{path}: {'not sound' if problems else 'sound'}", *problems]))
    return INCOMPLETE if any(found.values()) else 0


_JSON: dict[str, Any] = {"indent": 2, "default": str}


def _usage() -> str:
    listed = "\n".join(f"  {name:<8} {summary}" for name, (_, summary) in ACTIONS.items())
    return (
        "usage: daneel demos collect TASK ... [options]\n"
        "       daneel demos collect --suite NAME [options]\n"
        "       daneel demos show PATH [--episode N --video FILE.mp4]\n"
        "       daneel demos check PATH\n\n"
        f"Demonstrations in the LeRobot dataset layout.\n\nactions:\n{listed}\n\n"
        "`daneel demos ACTION --help` shows the options of an action."
    )
