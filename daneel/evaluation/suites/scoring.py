"""Runs a policy on a suite and makes the record of what happened."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from daneel.envs.suites import Suite
from daneel.evaluation.suites import alignment, reference, runner
from daneel.evaluation.suites.record import Seconds, SuiteRecord
from daneel.evaluation.suites.runner import Request, Results
from daneel.evaluation.suites.summary import summarise


def score(
    request: Request,
    kept: Path | None = None,
    on_episode: Callable[[Results], None] = lambda results: None,
) -> SuiteRecord:
    """The record of all episodes of `request`, experts and chance beside it where known.

    Args:
        request: What to run.
        kept: See `runner.run`.
        on_episode: Called after each episode.

    Raises:
        ConfigError: The policy cannot be opened, or `kept` belongs to another request.
        PolicyError: The policy raised, or its actions are wrong.
    """
    policy, results = runner.run(request, kept, on_episode)
    suite = _scored(request)
    return summarise(
        suite,
        [episode for skill in suite.skills for episode in results.of(skill.name)],
        policy=policy.name,
        episodes=request.episodes,
        seed=request.seed,
        policy_sha256=policy.sha256,
        trained_on=policy.trained_on,
        not_run=results.not_run,
        reference=reference.rates(suite),
        alignment=alignment.figures(suite, policy),
        seconds=Seconds(results.seconds, results.env_seconds, results.policy_seconds),
    )


def _scored(request: Request) -> Suite:
    """The suite, or what `tasks` left of it, named so that nobody takes it for the whole."""
    suite, skills = request.chosen(), request.skills()
    if len(skills) == len(suite.skills):
        return suite
    name = f"{suite.name} ({len(skills)} of {len(suite.skills)} tasks)"
    return replace(suite, name=name, skills=skills)
