"""Collects demonstrations of many skills, each a dataset of its own, one or several at a time.

A skill's dataset is there as a whole or not at all, so a collection that was stopped goes on by
being started again.
"""

from __future__ import annotations

import multiprocessing
import multiprocessing.connection
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path

import torch

from daneel.agents import Performer
from daneel.agents.experts import expert_of
from daneel.envs.suites import Skill
from daneel.errors import DaneelError
from daneel.training.demos.collect import CollectConfig, Collected, collect_skill
from daneel.training.demos.layout import DatasetError


@dataclass(frozen=True)
class Outcome:
    """What became of one skill."""

    skill: str
    """Its name."""
    collected: Collected | None
    """Its dataset; None where there is none."""
    problem: str | None = None
    """Why there is none."""


def collect(
    skills: Sequence[Skill],
    config: CollectConfig,
    folder: Path,
    workers: int = 1,
    expert: Callable[[Skill], Performer] = expert_of,
) -> Iterator[Outcome]:
    """Collect each of `skills` into `folder/<skill>`; yields them as they end, in any order.

    A skill that cannot be collected stops none of the others: its outcome says why.

    Args:
        skills: What to collect.
        config: How much of each.
        folder: Where the datasets go; those that are there already are kept.
        workers: Processes; 1 collects in this one.
        expert: Finds who demonstrates a skill; with several workers it is pickled by name.

    Raises:
        DatasetError: A worker process died.
    """
    if workers == 1:
        yield from (_attempt(skill, config, folder, expert) for skill in skills)
        return
    # Not forked: a fork inherits the locks of OpenGL's and PyTorch's threads without the threads.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_begin_worker) as pool:
        tasks = [pool.submit(_attempt, skill, config, folder, expert) for skill in skills]
        try:
            yield from map(_outcome, as_completed(tasks))
        finally:  # the caller stops early
            pool.shutdown(wait=False, cancel_futures=True)


def _outcome(task: Future[Outcome]) -> Outcome:
    try:
        return task.result()
    except BrokenProcessPool as error:
        raise DatasetError(
            "A process that collects demonstrations died. Expected the simulator not to crash. "
            "Type the same command with `--workers 1` to see where; whole datasets are kept."
        ) from error


def _attempt(
    skill: Skill, config: CollectConfig, folder: Path, expert: Callable[[Skill], Performer]
) -> Outcome:
    try:
        return Outcome(skill.name, collect_skill(skill, expert(skill), config, folder))
    except Exception as error:  # of a third-party simulator, too: the other skills go on
        is_ours = isinstance(error, DaneelError)
        return Outcome(
            skill.name, None, str(error) if is_ours else f"{type(error).__name__}: {error}"
        )


def _begin_worker() -> None:
    """One thread for each process; and none of them outlives the one that started it."""
    torch.set_num_threads(1)
    parent = multiprocessing.parent_process()
    assert parent is not None
    threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()


def _end_with(sentinel: int) -> None:
    multiprocessing.connection.wait([sentinel])
    os._exit(1)
