"""Scores of a policy on a suite of skills: episodes, the record, its statistics and its page."""

from daneel.evaluation.suites import page, profile
from daneel.evaluation.suites.aggregate import Aggregate
from daneel.evaluation.suites.profile import Profile
from daneel.evaluation.suites.record import (
    Episode,
    Origin,
    Seconds,
    SkillScore,
    SuiteRecord,
    rates,
    to_show,
)
from daneel.evaluation.suites.scoring import score
from daneel.evaluation.suites.store import load_record, save_record
from daneel.evaluation.suites.summary import summarise
from daneel.evaluation.suites.terminal import describe

__all__ = [
    "Aggregate",
    "Episode",
    "Origin",
    "Profile",
    "Seconds",
    "SkillScore",
    "SuiteRecord",
    "describe",
    "load_record",
    "page",
    "profile",
    "rates",
    "save_record",
    "score",
    "summarise",
    "to_show",
]
