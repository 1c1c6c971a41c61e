"""What a sentence of a trace says: formulas over propositions, places and quantities."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

HowMany = Literal["<=", "=", ">="]
"""At most, exactly, at least."""


@dataclass(frozen=True)
class Prop:
    """Something that is so or not; two sentences with the same key say the same."""

    key: str
    """Stems of the words that matter, such as `door open`."""
    when: int = 0
    """How often events had changed it before."""


@dataclass(frozen=True)
class In:
    """A thing is at a place; it is at one place at a time, save places inside places."""

    thing: str
    """Normalised name."""
    place: str
    """Normalised name."""
    when: int = 0
    """How often the thing had been moved before."""


@dataclass(frozen=True)
class Linear:
    """A sum of quantities and a number."""

    terms: tuple[tuple[str, Fraction], ...] = ()
    """Name and factor of each quantity."""
    constant: Fraction = Fraction(0)
    """The number."""


@dataclass(frozen=True)
class Compare:
    """Two sums in a relation."""

    left: Linear
    """Left side."""
    relation: Literal["<", "<=", "=", "!=", ">=", ">"]
    """How they compare."""
    right: Linear
    """Right side."""


@dataclass(frozen=True)
class Whole:
    """A sum is a whole number."""

    sum: Linear
    """Such as n / 2 for an even n."""


@dataclass(frozen=True)
class Most:
    """One thing is above all others of its kind, or below them."""

    key: str
    """The quantity, such as `height|ann`; others are those that differ after the bar."""
    sign: int
    """1 above, -1 below."""
    rank: int = 1
    """1 is the first of all, 2 the second."""
    group: str = ""
    """Only others that are said to be in it; empty is everyone."""


@dataclass(frozen=True)
class Not:
    """Negation."""

    part: Formula
    """What is denied."""


@dataclass(frozen=True)
class Joined:
    """Two or more formulas under a connective."""

    how: Literal["and", "or", "implies", "iff"]
    """The connective; the last two join two parts."""
    parts: tuple[Formula, ...]
    """What is joined."""


@dataclass(frozen=True)
class Count:
    """So many of the parts hold."""

    relation: HowMany
    """At most, exactly, at least."""
    number: int
    """How many."""
    parts: tuple[Formula, ...]
    """What is counted."""


@dataclass(frozen=True)
class Every:
    """Said of everything that meets some conditions, in words.

    Words are filled in for every thing that the trace names, when all of it was read.
    """

    conditions: tuple[str, ...]
    """What must hold of a thing, as a verb phrase without its subject, such as `is a bird`."""
    said: str
    """What is said of it, likewise."""
    holds: bool = True
    """Whether that is said or denied."""
    some: bool = False
    """Whether it is said of one thing only, which need not have a name."""
    but: str = ""
    """A thing of which it is not said."""
    count: tuple[HowMany, int, int] | None = None
    """Said of so many: the relation, how many, and how many there are in all."""


Formula = Prop | In | Compare | Whole | Most | Not | Joined | Count | Every


def atoms(formula: Formula) -> Iterator[Prop | In | Compare | Whole | Most | Every]:
    """The parts of a formula that say something themselves, whatever joins or denies them."""
    if isinstance(formula, Not):
        yield from atoms(formula.part)
    elif isinstance(formula, Joined | Count):
        for part in formula.parts:
            yield from atoms(part)
    else:
        yield formula
