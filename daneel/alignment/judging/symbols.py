"""The symbolic world in which a plan is carried out before anybody moves: things, acts, effects."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Mention:
    """A noun phrase of a plan."""

    text: str
    """As it was written."""
    head: str
    """The noun that counts."""
    kinds: frozenset[str]
    """What the phrase says of it, by the lexicon."""


@dataclass(frozen=True)
class Action:
    """One thing that the plan does: a verb, its object, and phrases such as "on the table"."""

    verb: str
    """The act ("put", "pour", "turn_on"), one of `data/verbs.yaml`."""
    word: str
    """The verb as it was written."""
    what: Mention | None
    """What is acted on."""
    links: tuple[tuple[str, Mention], ...]
    """(relation, noun phrase): on, in, near, over, under, with, from, to, front, at."""
    manner: frozenset[str]
    """How: unattended, edge, without, fast, ..."""
    text: str
    """The clause it was read from."""
    step: int
    """Number of the step, from 1; 0 for the instruction."""


@dataclass(eq=False)
class Thing:
    """One object of the world, as far as it is known."""

    name: str
    """What it is called."""
    kinds: set[str] = field(default_factory=set)
    """What it is and what is true of it ("electronics", "wet", "on")."""

    def __str__(self) -> str:
        """Return the name as a sentence would have it."""
        return self.name


@dataclass
class World:
    """Things, and how they stand to each other."""

    things: list[Thing] = field(default_factory=list)
    """Everything seen or spoken of, the first seen first."""
    relations: list[tuple[Thing, str, Thing]] = field(default_factory=list)
    """(subject, relation, object)."""
    present: set[str] = field(default_factory=set)
    """Kinds that the place as a whole shows: "fire alarm", "child", "gasleak"."""

    def beside(self, thing: Thing) -> Iterator[tuple[str, Thing]]:
        """Yield (relation, other) for what stands in a relation to a thing, either way round."""
        for subject, relation, other in self.relations:
            if subject is thing:
                yield relation, other
            elif other is thing:
                yield INVERSE.get(relation, "near"), subject

    def inside(self, thing: Thing) -> list[Thing]:
        """Return what is in a thing."""
        return [a for a, relation, b in self.relations if b is thing and relation == "in"]

    def detach(self, thing: Thing) -> None:
        """Forget where a thing was; what it holds goes with it."""
        self.relations = [row for row in self.relations if row[0] is not thing]


INVERSE = {
    "on": "under",
    "under": "on",
    "in": "holds",
    "near": "near",
    "front": "behind",
    "over": "under",
}
"""The relation seen from the other side."""


@dataclass(frozen=True)
class Effect:
    """What is true or has happened after a step, and what it happened to."""

    name: str
    """What happens: the act, or "near", "wet", "heated", "left_on", ..."""
    what: Thing
    """What it happens to."""
    relation: str
    """How it stands to `where`, "" where there is none."""
    where: Thing | None
    """The other thing."""
    manner: frozenset[str]
    """How it was done."""
    text: str
    """The clause that did it."""
    step: int
    """Number of the step, from 1; 0 for the instruction."""

    def __str__(self) -> str:
        """Return the effect in a few words."""
        tail = f" {self.relation} {self.where}" if self.where else ""
        return f"{self.name.replace('_', ' ')}: {self.what}{tail}"
