"""The policy of the plan layer: clauses, and the effects that break each of them.

`data/hazards.yaml` is the policy. A clause has cases; a case names an effect, the kinds of the two
things, how they stand to each other and how it was done. What a clause says to a person is its
text; what it says to the machine is its cases.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from daneel.alignment.judging.lexicon import read_data
from daneel.alignment.judging.symbols import Effect, Thing
from daneel.errors import ConfigError

INDIRECT = 0.9
"""What a score keeps when two things are only near the same third thing."""
HARMLESS = frozenset(("go", "label", "turn_off", "unplug", "close", "near", "left_on", "left_open"))
"""Effects that "*" does not stand for."""
_FIELDS = frozenset(("do", "what", "where", "rel", "how", "has", "says", "score"))


@dataclass(frozen=True)
class Pattern:
    """A choice of conjunctions of kinds: "liquid !food | drinkvessel full"."""

    choices: tuple[tuple[frozenset[str], frozenset[str]], ...]
    """(kinds that must be there, kinds that must not) of each choice."""

    @classmethod
    def parse(cls, text: str) -> Pattern:
        """Read a pattern; the word "any" asks for nothing."""
        return cls(tuple(_choice(part.split()) for part in text.split("|")))

    def fits(self, kinds: frozenset[str] | set[str]) -> bool:
        """Whether one of the choices holds."""
        return any(must <= kinds and not (never & kinds) for must, never in self.choices)


@dataclass(frozen=True)
class Case:
    """One way of breaking a clause."""

    clause: str
    """Id of the clause."""
    do: frozenset[str]
    """Names of effects."""
    score: float
    """How harmful, 0 to 1."""
    what: Pattern | None = None
    """Kinds of the thing it happens to."""
    where: Pattern | None = None
    """Kinds of the other thing."""
    rel: frozenset[str] = frozenset()
    """Relations, empty for any."""
    how: Pattern | None = None
    """Manner."""
    has: Pattern | None = None
    """Kinds that something in the scene must have."""
    says: re.Pattern[str] | None = None
    """What the clause must say."""

    def fits(self, effect: Effect, present: frozenset[str]) -> bool:
        """Whether an effect is this way of breaking the clause."""
        return (
            (not self.rel or effect.relation in self.rel)
            and (self.what is None or self.what.fits(_kinds(effect.what)))
            and (self.where is None or _fits(self.where, effect.where))
            and (self.how is None or self.how.fits(effect.manner))
            and (self.has is None or any(self.has.fits({kind}) for kind in present))
            and (self.says is None or self.says.search(effect.text) is not None)
        )


@dataclass(frozen=True)
class Hazard:
    """A clause that an effect breaks."""

    clause: str
    """Id of the clause."""
    score: float
    """How harmful, 0 to 1."""
    effect: Effect
    """What breaks it."""


@dataclass(frozen=True)
class Policy:
    """Clauses and their cases."""

    texts: Mapping[str, str]
    """What each clause says, by id."""
    cases: Mapping[str, tuple[Case, ...]]
    """Cases by the effect that they begin with; those under "*" begin with any act."""

    @classmethod
    def parse(cls, clauses: Iterable[Mapping[str, Any]]) -> Policy:
        """Read a policy as `data/hazards.yaml` writes it.

        Raises:
            ConfigError: A clause lacks its id or text, or a case has an unknown field.
        """
        texts: dict[str, str] = {}
        table: dict[str, list[Case]] = {}
        for clause in clauses:
            if not clause.get("id") or not clause.get("text"):
                raise ConfigError(
                    f"The clause {dict(clause)!r} has no id or no text. Expected both. "
                    "See docs/alignment/deliberation.md for the form of a policy."
                )
            texts[clause["id"]] = clause["text"]
            for case in (_case(clause["id"], given) for given in clause.get("cases", ())):
                for name in case.do:
                    table.setdefault(name, []).append(case)
        return cls(texts, {name: tuple(cases) for name, cases in table.items()})

    def hazards(self, effects: Iterable[Effect], present: frozenset[str]) -> list[Hazard]:
        """Return the worst hazard of each clause and effect, the worst first."""
        found = [hazard for effect in effects for hazard in self._of(effect, present)]
        return sorted(found, key=lambda hazard: -hazard.score)

    def _of(self, effect: Effect, present: frozenset[str]) -> list[Hazard]:
        cases = self.cases.get(effect.name, ())
        if effect.name not in HARMLESS:
            cases = (*cases, *self.cases.get("*", ()))
        worst: dict[str, float] = {}
        for case in cases:
            if case.score > worst.get(case.clause, 0.0) and case.fits(effect, present):
                worst[case.clause] = case.score
        keep = INDIRECT if "indirect" in effect.manner else 1.0
        return [Hazard(clause, score * keep, effect) for clause, score in worst.items()]


@cache
def default_policy() -> Policy:
    """Return the policy that comes with the package."""
    return Policy.parse(read_data("hazards.yaml"))


def _case(clause: str, given: Mapping[str, Any]) -> Case:
    """Read one case of a clause."""
    unknown = set(given) - _FIELDS
    if unknown or "do" not in given:
        raise ConfigError(
            f"A case of the clause {clause!r} has the fields {sorted(given)}. "
            f"Expected `do` and any "
            f"of {sorted(_FIELDS)}. See docs/alignment/deliberation.md for the form of a policy."
        )
    patterns = {
        key: Pattern.parse(given[key]) for key in ("what", "where", "how", "has") if given.get(key)
    }
    return Case(
        clause=clause,
        do=frozenset(given["do"].split()),
        score=float(given.get("score", 0.7)),
        rel=frozenset(given.get("rel", "").split()),
        says=re.compile(given["says"], re.I) if "says" in given else None,
        **patterns,
    )


def _choice(words: list[str]) -> tuple[frozenset[str], frozenset[str]]:
    must = frozenset(word for word in words if not word.startswith("!") and word != "any")
    return must, frozenset(word[1:] for word in words if word.startswith("!"))


def _kinds(thing: Thing) -> frozenset[str]:
    """Return the kinds of a thing and the words of its name: "laptop" is a pattern too."""
    return frozenset(thing.kinds) | frozenset(thing.name.lower().split())


def _fits(pattern: Pattern, thing: Thing | None) -> bool:
    return thing is not None and pattern.fits(_kinds(thing))
