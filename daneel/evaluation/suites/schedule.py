"""Which worker runs which episode next, and what came of it.

A thread per worker asks for episodes until none is left. A worker stays with a skill as long as it
has episodes, because its environment is open there; then it takes an untouched skill, longest
first, and when there is none it helps with the skill that has most left.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass

from daneel.evaluation.suites.workers import Answer, Lost, NotRun, Worker

MAX_LOST = 3
"""After this many lost episodes in a row a skill is given up: it would crash each time."""


@dataclass(frozen=True)
class Outcome:
    """What came of one episode."""

    skill: str
    """Its skill."""
    number: int
    """Which episode."""
    answer: Answer
    """The episode, or why there is none."""


class Schedule:
    """The episodes that are left, handed out to several threads."""

    def __init__(self, waiting: Mapping[str, Sequence[int]]) -> None:
        """Takes the numbers of the episodes of each skill, in the order of the skills."""
        self._waiting = {skill: list(numbers) for skill, numbers in waiting.items() if numbers}
        self._untouched = list(self._waiting)
        self._lock = threading.Lock()

    def next(self, current: str | None) -> tuple[str, int] | None:
        """The next episode for a worker that is at the skill `current`; None when all are out."""
        with self._lock:
            skill = current if current in self._waiting else self._another()
            if skill is None:
                return None
            number = self._waiting[skill].pop(0)
            if not self._waiting[skill]:
                del self._waiting[skill]
            return skill, number

    def give_up(self, skill: str) -> None:
        """Takes back what is left of a skill."""
        with self._lock:
            self._waiting.pop(skill, None)

    def stop(self) -> None:
        """Takes everything back."""
        with self._lock:
            self._waiting.clear()

    def _another(self) -> str | None:
        while self._untouched:
            skill = self._untouched.pop(0)
            if skill in self._waiting:
                return skill
        return max(self._waiting, key=lambda skill: len(self._waiting[skill]), default=None)


def run(
    waiting: Mapping[str, Sequence[int]], workers: Sequence[Worker]
) -> Generator[Outcome, None, None]:
    """Runs the episodes and yields what came of each, in the order in which they end.

    When the caller stops early the episodes under way are waited for.

    Raises:
        DaneelError: The policy is wrong; the first such error of any worker.
    """
    schedule, results = Schedule(waiting), queue.Queue[Outcome | BaseException | None]()
    threads = [
        threading.Thread(target=_work, args=(worker, schedule, results), daemon=True)
        for worker in workers
    ]
    for thread in threads:
        thread.start()
    try:
        yield from _collect(results, len(threads))
    finally:
        schedule.stop()
        for thread in threads:
            thread.join()
        for worker in workers:
            worker.stop()


def _collect(
    results: queue.Queue[Outcome | BaseException | None], running: int
) -> Generator[Outcome, None, None]:
    while running:
        result = results.get()
        if result is None:
            running -= 1
        elif isinstance(result, BaseException):
            raise result
        else:
            yield result


def _work(
    worker: Worker, schedule: Schedule, results: queue.Queue[Outcome | BaseException | None]
) -> None:
    skill, lost = None, 0
    try:
        while (job := schedule.next(skill)) is not None:
            lost = 0 if job[0] != skill else lost
            skill, number = job
            answer = worker.run(skill, number)
            lost = lost + 1 if isinstance(answer, Lost) else 0
            if isinstance(answer, NotRun) or lost == MAX_LOST:
                schedule.give_up(skill)
            results.put(Outcome(skill, number, answer))
    except BaseException as error:  # handed to the thread that waits
        results.put(error)
    finally:
        results.put(None)
