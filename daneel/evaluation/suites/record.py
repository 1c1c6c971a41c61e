"""The record of one policy on one suite: what others need to check the score, or to doubt it.

Every episode is in it. The figures follow from the episodes (`summary.summarise`). A skill that was
not run has no figure; it is never a zero.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

import numpy as np

from daneel.errors import ConfigError
from daneel.evaluation import provenance
from daneel.evaluation.provenance import Machine, Source
from daneel.evaluation.statistics import Interval
from daneel.evaluation.suites.aggregate import Aggregate

FORMAT = 2
"""Version of the file; this code reads this one and older ones. 2 has the alignment figures."""


@dataclass(frozen=True)
class Episode:
    """One episode of one skill."""

    skill: str
    """Name of the skill."""
    number: int
    """Which of the skill's episodes, from 0."""
    seed: int
    """Seed of the reset that began it."""
    success: bool | None
    """Whether it succeeded; None: it could not be run to its end, which counts as no success."""
    return_: float
    """Sum of rewards, undiscounted; of a failed episode, as far as it came."""
    decisions: int
    """Actions of the policy."""
    steps: int
    """Environment steps."""
    seconds: float
    """Wall time."""
    instruction: str
    """What was asked for, in words."""
    failure: str | None = None
    """Why it could not be run to its end."""

    def __post_init__(self) -> None:
        """Checks that an episode has either an outcome or a failure, and a finite return.

        Raises:
            ConfigError: It has not.
        """
        name = f"Episode {self.number} of {self.skill!r}"
        if (self.success is None) != (self.failure is not None):
            raise ConfigError(
                f"{name} has success {self.success} and failure {self.failure!r}. "
                "Expected a failure exactly where success is None."
            )
        if not math.isfinite(self.return_):
            raise ConfigError(f"{name} has the return {self.return_}. Expected a finite number.")


@dataclass(frozen=True)
class SkillScore:
    """What the episodes of one skill say."""

    skill: str
    """Name of the skill."""
    block: str
    """The package's group of skills it belongs to."""
    env: str
    """Its environment: the id, and the arguments where there are any."""
    rule: str
    """When an episode counts as a success, and who says so."""
    held_out: bool
    """The suite holds it out, and no record shows that the policy trained on it."""
    contaminated: bool
    """The suite holds it out, but the policy trained on it: it counts with the training skills."""
    status: Literal["scored", "not run"]
    """"not run": there are no figures, which is not a figure of zero."""
    reason: str | None
    """Why it was not run and what to type, for example the extra to install."""
    episodes: tuple[Episode, ...] = ()
    """In the order of their numbers."""
    success_rate: float | None = None
    """Share of episodes that succeeded; those that failed to run did not."""
    interval: Interval | None = None
    """95 % Wilson interval of the success rate."""
    mean_return: float | None = None
    """Mean return of the episodes that ran to their end."""
    return_interval: Interval | None = None
    """95 % bootstrap interval of the mean return; None for a single episode."""

    @property
    def successes(self) -> int:
        """How many episodes succeeded."""
        return sum(episode.success is True for episode in self.episodes)

    @property
    def failures(self) -> int:
        """How many episodes could not be run to their end."""
        return sum(episode.failure is not None for episode in self.episodes)


@dataclass(frozen=True)
class Check:
    """What one check of the gate said."""

    name: str
    """The check; for several agents, the agent before it."""
    verdict: str
    """holds, violated or unknown."""
    figure: float | None = None
    """The number behind it."""


@dataclass(frozen=True)
class Alignment:
    """What the gate and the layers that judge requests say about the same policy and skills."""

    gate: str | None = None
    """The gate's word on exactly these weights; None where it judged others, or none."""
    checks: tuple[Check, ...] = ()
    """Its checks, in their order."""
    layers: tuple[str, ...] = ()
    """Who judged the instructions; empty where nobody did."""
    asked: int = 0
    """Different instructions of the skills."""
    refused: dict[str, str] = field(default_factory=dict)
    """Instructions that are not allowed, each with the verdict, the layer and the clause."""


@dataclass(frozen=True)
class Origin:
    """Where and when a record was made."""

    command: str
    """What to type to make it again."""
    source: Source
    """Commit of the code."""
    machine: Machine
    """The computer."""
    versions: dict[str, str]
    """Versions of what matters."""
    date: str
    """Day, ISO 8601."""


@dataclass(frozen=True)
class Seconds:
    """Where the time went."""

    total: float = 0.0
    """Wall time of the whole evaluation."""
    env: float = 0.0
    """Time in environments, summed over workers."""
    policy: float = 0.0
    """Time in the policy, summed over workers."""


@dataclass(frozen=True)
class SuiteRecord:
    """One policy on one suite."""

    format: int
    """Version of the file."""
    suite: str
    """Name of the suite."""
    policy: str
    """What was scored: "expert", a run and its checkpoint, a file, a function."""
    policy_sha256: str | None
    """Hash of its weights, None where it has none."""
    seed: int
    """Seed from which the episodes' seeds were derived."""
    episodes: int
    """Episodes asked for of every skill."""
    skills: tuple[SkillScore, ...]
    """In the order of the suite."""
    blocks: dict[str, Aggregate]
    """Over the skills of each block."""
    overall: Aggregate
    """Over all skills."""
    train: Aggregate | None
    """Over the skills that are not held out; None where there are none."""
    held_out: Aggregate | None
    """Over the held-out skills; None where there are none."""
    trained_on: tuple[str, ...] | None
    """Labels of the environments that the policy's own record shows training in; None where there
    is no such record, and nobody can say what was held out."""
    reference: dict[str, dict[str, float]]
    """Success rate by skill of recorded runs of "expert" (the ceiling) and "random" (the floor)."""
    origin: Origin
    """Where and when it was made."""
    seconds: Seconds
    """Where the time went."""
    alignment: Alignment | None = None
    """The figures that stand beside the scores; None in records of format 1."""


def origin_here() -> Origin:
    """This command, tree, machine and day."""
    return Origin(
        provenance.command_line(),
        provenance.source(),
        provenance.machine(),
        provenance.versions(),
        datetime.now(UTC).date().isoformat(),
    )


def rates(record: SuiteRecord) -> dict[str, float]:
    """Success rate by skill, of those that were scored: the `reference` of another record."""
    return {s.skill: s.success_rate for s in record.skills if s.success_rate is not None}


def reference_rates(record: SuiteRecord, name: str, block: str | None = None) -> list[float]:
    """Success rates of a reference on the skills that the record itself has a score for."""
    known = record.reference.get(name, {})
    scored = [s.skill for s in record.skills if s.status == "scored" and block in (None, s.block)]
    return [known[skill] for skill in scored if skill in known]


def reference_mean(
    record: SuiteRecord, name: str, block: str | None = None
) -> tuple[float, int] | None:
    """Mean of `reference_rates` and the number of skills it is over; None over none."""
    found = reference_rates(record, name, block)
    return (float(np.mean(found)), len(found)) if found else None


def to_show(score: SkillScore) -> dict[str, Episode]:
    """The best, median and worst episode, by success, then by return.

    Episodes that failed to run are not among them. Of fewer than three, the extremes come first.
    """
    ran = [episode for episode in score.episodes if episode.failure is None]
    ran.sort(key=lambda episode: (bool(episode.success), episode.return_, -episode.number))
    if len(ran) < 3:
        return dict(zip(("best", "worst"), reversed(ran), strict=False))
    return {"best": ran[-1], "median": ran[len(ran) // 2], "worst": ran[0]}
