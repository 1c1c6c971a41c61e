"""Films the best, the median and the worst episode of every skill of a record."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable

from daneel.evaluation.suites.clips import Clip
from daneel.evaluation.suites.record import SuiteRecord, to_show
from daneel.evaluation.suites.runner import Request
from daneel.evaluation.suites.workers import ENGINES, Worker

SIZE = (180, 240)
"""Height and width in pixels."""

Wanted = tuple[str, str, int]
"""Skill, which of its episodes ("best"), its number."""


def film_all(request: Request, record: SuiteRecord) -> dict[str, dict[str, Clip]]:
    """Clips by skill and by "best", "median", "worst"; what cannot be filmed is left out."""
    wanted = deque(_wanted(record))
    job = request.job()
    clips: dict[str, dict[str, Clip]] = {}
    workers = [ENGINES[request.engine](job) for _ in range(min(request.workers, len(wanted)))]
    threads = [threading.Thread(target=_film, args=(w, wanted, clips)) for w in workers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return clips


def _wanted(record: SuiteRecord) -> Iterable[Wanted]:
    for score in record.skills:
        for which, episode in to_show(score).items():
            yield score.skill, which, episode.number


def _film(worker: Worker, wanted: deque[Wanted], clips: dict[str, dict[str, Clip]]) -> None:
    try:
        while wanted:
            try:
                skill, which, number = wanted.popleft()
            except IndexError:  # another thread took the last one
                return
            clip = worker.film(skill, number, SIZE)
            if isinstance(clip, Clip):
                clips.setdefault(skill, {})[which] = clip
    finally:
        worker.stop()
