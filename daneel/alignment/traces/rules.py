"""What the rules of every kind share: a rule is a pattern of a whole clause and what it means."""

from __future__ import annotations

import re
from collections.abc import Callable
from fractions import Fraction
from typing import Literal, Protocol

from daneel.alignment.traces.formulas import Compare, Formula, In, Linear, Prop
from daneel.alignment.traces.phrases import measure, name, number, stems
from daneel.alignment.traces.words import IRREGULAR, UNITS

Relation = Literal["<", "<=", "=", "!=", ">=", ">"]
LONGEST = 8
"""A name of more words is a clause that was misread."""
BE = r"(?:is|are|was|were|must be|has to be|will be|becomes|remains|stays)"
BOUND = (
    r"(?P<bound>at least|at most|no more than|no less than|no fewer than|not more than|"
    r"not less than|not fewer than|up to|more than|less than|fewer than|greater than|over|under|"
    r"exactly|precisely|equal to|only|just|above|below|beyond|not)?"
)
NOT = r"(?P<no> not)?"
AMOUNT = r"(?P<n>\$?-?[\d.,]+|[a-z]+(?:-[a-z]+)?|a dozen)"
DONE = r"(?:\w{2,}ed|" + "|".join(sorted(IRREGULAR, key=len, reverse=True)) + r")"
"""A verb in the past, or its participle."""
NAME = r"(?:the |a |an )?[\w'-]+(?: [\w'-]+){0,2}?"
"""Of three words at most, with an article or without."""
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

    asked: list[tuple[frozenset[str], str]]
    """Who may have done what: the names in sentences with `or`, and `stole the ring`."""
    told: dict[str, str]
    """Who said what."""
    implied: dict[Prop, Formula]
    """What a statement says besides: whoever mends it, it is mended."""

    def proper(self, text: str) -> bool:
        """Whether it is written like a name in the trace."""
        ...

    def takes(self, who: str, thing: str) -> Formula | None:
        """From now on it is his, and goes where he goes."""
        ...

    def drops(self, who: str, thing: str) -> Formula | None:
        """From now on it is not his."""
        ...

    def holds(self, who: str, thing: str) -> Formula | None:
        """That it is his, as of now."""
        ...

    def moves(self, thing: str, place: str) -> Formula:
        """A thing is somewhere from now on, and what it holds too."""
        ...

    def rated(self, kind: str) -> bool:
        """Whether it was said how many of them there are in each of something."""
        ...

    def rate(self, kind: str) -> None:
        """It is said how many of them there are in each of something."""
        ...

    def part(self, whole: str, part: str) -> None:
        """Some of the one are the other."""
        ...

    def parts(self) -> tuple[str, list[str]] | None:
        """What was divided last, and its parts so far."""
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
        "not fewer than": ">=",
        "at most": "<=", "no more than": "<=", "not more than": "<=", "up to": "<=",
        "more than": ">", "greater than": ">", "over": ">", "less than": "<", "fewer than": "<",
        "under": "<", "not": "!=", "above": ">", "beyond": ">", "below": "<",
    }  # fmt: skip
    return known.get(bound or "", "=")


def strict(sign: int) -> Relation:
    """Above for 1, below for -1."""
    return ">" if sign > 0 else "<"


def compare(left: Linear | None, sign: Relation, right: Linear | None) -> Compare | None:
    """The comparison, if both sides could be read."""
    return None if left is None or right is None else Compare(left, sign, right)


def scaled(linear: Linear, factor: Fraction) -> Linear:
    """A multiple of a sum."""
    return Linear(tuple((k, v * factor) for k, v in linear.terms), linear.constant * factor)


def plus(linear: Linear, number: Fraction) -> Linear:
    """A sum and a number."""
    return Linear(linear.terms, linear.constant + number)


_CLAUSE = re.compile(
    r"\b(?:and|that|which|who|not|never|if|does|did|nor|neither|either|nobody|everybody)\b"
)
_OF = "height|age|weight|mass|cost|price|speed|length|temperature|size|width|depth"
_SAME = {"price": "cost", "mass": "weight"}
_DEVICE = re.compile(r"(?:reading|readout|value|level|display|measurement) of (.+)")


def quantity(dimension: str, thing: str) -> Linear | None:
    """The quantity of that name, a number, or a measure; None for what cannot be a name.

    `the height of Ann` is the same as the height in `Ann is taller`.
    """
    if (value := number(thing)) is not None:
        return Linear((), value)
    if (measured := measure(thing)) is not None:
        return Linear((), measured[1])
    thing = name(thing)
    if device := _DEVICE.fullmatch(thing):
        thing = name(device[1])
    if of := re.fullmatch(rf"({_OF}) of (.+)", thing):
        dimension, thing = _SAME.get(of[1], of[1]), name(of[2])
    elif own := re.fullmatch(rf"(.+?)s ({_OF})", thing):
        dimension, thing = _SAME.get(own[2], own[2]), own[1]
    if not 1 <= len(thing.split()) <= LONGEST or _CLAUSE.search(thing):
        return None
    key = stems(thing) if dimension == "time" else thing
    return Linear(((f"{dimension}|{key}", Fraction(1)),)) if key else None


_NO_ITEM = re.compile(
    r"\b(?:is|are|was|were|has|have|had|does|do|did|can|will|may|must|not|than|as|together|before|"
    r"after|then|who|that|which|if|when|between)\b"
)


def listed(text: str) -> tuple[list[str], str] | None:
    """`A, B and C passed`: the names, and what is said of them; None for anything else."""
    found = re.fullmatch(r"(?P<head>[^,]+(?:, [^,]+)*?),? (?:and|or) (?P<tail>.+)", text)
    if found is None:
        return None
    items = [item.strip() for item in re.split(r", ", found["head"])]
    items[0] = re.sub(r"^(?:both|either|neither) ", "", items[0])
    tail = found["tail"].split()
    size = len(items[-1].split())
    for cut in (size, *range(1, min(len(tail), 5))):
        last, said = " ".join(tail[:cut]), tail[cut:]
        if said and _like_verb(said[0]) and all(map(_like_name, [*items, last])):
            return [*items, last], " ".join(said)
    return None


def _like_name(item: str) -> bool:
    words = item.split()
    marked = len(words) <= 2 or re.match(r"(?:the|a|an|my|its|\w+ \d)\b", item)
    return 1 <= len(words) <= 4 and bool(marked) and not _NO_ITEM.search(item)


def _like_verb(word: str) -> bool:
    known = re.fullmatch(r"(?:is|are|was|were|has|have|had|can|will|must|may|did|do|does)", word)
    return (
        bool(known) or word in IRREGULAR or bool(re.search(r"(?:ed|[^s]s)$|^(?:both|all)$", word))
    )
