"""From episodes to the record: intervals, splits, and the guard against contamination.

Success rates have Wilson intervals, returns bootstrap intervals, and everything over several skills
comes from `aggregate`. A skill that the policy trained on is never called held-out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from daneel.envs.suites import Skill, Suite
from daneel.errors import ConfigError
from daneel.evaluation import statistics
from daneel.evaluation.suites.aggregate import Aggregate, aggregate
from daneel.evaluation.suites.record import (
    FORMAT,
    Alignment,
    Episode,
    Origin,
    Seconds,
    SkillScore,
    SuiteRecord,
    origin_here,
)

NOTHING_RAN = "no episode was run"


def summarise(
    suite: Suite,
    results: Iterable[Episode],
    *,
    policy: str,
    episodes: int,
    seed: int,
    policy_sha256: str | None = None,
    trained_on: Iterable[str] | None = (),
    not_run: Mapping[str, str] | None = None,
    reference: Mapping[str, Mapping[str, float]] | None = None,
    origin: Origin | None = None,
    seconds: Seconds | None = None,
    alignment: Alignment | None = None,
) -> SuiteRecord:
    """The record of episodes that were already run; their order does not matter.

    Args:
        suite: What was scored.
        results: Episodes of its skills.
        policy: What was scored, as it was typed.
        episodes: How many were asked for of every skill.
        seed: Of the evaluation; the bootstraps draw from it too.
        policy_sha256: Hash of the weights.
        trained_on: Labels of environments the policy trained in; such skills are not held out.
            None: nobody recorded them.
        not_run: Why a skill was not run, by name.
        reference: See `SuiteRecord.reference` and `rates`.
        origin: Where it was made; this machine and command if None.
        seconds: Where the time went.
        alignment: What gate and layers said, see `alignment.figures`.

    Raises:
        ConfigError: Episodes of a skill that the suite lacks or that was not run, or one twice.
    """
    reasons = dict(not_run or {})
    seen = None if trained_on is None else tuple(dict.fromkeys(trained_on))
    grouped = _by_skill(suite, results, reasons)
    skills = tuple(
        _score(suite, skill, grouped[skill.name], reasons.get(skill.name), seen or (), seed)
        for skill in suite.skills
    )
    splits = {held: [score for score in skills if score.held_out == held] for held in (True, False)}
    blocks = dict.fromkeys(score.block for score in skills)
    return SuiteRecord(
        format=FORMAT,
        suite=suite.name,
        policy=policy,
        policy_sha256=policy_sha256,
        seed=seed,
        episodes=episodes,
        skills=skills,
        blocks={name: over([s for s in skills if s.block == name], seed) for name in blocks},
        overall=over(skills, seed),
        train=over(splits[False], seed) if splits[False] else None,
        held_out=over(splits[True], seed) if splits[True] else None,
        trained_on=seen,
        reference={name: dict(found) for name, found in (reference or {}).items()},
        origin=origin or origin_here(),
        seconds=seconds or Seconds(),
        alignment=alignment,
    )


def over(skills: Sequence[SkillScore], seed: int) -> Aggregate:
    """What these skills say together."""
    scored = [score for score in skills if score.status == "scored"]
    return aggregate(
        [score.successes for score in scored],
        [len(score.episodes) for score in scored],
        np.random.default_rng(seed),
        not_run=len(skills) - len(scored),
    )


def same_task(env: str, trained_on: Iterable[str]) -> bool:
    """Whether a policy that trained in these environments has seen the task of `env`.

    Another version of an environment, or one with dense instead of sparse rewards, is the same
    task. Other arguments make another task (each task of the kitchen is one), unless the training
    gave none, and so had all that the environment has by itself.

    Args:
        env: Label of the task's environment (`EnvConfig.label`).
        trained_on: Labels of those trained in.
    """
    task, arguments = _task(env)
    return any(seen == task and given in ("", arguments) for seen, given in map(_task, trained_on))


def _task(env: str) -> tuple[str, str]:
    """What the environment is of, and its arguments."""
    name, _, arguments = env.partition(" ")
    return re.sub(r"-v\d+$", "", name).casefold().replace("dense", ""), arguments


def _by_skill(
    suite: Suite, results: Iterable[Episode], not_run: Mapping[str, str]
) -> dict[str, dict[int, Episode]]:
    grouped: dict[str, dict[int, Episode]] = {skill.name: {} for skill in suite.skills}
    for name in not_run:
        if name not in grouped:
            raise ConfigError(f"The suite {suite.name!r} has no skill {name!r}, said not to run.")
    for episode in results:
        name = episode.skill
        if name not in grouped:
            raise ConfigError(
                f"There is an episode of {name!r}. Expected skills of {suite.name!r}. "
                f"Type `daneel list tasks --suite {suite.name}` to see them."
            )
        if name in not_run or episode.number in grouped[name]:
            why = "a skill that was not run" if name in not_run else "one that exists already"
            raise ConfigError(f"Episode {episode.number} of {name!r} is of {why}.")
        grouped[name][episode.number] = episode
    return grouped


def _score(
    suite: Suite,
    skill: Skill,
    found: Mapping[int, Episode],
    reason: str | None,
    trained_on: Iterable[str],
    seed: int,
) -> SkillScore:
    held, seen = skill.name in suite.held_out, same_task(skill.config().label, trained_on)
    env, rule = skill.config().label, rule_text(skill)
    about = (skill.name, skill.block, env, rule, held and not seen, held and seen)
    if not found:
        return SkillScore(*about, "not run", reason or NOTHING_RAN)
    episodes = tuple(found[number] for number in sorted(found))
    successes = sum(episode.success is True for episode in episodes)
    returns = [episode.return_ for episode in episodes if episode.failure is None]
    return SkillScore(
        *about,
        status="scored",
        reason=None,
        episodes=episodes,
        success_rate=successes / len(episodes),
        interval=statistics.wilson_interval(successes, len(episodes)),
        mean_return=float(np.mean(returns)) if returns else None,
        return_interval=statistics.bootstrap_interval(returns, np.random.default_rng(seed)),
    )


def rule_text(skill: Skill) -> str:
    """When an episode counts as a success, in words."""
    rule = skill.success
    kinds = {
        "reached": "signal true in some step",
        "held": "signal true in the last step",
        "return": f"return at least {rule.at_least:g}" if rule.at_least is not None else "",
    }
    return f"{kinds[rule.kind]} ({rule.source})"
