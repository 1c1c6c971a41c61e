"""Scores a policy on a suite: runs what is missing, keeps every episode as soon as it has ended.

Each episode's seed follows from the evaluation's seed, the skill and the episode's number, so the
results depend neither on the number of workers nor on where they run, nor on how often the
evaluation was stopped.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from daneel import config
from daneel.envs.suites import Skill, Suite, load_suite
from daneel.errors import ConfigError, unknown_name
from daneel.evaluation import files
from daneel.evaluation.suites import schedule
from daneel.evaluation.suites.acting import Policy
from daneel.evaluation.suites.episodes import Timed, episode_seed
from daneel.evaluation.suites.policies import open_policy
from daneel.evaluation.suites.record import Episode
from daneel.evaluation.suites.workers import ENGINES, Job, Lost, NotRun

GIVEN_UP = f"not tried: {schedule.MAX_LOST} episodes in a row were lost"


@dataclass(frozen=True)
class Request:
    """What to score, and how."""

    suite: str
    """Name of the suite."""
    policy: str
    """As the user typed it."""
    which: str | None = None
    """Checkpoint of a run."""
    episodes: int = 10
    """Of each skill."""
    seed: int = 0
    """Of the evaluation."""
    tasks: tuple[str, ...] = ()
    """Only these skills; all when empty."""
    workers: int = 2
    """How many run episodes at once."""
    engine: str = "processes"
    """Where they live: see `ENGINES`."""

    def __post_init__(self) -> None:
        """Checks numbers and names.

        Raises:
            ConfigError: A number is out of range.
            UnknownNameError: There is no such suite, task or engine.
        """
        for name in ("episodes", "workers"):
            config.require(getattr(self, name) >= 1, name, getattr(self, name), "at least 1")
        if self.engine not in ENGINES:
            raise unknown_name("engine", self.engine, ENGINES)
        self.skills()

    def chosen(self) -> Suite:
        """The suite."""
        return load_suite(self.suite)

    def skills(self) -> tuple[Skill, ...]:
        """The skills to score, in the order of the suite."""
        known = {skill.name: skill for skill in self.chosen().skills}
        for name in self.tasks:
            if name not in known:
                hint = f"Type `daneel list tasks --suite {self.suite}` to see them all."
                raise unknown_name("task", name, known, hint)
        return tuple(
            skill for skill in known.values() if not self.tasks or skill.name in self.tasks
        )

    def job(self) -> Job:
        """What a worker has to know."""
        return Job(self.policy, self.which, self.seed, self.skills())


@dataclass
class Results:
    """What has been run so far."""

    episodes: dict[str, dict[int, Episode]] = field(default_factory=dict)
    """By skill and number."""
    not_run: dict[str, str] = field(default_factory=dict)
    """Why a skill cannot be run, by skill."""
    env_seconds: float = 0.0
    """In the environments, all workers together."""
    policy_seconds: float = 0.0
    """In the policy, all workers together."""
    seconds: float = 0.0
    """Wall time, of all sessions together."""

    def of(self, skill: str) -> tuple[Episode, ...]:
        """Episodes of a skill, in order."""
        found = self.episodes.get(skill, {})
        return tuple(found[number] for number in sorted(found))

    @property
    def count(self) -> int:
        """Episodes that are there."""
        return sum(len(found) for found in self.episodes.values())


def run(
    request: Request,
    kept: Path | None = None,
    on_episode: Callable[[Results], None] = lambda results: None,
) -> tuple[Policy, Results]:
    """Runs every episode that is missing.

    Args:
        request: What to run.
        kept: File that holds every episode as soon as it has ended; with what an earlier,
            interrupted call of the same request left there, this one goes on.
        on_episode: Called after each.

    Returns:
        The policy, and what was run.

    Raises:
        ConfigError: The policy cannot be opened, or `kept` belongs to another request.
        PolicyError: The policy raised, or its actions are wrong.
    """
    policy = open_policy(request.policy, request.which)
    skills = request.skills()
    results = _restore(request, policy, kept)
    job = request.job()
    missing = _missing(request, skills, results)
    count = min(request.workers, sum(map(len, missing.values())))
    workers = [ENGINES[request.engine](job) for _ in range(count)]
    before, began = results.seconds, time.perf_counter()
    for outcome in schedule.run(missing, workers):
        _add(outcome, request, results)
        results.seconds = before + time.perf_counter() - began
        if kept is not None:
            files.append_json(kept, _line(outcome, results))
        on_episode(results)
    _fill(request, skills, results)
    return policy, results


def _missing(
    request: Request, skills: Sequence[Skill], results: Results
) -> Mapping[str, Sequence[int]]:
    """Numbers of the episodes to run by skill, the longest skills first."""
    ordered = sorted(skills, key=lambda skill: -skill.horizon)
    return {
        skill.name: [
            number
            for number in range(request.episodes)
            if number not in results.episodes.get(skill.name, {})
        ]
        for skill in ordered
        if skill.name not in results.not_run
    }


def _add(outcome: schedule.Outcome, request: Request, results: Results) -> None:
    answer, skill = outcome.answer, outcome.skill
    if isinstance(answer, NotRun):
        results.not_run[skill] = answer.reason
    elif isinstance(answer, Timed):
        results.episodes.setdefault(skill, {})[outcome.number] = answer.episode
        results.env_seconds += answer.env_seconds
        results.policy_seconds += answer.policy_seconds
    else:
        episode = _failed(request, skill, outcome.number, answer.reason)
        results.episodes.setdefault(skill, {})[outcome.number] = episode


def _fill(request: Request, skills: Sequence[Skill], results: Results) -> None:
    """Episodes of a skill that was given up count as failed."""
    for name, numbers in _missing(request, skills, results).items():
        for number in numbers:
            episode = _failed(request, name, number, GIVEN_UP)
            results.episodes.setdefault(name, {})[number] = episode


def _failed(request: Request, skill: str, number: int, reason: str) -> Episode:
    return Episode(
        skill=skill,
        number=number,
        seed=episode_seed(request.seed, skill, number),
        success=None,
        return_=0.0,
        decisions=0,
        steps=0,
        seconds=0.0,
        instruction="",
        failure=reason,
    )


# -- going on where an evaluation was stopped ------------------------------------------------------


def _fingerprint(request: Request, policy: Policy) -> str:
    """Changes with everything that the results depend on."""
    skills = [config.to_dict(skill) for skill in request.skills()]
    parts = [request.policy, policy.sha256, request.seed, request.episodes, skills]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _restore(request: Request, policy: Policy, kept: Path | None) -> Results:
    results = Results()
    if kept is None:
        return results
    fingerprint = _fingerprint(request, policy)
    lines = files.read_jsonl(kept)
    if not lines:
        files.append_json(kept, {"fingerprint": fingerprint})
        return results
    if lines[0].get("fingerprint") != fingerprint:
        raise ConfigError(
            f"{str(kept)!r} holds the beginning of another evaluation. Expected the same policy, "
            f"suite, seed and episodes. Type `rm {kept}` to drop it, or choose another --out."
        )
    for line in lines[1:]:
        _read(line, results)
    return results


def _line(outcome: schedule.Outcome, results: Results) -> dict[str, Any]:
    answer = outcome.answer
    if isinstance(answer, NotRun):
        return {"skill": outcome.skill, "not_run": answer.reason, "seconds": results.seconds}
    episode = results.episodes[outcome.skill][outcome.number]
    times = {"env_seconds": 0.0, "policy_seconds": 0.0}
    if not isinstance(answer, Lost):
        times = {"env_seconds": answer.env_seconds, "policy_seconds": answer.policy_seconds}
    return {"episode": config.to_dict(episode), **times, "seconds": results.seconds}


def _read(line: Mapping[str, Any], results: Results) -> None:
    results.seconds = line["seconds"]
    if "not_run" in line:
        results.not_run[line["skill"]] = line["not_run"]
        return
    episode = config.from_dict(Episode, line["episode"])
    results.episodes.setdefault(episode.skill, {})[episode.number] = episode
    results.env_seconds += line["env_seconds"]
    results.policy_seconds += line["policy_seconds"]
