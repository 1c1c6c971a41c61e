"""The record as a JSON file; a file whose figures its own episodes contradict is refused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from daneel import config
from daneel.errors import DaneelError
from daneel.evaluation import files, statistics
from daneel.evaluation.suites.aggregate import Aggregate
from daneel.evaluation.suites.record import FORMAT, SkillScore, SuiteRecord
from daneel.evaluation.suites.summary import over, same_task

EXPECTED = "Expected what `daneel eval POLICY --suite NAME --out FILE.json` writes."
AGAIN = "Type that command to make it again."


def save_record(record: SuiteRecord, path: str | Path) -> Path:
    """Writes the record, atomically, and returns the path.

    Raises:
        RunFolderError: The folder cannot be written or the disk is full; the old file stays.
    """
    return files.write_json(Path(path), config.to_dict(record))


def load_record(path: str | Path) -> SuiteRecord:
    """The record in a file.

    Raises:
        DaneelError: It is missing, cut short, of another kind or of a newer format, or its figures
            do not follow from its episodes.
    """
    data = files.read_json(Path(path))
    _check_format(data, path)
    try:
        record = config.from_dict(SuiteRecord, data, AGAIN)
    except ValueError as error:  # a ConfigError, or an interval whose ends are not ordered
        raise DaneelError(f"{str(path)!r} is not a whole record: {error} {EXPECTED}") from error
    wrong = next(_contradictions(record), None)
    if wrong is not None:
        raise DaneelError(
            f"The episodes in {str(path)!r} contradict its {wrong}. Expected figures that follow "
            f"from the episodes. {AGAIN}"
        )
    return record


def _check_format(data: dict[str, Any], path: str | Path) -> None:
    version = data.get("format")
    if type(version) is not int or "suite" not in data:
        raise DaneelError(f"{str(path)!r} is not the record of a suite. {EXPECTED} {AGAIN}")
    if version > FORMAT:
        raise DaneelError(
            f"{str(path)!r} has format {version}. This Daneel reads formats up to {FORMAT}. "
            "Type `pip install --upgrade daneel`."
        )


def _contradictions(record: SuiteRecord) -> Iterator[str]:
    """Names of figures that do not follow from the episodes; bootstraps are not drawn again."""
    for score in record.skills:
        if not _follows(score):
            yield f"figures of {score.skill!r}"
        if score.held_out and same_task(score.env, record.trained_on or ()):
            yield f"split: it calls {score.skill!r} held-out, which was trained on"
    for name, found, skills in _groups(record):
        again = over(skills, record.seed)
        if (found.scored, found.not_run) != (again.scored, again.not_run):
            yield f"numbers of skills {name}"
        if not (_equal(found.mean, again.mean) and _equal(found.iqm, again.iqm)):
            yield f"means {name}"


def _groups(record: SuiteRecord) -> Iterator[tuple[str, Aggregate, list[SkillScore]]]:
    yield "overall", record.overall, list(record.skills)
    for name, found in record.blocks.items():
        yield f"of {name}", found, [score for score in record.skills if score.block == name]
    for held, found in ((False, record.train), (True, record.held_out)):
        if found is not None:
            skills = [score for score in record.skills if score.held_out == held]
            yield f"of the {'held-out' if held else 'training'} skills", found, skills


def _follows(score: SkillScore) -> bool:
    count = len(score.episodes)
    if score.status == "not run" or not count:
        figures = (score.success_rate, score.interval, score.mean_return)
        return score.status == "not run" and not count and figures == (None, None, None)
    wilson = statistics.wilson_interval(score.successes, count)
    returns = [episode.return_ for episode in score.episodes if episode.failure is None]
    found = score.interval
    return (
        all(episode.skill == score.skill for episode in score.episodes)
        and _equal(score.success_rate, score.successes / count)
        and found is not None
        and _equal(found.low, wilson.low)
        and _equal(found.high, wilson.high)
        and _equal(score.mean_return, float(np.mean(returns)) if returns else None)
    )


def _equal(one: float | None, other: float | None) -> bool:
    if one is None or other is None:
        return one is other
    return bool(np.isclose(one, other, rtol=1e-9, atol=1e-12))
