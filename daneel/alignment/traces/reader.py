"""Plain structured English to formulas, one sentence at a time.

The grammar is a list of rules, each a pattern and what it means; the first that reads the whole
sentence wins, and a rule whose parts cannot be read fails. What no rule reads is reported as unread
and takes no part: a reader that guesses raises false alarms.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from daneel.alignment.traces.formulas import (
    Count,
    Every,
    Formula,
    In,
    Joined,
    Not,
    Prop,
)
from daneel.alignment.traces.phrases import (
    COLOURS,
    EVENTS,
    OPPOSITES,
    cleaned,
    name,
    number,
    stem,
    stems,
)
from daneel.alignment.traces.quantities import read_quantity

_LONGEST = 400
"""Characters; a longer sentence is no step, and patterns take long to fail on it."""
_MOST_WORDS = 9
"""A clause of more words is no plain statement: it has structure that no rule knows."""
_HEDGED = re.compile(
    r"\b(?:if|or|unless|because|although|maybe|perhaps|might|may|could|should|which|whether|than|"
    r"probably|likely|who|what|why|how|would|most|some|few|many|until|while|when|except)\b|\?"
)
_BE = r"(?:is|are|was|were|must be|has to be|will be|becomes|remains|stays)"
Handler = Callable[["Reader", re.Match[str]], Formula | None]


class Reader:
    """Reads the sentences of one trace in order; events move it on."""

    def __init__(self) -> None:
        """Nothing has happened yet."""
        self._epochs: dict[str, int] = {}

    def read(self, sentence: str) -> Formula | None:
        """What a sentence says; None if it cannot be read."""
        if len(sentence) > _LONGEST:
            return None
        text = cleaned(sentence)
        return self._clause(text) if text else None

    def _clause(self, text: str) -> Formula | None:
        text = text.strip(" ,.")
        for pattern, handler in _RULES:
            found = pattern.fullmatch(text)
            if found and (formula := handler(self, found)) is not None:
                return formula
        return read_quantity(text) or self._plain(text)

    def prop(self, phrase: str, holds: bool = True) -> Formula:
        """A statement, with words like `closed` turned into the denial of `open`."""
        words = stems(phrase)
        last = phrase.split()[-1]
        if last in OPPOSITES:
            words, holds = " ".join([*words.split()[:-1], stem(OPPOSITES[last])]), not holds
        found = Prop(words, self._epochs.get(words, 0))
        return found if holds else Not(found)

    def place(self, thing: str, place: str) -> In:
        """A thing at a place, as of now."""
        return In(name(thing), name(place), self._epochs.get("in " + name(thing), 0))

    def happens(self, key: str) -> None:
        """An event changed what `key` names: earlier facts about it are over."""
        self._epochs[key] = self._epochs.get(key, 0) + 1

    def _plain(self, text: str) -> Formula | None:
        """A short statement or its denial, read as a whole."""
        words = text.split()
        if not 2 <= len(words) <= _MOST_WORDS or _HEDGED.search(text):
            return None
        denied = re.search(r"\b(?:not|never)\b", text)
        rest = re.sub(r"\b(?:not|never|ever|any)\b", " ", text)
        if re.search(r"\d", rest) or not stems(rest):
            return None
        return self.prop(rest.strip(), not denied)


def _join(how: str) -> Handler:
    def handler(reader: Reader, found: re.Match[str]) -> Formula | None:
        left = reader._clause(found["a"])
        if left is None:
            return None
        right = reader._clause(found["b"]) or _completed(reader, found["a"], found["b"])
        if right is None:
            return None
        if how == "unless":
            return Joined("or", (left, right))
        if how == "if":
            return Joined("implies", (right, left))
        return Joined(how, (left, right))  # type: ignore[arg-type]

    return handler


def _completed(reader: Reader, left: str, right: str) -> Formula | None:
    """`the lamp is on or broken`: the second half borrows subject and verb of the first."""
    found = re.match(rf"(.+? {_BE}) ", left)
    return reader._clause(f"{found[1]} {right}") if found and len(right.split()) <= 3 else None


def _deny(reader: Reader, found: re.Match[str]) -> Formula | None:
    part = reader._clause(found["a"])
    return None if part is None else Not(part)


def _affirm(reader: Reader, found: re.Match[str]) -> Formula | None:
    return reader._clause(found["a"])


def _neither(reader: Reader, found: re.Match[str]) -> Formula | None:
    if found.groupdict().get("verb"):
        parts = [reader._clause(f"{found[k]} {found['verb']} {found['p']}") for k in "ab"]
    else:
        parts = [reader._clause(f"{found['x']} {found[k]}") for k in "ab"]
    known = [part for part in parts if part is not None]
    return Joined("and", tuple(Not(part) for part in known)) if len(known) == 2 else None


def _exclusive(reader: Reader, found: re.Match[str]) -> Formula | None:
    parts = [reader._clause(found[k]) for k in "ab"]
    known = tuple(part for part in parts if part is not None)
    return Count("=", 1, known) if len(known) == 2 else None


def _counted(reader: Reader, found: re.Match[str]) -> Formula | None:
    many = number(found["n"])
    relation = {"at most": "<=", "no more than": "<=", "exactly": "=", "only": "="}.get(
        found["how"] or "exactly", ">="
    )
    names = [part for part in re.split(r",\s*(?:and |or )?| and | or ", found["list"]) if part]
    parts = [reader._clause(f"{part} {found['verb']} {found['p']}") for part in names]
    known = tuple(part for part in parts if part is not None)
    if many is None or many.denominator != 1 or len(known) != len(names) or len(known) < 2:
        return None
    return Count(relation, int(many), known)  # type: ignore[arg-type]


def _each(reader: Reader, found: re.Match[str]) -> Formula | None:
    """`A, B and C are open`: said of each."""
    names = [part for part in re.split(r",\s*(?:and )?| and ", found["list"]) if part]
    parts = [reader._clause(f"{part} {found['verb']} {found['p']}") for part in names]
    known = tuple(part for part in parts if part is not None)
    return Joined("and", known) if len(known) == len(names) > 1 else None


def _every(holds: bool, some: bool = False) -> Handler:
    def handler(reader: Reader, found: re.Match[str]) -> Formula | None:
        said = holds
        predicate = found["p"]
        if predicate.startswith("not "):
            said, predicate = not said, predicate[4:]
        if len(found["k"].split()) > 3 or len(predicate.split()) > 6 or _HEDGED.search(predicate):
            return None
        last = predicate.split()[-1]
        words = stems(predicate)
        if last in OPPOSITES:
            words, said = " ".join([*words.split()[:-1], stem(OPPOSITES[last])]), not said
        return Every(stems(found["k"]), words, said, some) if words else None

    return handler


def _located(reader: Reader, found: re.Match[str]) -> Formula | None:
    if _HEDGED.search(found["x"]) or len(found["y"].split()) > 5 or re.search(r"\d", found["x"]):
        return None
    place = reader.place(found["x"], found["y"])
    return Not(place) if found["no"] else place


def _moved(reader: Reader, found: re.Match[str]) -> Formula | None:
    reader.happens("in " + name(found["x"]))
    return reader.place(found["x"], found["y"])


def _changed(reader: Reader, found: re.Match[str]) -> Formula | None:
    state, holds = EVENTS[found["verb"]]
    key = stems(f"{name(found['y'])} {state}")
    reader.happens(key)
    changed = Prop(key, reader._epochs[key])
    return changed if holds else Not(changed)


def _switched(reader: Reader, found: re.Match[str]) -> Formula | None:
    key = stems(f"{name(found['y'])} on")
    reader.happens(key)
    changed = Prop(key, reader._epochs[key])
    return changed if found["way"] == "on" else Not(changed)


def _passed(reader: Reader, found: re.Match[str]) -> Formula | None:
    """`the door is now open`: an event without a name."""
    denied = found["p"].startswith("not ")
    predicate = found["p"].removeprefix("not ")
    formula = reader.prop(f"{found['x']} {predicate}", not denied)
    key = formula.part if isinstance(formula, Not) else formula
    if not isinstance(key, Prop):
        return None
    reader.happens(key.key)
    return reader.prop(f"{found['x']} {predicate}", not denied)


_N = r"(?P<n>\w+|\d+)"
_HOW = r"(?P<how>at most|no more than|at least|exactly|only)"
_RULES: list[tuple[re.Pattern[str], Handler]] = [
    (re.compile(pattern), handler)
    for pattern, handler in (
        (r"it is (?:not (?:true|the case|so)|false|untrue|wrong) that (?P<a>.+)", _deny),
        (r"it is (?:true|the case|certain) that (?P<a>.+)", _affirm),
        (r"(?P<a>.+?) (?:if and only if|iff|exactly when|just in case) (?P<b>.+)", _join("iff")),
        (
            r"(?:if|whenever|when|provided that|in case) (?P<a>.+?),? then (?P<b>.+)",
            _join("implies"),
        ),
        (r"(?:if|whenever|when|provided that|in case) (?P<a>.+?), (?P<b>.+)", _join("implies")),
        (r"(?P<a>.+?) (?:implies|means|entails|guarantees)(?: that)? (?P<b>.+)", _join("implies")),
        (r"(?P<a>.+?),? only (?:if|when) (?P<b>.+)", _join("implies")),
        (r"(?P<a>.+?),? unless (?P<b>.+)", _join("unless")),
        (r"(?P<a>.+?),? (?:if|whenever|provided that|provided) (?P<b>.+)", _join("if")),
        (
            rf"{_HOW} {_N} of (?:the following: )?(?P<list>.+?) (?P<verb>is|are|can "
            rf"be|will be) (?P<p>.+)",
            _counted,
        ),
        (r"(?P<how>)(?P<n>one) of (?P<list>.+?) (?P<verb>is|are) (?P<p>.+)", _counted),
        (r"neither (?P<a>.+?) nor (?P<b>.+?) (?P<verb>is|are|was|were) (?P<p>.+)", _neither),
        (r"(?P<x>.+? (?:is|are|was|were)) neither (?P<a>.+?) nor (?P<b>.+)", _neither),
        (r"either (?P<a>.+?) or (?P<b>.+?),? but not both", _exclusive),
        (r"either (?P<a>.+?),? or (?P<b>.+)", _join("or")),
        (r"(?P<a>.+?),? or (?P<b>.+)", _join("or")),
        (r"(?P<a>.+?),? (?:and|but|while|whereas|yet) (?P<b>.+)", _join("and")),
        (r"(?P<list>.+ and .+?) (?:both )?(?P<verb>is|are|was|were) (?P<p>.+)", _each),
        (
            r"(?:all|every|each|any)(?: of the| single)? (?P<k>.+?) (?:is|are|can|"
            r"will|must be)(?: an?)? (?P<p>.+)",
            _every(True),
        ),
        (
            r"(?:no|none of the) (?P<k>[\w -]+?) (?:is|are|can|will)(?: an?)? (?P<p>.+)",
            _every(False),
        ),
        (
            r"(?:some|at least one) (?P<k>[\w -]+?) (?:is|are|can|will)(?: an?)? "
            r"(?P<p>.+)",
            _every(True, True),
        ),
        (
            r"(?P<x>.+?) (?:is|was|are|were|stays|remains|sits|lies|stands|rests|"
            r"can be found|is located|is placed|is kept|is stored)(?P<no> not)? "
            r"(?:in|inside|at(?! most| least)|on|within|inside of|located in|stored "
            r"in|placed on|placed in) (?P<y>(?:the |a |an |room |box )?[\w -]+)(?<! "
            r"time)(?<! on)(?<! off)",
            _located,
        ),
        (
            r"(?:the robot|\w+|we|the agent|the arm) (?:moves|moved|puts|put|places|"
            r"placed|carries|carried|brings|brought|takes|took|transfers) (?P<x>.+?)"
            r" (?:from .+? )?(?:in|into|to|on|onto|inside) (?P<y>.+)",
            _moved,
        ),
        (
            r"(?P<x>.+?) (?:is|was|gets|has been) (?:moved|carried|brought|put|taken|"
            r"transferred)(?: from .+?)? (?:in|into|to|on|onto|inside) (?P<y>.+)",
            _moved,
        ),
        (
            r"(?P<x>.+?) (?:goes|went|walks|walked|drives|drove|moves|moved|travels|"
            r"travelled) (?:from .+? )?(?:in|into|to|onto) (?P<y>.+)",
            _moved,
        ),
        (
            rf"(?:the robot|\w+|we|the agent|the arm) (?P<verb>{'|'.join(EVENTS)})"
            rf" (?P<y>.+)",
            _changed,
        ),
        (
            r"(?:the robot|\w+|we|the agent) (?:turns|turned|switches|switched) "
            r"(?P<way>on|off) (?P<y>.+)",
            _switched,
        ),
        (
            r"(?:the robot|\w+|we|the agent) (?:turns|turned|switches|switched) "
            r"(?P<y>.+) (?P<way>on|off)",
            _switched,
        ),
        (
            r"(?P<x>.+?) (?:is|are) now (?:stored |located |lying |placed |standing "
            r")?(?:in|inside|on|at) (?P<y>.+)",
            _moved,
        ),
        (r"(?P<x>.+?) (?:is|are|has) now (?P<p>.+)", _passed),
    )
]


def exclusive_words(key: str) -> tuple[str, str] | None:
    """What a statement is about, and its colour, if it names one: a thing has one colour."""
    *rest, last = key.split()
    colours = {stem(colour): colour for colour in COLOURS}
    return (" ".join(rest), last) if rest and last in colours else None
