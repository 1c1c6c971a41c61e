"""Hand-made suites and records."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from daneel.envs.suites import Skill, SuccessRule, Suite
from daneel.evaluation.provenance import Machine, Source
from daneel.evaluation.suites import Episode, Origin, Seconds, SuiteRecord, summarise

ORIGIN = Origin(
    "daneel eval runs/a --suite made --out a.json",
    Source("c0ffee" * 6, True),
    Machine("a cpu", 2, 8.0, "Linux 6"),
    {"python": "3.11", "mujoco": "3.3.0"},
    "2026-11-22",
)
MISSING = 'HandReach-v3 is not installed. Type `pip install "daneel[suites]"`.'


def skill(name: str, block: str = "arm", env: str | None = None) -> Skill:
    """A skill of an invented package."""
    rule = SuccessRule("held", "made 1.0 info['is_success']")
    words = (f"do the {name}", f"{name}, please")
    return Skill(name, block, env or f"Made/{name}-v3", 50, words, rule, "robot")


def suite(*names: str, held_out: Iterable[str] = ()) -> Suite:
    """A suite of skills; `block/name` puts one into a block."""
    parts = [name.rpartition("/") for name in names]
    skills = tuple(skill(name, block or "arm") for block, _, name in parts)
    return Suite("made", "for tests", skills, frozenset(held_out))


def episodes(name: str, outcomes: str, first_return: float = 0.0) -> list[Episode]:
    """An episode for each letter: `s`uccess, `f`ailure to succeed, `!` failed to run."""
    return [
        Episode(
            skill=name,
            number=number,
            seed=100 + number,
            success=None if letter == "!" else letter == "s",
            return_=first_return + number,
            decisions=25,
            steps=50,
            seconds=0.5,
            instruction=f"do the {name}",
            failure="the worker died" if letter == "!" else None,
        )
        for number, letter in enumerate(outcomes)
    ]


def record(of: Suite, outcomes: dict[str, str], **more: Any) -> SuiteRecord:
    """The record of these outcomes."""
    found = [episode for name, letters in outcomes.items() for episode in episodes(name, letters)]
    given: dict[str, Any] = {"policy": "runs/a", "episodes": 4, "seed": 0, "origin": ORIGIN}
    given |= {"seconds": Seconds(100.0, 150.0, 30.0)}
    return summarise(of, found, **given | more)


def example() -> SuiteRecord:
    """Four skills of two blocks: one held out, one held out but trained on, one not run."""
    of = suite("push", "reach", "hand/grasp", "hand/turn", held_out=("reach", "grasp"))
    outcomes = {"push": "ssss", "reach": "sf!s", "grasp": "ffff"}
    return record(
        of,
        outcomes,
        policy_sha256="ab" * 32,
        trained_on=("Made/push-v3", "Made/grasp-v3"),
        not_run={"turn": MISSING},
        reference={"expert": {"push": 1.0, "grasp": 0.9}, "random": {"push": 0.1, "turn": 0.0}},
    )
