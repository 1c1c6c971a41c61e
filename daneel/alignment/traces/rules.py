"""What the rules of every kind share: a rule is a pattern of a whole clause and what it means."""

from __future__ import annotations

import re
from collections.abc import Callable
from fractions import Fraction
from typing import Literal, Protocol

from daneel.alignment.traces.formulas import Compare, Formula, In, Linear
from daneel.alignment.traces.phrases import measure, name, number, stems
from daneel.alignment.traces.words import UNITS

Relation = Literal["<", "<=", "=", "!=", ">=", ">"]
LONGEST = 8
"""A name of more words is a clause that was misread."""
BE = r"(?:is|are|was|were|must be|has to be|will be|becomes|remains|stays)"
BOUND = (
    r"(?P<bound>at least|at most|no more than|no less than|no fewer than|not more than|"
    r"not less than|up to|more than|less than|fewer than|greater than|over|under|exactly|"
    r"precisely|equal to|only|just|not)?"
)
AMOUNT = r"(?P<n>\$?-?[\d.,]+|[a-z]+(?:-[a-z]+)?|a dozen)"
UNIT = "|".join(sorted(UNITS, key=len, reverse=True))


class Reading(Protocol):
    """What a rule may ask of the reader."""

    def clause(self, text: str) -> Formula | None:
        """A part of the sentence, read by all rules."""
        ...

    def prop(self, phrase: str, holds: bool = True) -> Formula:
        """A plain statement, as of now."""
        ...

    def place(self, thing: str, place: str) -> In:
        """A thing at a place, as of now."""
        ...

    def happens(self, key: str) -> None:
        """Something changed what `key` names."""
        ...

    def change(self, key: str) -> Formula:
        """A change of a state, and the state after it."""
        ...

    def amount(self, owner: str, what: str) -> Linear | None:
        """How many of a kind someone or some place has, as of now."""
        ...

    def counted(self, what: str, owner: str) -> None:
        """Such things were counted there: what `of them` and `are left` speak of."""
        ...

    def recalled(self, owner: str | None, what: str | None = None) -> tuple[str, str] | None:
        """Kind and owner of what was counted last, there or anywhere."""
        ...

    def dealt(self, owner: str, what: str, change: Fraction) -> Formula | None:
        """So many more, or fewer, of a kind are there from now on."""
        ...


Handler = Callable[[Reading, re.Match[str]], Formula | None]
Rule = tuple[re.Pattern[str], Handler]


def rules(*given: tuple[str, Handler]) -> list[Rule]:
    """Patterns compiled."""
    return [(re.compile(pattern), handler) for pattern, handler in given]


def relation(bound: str | None) -> Relation:
    """What `at least` and its like mean; nothing is `exactly`."""
    known: dict[str, Relation] = {
        "at least": ">=", "no less than": ">=", "no fewer than": ">=", "not less than": ">=",
        "at most": "<=", "no more than": "<=", "not more than": "<=", "up to": "<=",
        "more than": ">", "greater than": ">", "over": ">", "less than": "<", "fewer than": "<",
        "under": "<", "not": "!=",
    }  # fmt: skip
    return known.get(bound or "", "=")


def compare(left: Linear | None, sign: Relation, right: Linear | None) -> Compare | None:
    """The comparison, if both sides could be read."""
    return None if left is None or right is None else Compare(left, sign, right)


def scaled(linear: Linear, factor: Fraction) -> Linear:
    """A multiple of a sum."""
    return Linear(tuple((k, v * factor) for k, v in linear.terms), linear.constant * factor)


def plus(linear: Linear, number: Fraction) -> Linear:
    """A sum and a number."""
    return Linear(linear.terms, linear.constant + number)


_CLAUSE = re.compile(r"\b(?:not|never|if|does|did|nor|neither|either|nobody|everybody)\b")
_OF = "height|age|weight|mass|cost|price|speed|length|temperature|size|width|depth"
_SAME = {"price": "cost", "mass": "weight"}


def quantity(dimension: str, thing: str) -> Linear | None:
    """The quantity of that name, a number, or a measure; None for what cannot be a name.

    `the height of Ann` is the same as the height in `Ann is taller`.
    """
    if (value := number(thing)) is not None:
        return Linear((), value)
    if (measured := measure(thing)) is not None:
        return Linear((), measured[1])
    thing = name(thing)
    if of := re.fullmatch(rf"({_OF}) of (.+)", thing):
        dimension, thing = _SAME.get(of[1], of[1]), name(of[2])
    elif own := re.fullmatch(rf"(.+?)s ({_OF})", thing):
        dimension, thing = _SAME.get(own[2], own[2]), own[1]
    if not 1 <= len(thing.split()) <= LONGEST or _CLAUSE.search(thing):
        return None
    key = stems(thing) if dimension == "time" else thing
    return Linear(((f"{dimension}|{key}", Fraction(1)),)) if key else None


_NO_ITEM = re.compile(
    r"\b(?:is|are|was|were|has|have|had|does|do|did|can|will|may|must|not|than|as|together|"
    r"before|after|then|who|that|which|if|when|between)\b"
)


def listed(text: str) -> tuple[list[str], str] | None:
    """`A, B and C passed`: the names, and what is said of them; None for anything else."""
    found = re.fullmatch(r"(?P<head>[^,]+(?:, [^,]+)*?),? (?:and|or) (?P<tail>.+)", text)
    if found is None:
        return None
    items = [item.strip() for item in re.split(r", ", found["head"])]
    items[0] = re.sub(r"^(?:both|either|neither) ", "", items[0])
    size, tail = len(items[-1].split()), found["tail"].split()
    last, said = " ".join(tail[:size]), " ".join(tail[size:])
    names = [*items, last]
    fits = all(
        item
        and not _NO_ITEM.search(item)
        and len(item.split()) <= 4
        and (len(item.split()) == 1 or re.match(r"(?:the|a|an|my|its|\w+ \d)\b", item))
        for item in names
    )
    return (names, said) if fits and said else None
