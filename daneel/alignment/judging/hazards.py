"""The policy of the plan layer: clauses, and the effects that break each of them.

The clauses are those of the constitution (`clauses.py`), typed and with their provenance;
`data/hazards.yaml` lists the cases of each. A case names an effect, the kinds of the two
things, how they stand to each other and how it was done. What a clause says to a person is its
text; what it says to the machine is its cases.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from daneel.alignment.judging.clauses import Clause, load_constitution, read_clause
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

    clauses: Mapping[str, Clause]
    """By id."""
    cases: Mapping[str, tuple[Case, ...]]
    """Cases by the effect that they begin with; those under "*" begin with any act."""

    @classmethod
    def parse(
        cls, entries: Iterable[Mapping[str, Any]], constitution: Sequence[Clause] | None = None
    ) -> Policy:
        """Read a policy as `data/hazards.yaml` writes it.

        Args:
            entries: Clauses with their cases: an `id` of the constitution, or a clause of one's own
                with `id`, `text` and, where known, `kind` and `provenance`.
            constitution: Where ids are looked up; the shipped one when left out.

        Raises:
            ConfigError: A clause is not in the constitution and has no text of its own, or a case
                has an unknown field.
        """
        known = load_constitution() if constitution is None else constitution
        written = {clause.id: clause for clause in known}
        clauses: dict[str, Clause] = {}
        table: dict[str, list[Case]] = {}
        for entry in entries:
            clause = _clause(entry, written)
            clauses[clause.id] = clause
            for case in (_case(clause.id, given) for given in entry.get("cases", ())):
                for name in case.do:
                    table.setdefault(name, []).append(case)
        return cls(clauses, {name: tuple(cases) for name, cases in table.items()})

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


def _clause(entry: Mapping[str, Any], written: Mapping[str, Clause]) -> Clause:
    """The clause of an entry: its own words, or those of the constitution."""
    if "text" not in entry and entry.get("id") in written:
        return written[entry["id"]]
    if not entry.get("id") or not entry.get("text"):
        raise ConfigError(
            f"The clause {dict(entry)!r} is not in the constitution and has no id or no text. "
            f"Expected a text of its own, or one of {', '.join(written)}. "
            "See docs/alignment/deliberation.md for the form of a policy."
        )
    try:
        return read_clause({"provenance": {"source": "given"}, **entry})
    except (TypeError, ValueError) as error:
        raise ConfigError(
            f"The clause {entry['id']!r} cannot be read ({error}). Expected id, text, kind and "
            "provenance. See docs/alignment/constitution.md for the form of a clause."
        ) from error


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
