"""Sentences about order, time, place in a row and numbers, as linear comparisons."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from fractions import Fraction
from typing import Literal

from daneel.alignment.traces.formulas import Compare, Formula, Joined, Linear, Not
from daneel.alignment.traces.phrases import (
    DIMENSIONS,
    PLACES,
    TIMES,
    UNITS,
    name,
    number,
    stem,
    stems,
)

Relation = Literal["<", "<=", "=", "!=", ">=", ">"]
_FLIPPED: dict[str, Relation] = {"<": ">", "<=": ">=", "=": "=", "!=": "!=", ">=": "<=", ">": "<"}
_LONGEST = 8
"""A name of more words is a clause that was misread."""
_COMPARATIVE = "|".join(sorted(DIMENSIONS, key=len, reverse=True)) + r"|\w{2,}er"
_PLACE = "|".join(sorted(PLACES, key=len, reverse=True))
_UNIT = "|".join(sorted(UNITS, key=len, reverse=True))
_BE = r"(?:is|are|was|were|must be|has to be|will be)"
_BOUND = (
    r"(?P<bound>at least|at most|no more than|no less than|no fewer than|"
    r"more than|less than|fewer than|greater than|over|under|exactly|precisely|"
    r"equal to|not)?"
)


def read_quantity(text: str) -> Formula | None:
    """The comparison that a sentence makes; None if it makes none."""
    for pattern, handler in _RULES:
        found = pattern.fullmatch(text)
        if found and (formula := handler(found)) is not None:
            return formula
    return None


def quantity(dimension: str, thing: str) -> Linear | None:
    """The quantity of that name, or a number; None for what cannot be a name.

    `the height of Ann` is the same as the height in `Ann is taller`.
    """
    if (value := number(thing)) is not None:
        return Linear((), value)
    thing = name(thing)
    if of := re.fullmatch(
        r"(height|age|weight|cost|price|speed|length|temperature|size) of (.+)", thing
    ):
        dimension, thing = of[1].replace("price", "cost"), name(of[2])
    elif own := re.fullmatch(r"(.+?)s (height|age|weight|cost|price|speed|size)", thing):
        dimension, thing = own[2].replace("price", "cost"), own[1]
    if not 1 <= len(thing.split()) <= _LONGEST:
        return None
    key = stems(thing) if dimension == "time" else thing
    return Linear(((f"{dimension}|{key}", Fraction(1)),)) if key else None


def compare(left: Linear | None, relation: Relation, right: Linear | None) -> Compare | None:
    """The comparison, if both sides could be read."""
    return None if left is None or right is None else Compare(left, relation, right)


def _strict(sign: int) -> Relation:
    return ">" if sign > 0 else "<"


def _comparative(found: re.Match[str]) -> Formula | None:
    word = found["word"]
    if word not in DIMENSIONS and word in ("other", "rather", "either", "neither", "whether"):
        return None
    dimension, sign = DIMENSIONS.get(word, (stem(word), 1))
    formula = compare(
        quantity(dimension, found["a"]), _strict(sign), quantity(dimension, found["b"])
    )
    return Not(formula) if formula and found["no"] else formula


def _as_much(found: re.Match[str]) -> Formula | None:
    adjectives = {"tall": "height", "old": "age", "heavy": "weight", "fast": "speed", "big": "size"}
    adjectives |= {"large": "size", "expensive": "cost", "long": "length", "warm": "temperature"}
    dimension = adjectives.get(found["word"], stem(found["word"] + "er"))
    left, right = quantity(dimension, found["a"]), quantity(dimension, found["b"])
    if found["times"] and right is not None:
        right = _scaled(right, Fraction(TIMES[found["times"]]))
    formula = compare(left, "=", right)
    return Not(formula) if formula and found["no"] else formula


def _place(found: re.Match[str]) -> Formula | None:
    dimension, sign = PLACES[found["word"]]
    formula = compare(
        quantity(dimension, found["a"]), _strict(sign), quantity(dimension, found["b"])
    )
    return Not(formula) if formula and found["no"] else formula


def _time(sign: int) -> Callable[[re.Match[str]], Formula | None]:
    def handler(found: re.Match[str]) -> Formula | None:
        a, b = quantity("time", _event(found["a"])), quantity("time", _event(found["b"]))
        formula = compare(a, _strict(sign), b)
        return Not(formula) if formula and found.groupdict().get("no") else formula

    return handler


def _event(phrase: str) -> str:
    """An event without the words that say that it happens."""
    text = re.sub(
        r"\s+(?:(?:must|should|has to|have to|will|can|needs to|does|did) )?(?:only )?(?:not )?"
        r"(?:be )?(?:happens?|occurs?|comes?|takes? place|starts?|begins?|ends?|finish(?:es)?|"
        r"is done|done|"
        r"is performed|performed|is executed|executed|is scheduled|"
        r"scheduled|is carried out|happened|"
        r"occurred|came|took place|is|was|are|were)$",
        "",
        phrase.strip(),
    )
    return re.sub(r"^(?:the robot |we |you |must |should |it |first |to )+", "", text)


def _same_time(found: re.Match[str]) -> Formula | None:
    return compare(quantity("time", _event(found["a"])), "=", quantity("time", _event(found["b"])))


def _between(found: re.Match[str]) -> Formula | None:
    x, a, b = (quantity("time", _event(found[k])) for k in ("x", "a", "b"))
    first, second = compare(a, "<", x), compare(x, "<", b)
    return Joined("and", (first, second)) if first and second else None


def _sequence(found: re.Match[str]) -> Formula | None:
    parts = re.split(r",?\s*(?:and )?(?:then|after that|finally|followed by|next)\s+", found["a"])
    times = [quantity("time", _event(part.strip(" ,"))) for part in parts]
    pairs = [compare(a, "<", b) for a, b in itertools.pairwise(times)]
    known = tuple(pair for pair in pairs if pair is not None)
    if len(known) != len(parts) - 1 or not known:
        return None
    return known[0] if len(known) == 1 else Joined("and", known)


def _relation(bound: str | None) -> Relation:
    known: dict[str, Relation] = {
        "at least": ">=", "no less than": ">=", "no fewer than": ">=", "at most": "<=",
        "no more than": "<=", "more than": ">", "greater than": ">", "over": ">",
        "less than": "<", "fewer than": "<", "under": "<", "not": "!=",
    }  # fmt: skip
    return known.get(bound or "", "=")


def _measured(found: re.Match[str]) -> Formula | None:
    """`the crate weighs at most 3 kg`, `the walk takes 5 minutes`."""
    value = number(found["n"])
    dimension, factor = UNITS.get(found["unit"] or "", ("", 1))
    verb = found.groupdict().get("verb")
    if value is None:
        return None
    if verb:
        dimension = {"weigh": "weight", "cost": "cost", "tak": "duration", "last": "duration"}.get(
            stem(verb), dimension
        )
    adjective = {"tall": "height", "old": "age", "long": "length", "high": "height"}
    if (said := found.groupdict().get("adjective")) in adjective:
        dimension = adjective[said]
    elif dimension == "length" and not verb and not said:
        dimension = ""
    return compare(
        quantity(dimension, found["a"]), _relation(found["bound"]), Linear((), value * factor)
    )


def _owned(found: re.Match[str]) -> Formula | None:
    """`Ann has at least 3 apples`."""
    value = number(found["n"])
    if value is None:
        return None
    return compare(_amount(found["a"], found["what"]), _relation(found["bound"]), Linear((), value))


def _amount(owner: str, what: str) -> Linear | None:
    kind = stems(re.sub(r"^(?:more|fewer|less) ", "", what))
    owner = name(re.sub(r"^(?:in|on|at) ", "", owner))
    if not kind or not owner or len(owner.split()) > _LONGEST or len(kind.split()) > 4:
        return None
    return Linear(((f"count {kind}|{owner}", Fraction(1)),))


def _contained(found: re.Match[str]) -> Formula | None:
    """`there are 3 apples in the box`: what the box holds."""
    value = number(found["n"])
    where = found["a"] or "here"
    if value is None:
        return None
    return compare(_amount(where, found["what"]), _relation(found["bound"]), Linear((), value))


def _owns_more(found: re.Match[str]) -> Formula | None:
    a, b = _amount(found["a"], found["what"]), _amount(found["b"], found["what"])
    if a is None or b is None:
        return None
    if found["n"]:
        value = number(found["n"])
        if value is None:
            return None
        sign = 1 if found["word"] == "more" else -1
        return Compare(a, "=", Linear(b.terms, value * sign))
    return Compare(a, ">" if found["word"] == "more" else "<", b)


def _owns_times(found: re.Match[str]) -> Formula | None:
    a, b = _amount(found["a"], found["what"]), _amount(found["b"], found["what"])
    if a is None or b is None:
        return None
    times = Fraction(TIMES[found["times"]]) if found["times"] else Fraction(1)
    return Compare(a, "=", _scaled(b, times))


def _together(found: re.Match[str]) -> Formula | None:
    value = number(found["n"])
    owners = re.split(r",\s*(?:and )?| and ", found["list"])
    amounts = [_amount(owner, found["what"]) for owner in owners]
    known = [amount for amount in amounts if amount is not None]
    if value is None or len(known) != len(owners) or len(known) < 2:
        return None
    total = Linear(tuple(term for amount in known for term in amount.terms))
    return Compare(total, _relation(found["bound"]), Linear((), value))


def _sum(found: re.Match[str]) -> Formula | None:
    parts = [quantity("", part) for part in re.split(r",\s*(?:and )?| and | plus ", found["list"])]
    return _equal_sum(parts, found["b"], "=")


def _equal_sum(parts: list[Linear | None], right: str, relation: Relation) -> Formula | None:
    known = [part for part in parts if part is not None]
    other = _expression(right)
    if len(known) != len(parts) or other is None:
        return None
    total = Linear(
        tuple(term for part in known for term in part.terms),
        sum((p.constant for p in known), Fraction(0)),
    )
    return Compare(total, relation, other)


def _symbols(found: re.Match[str]) -> Formula | None:
    sign: Relation = {"==": "=", "≠": "!=", "≤": "<=", "≥": ">="}.get(found["op"], found["op"])  # type: ignore[assignment]
    return compare(_expression(found["a"]), sign, _expression(found["b"]))


def _expression(text: str) -> Linear | None:
    """`2 x + y - 3`: sums of names and numbers, a factor in front of a name."""
    terms: list[tuple[str, Fraction]] = []
    constant = Fraction(0)
    for sign, part in re.findall(
        r"([+-]|\bplus\b|\bminus\b)?\s*([^+-]+?)\s*(?=[+-]|\bplus\b|\bminus\b|$)", text.strip()
    ):
        factor = Fraction(-1 if sign in ("-", "minus") else 1)
        product = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(?:\*|times)?\s*([a-z].*)", part)
        scaled = Fraction(product[1]) if product else Fraction(1)
        found = quantity("", product[2] if product else part)
        if found is None or re.search(r"[*/^]", part.replace("*", "", 1) if product else part):
            return None
        terms += [(key, value * factor * scaled) for key, value in found.terms]
        constant += found.constant * factor
    return Linear(tuple(terms), constant) if terms or text.strip() else None


def _scaled(linear: Linear, factor: Fraction) -> Linear:
    return Linear(tuple((k, v * factor) for k, v in linear.terms), linear.constant * factor)


def _worded(found: re.Match[str]) -> Formula | None:
    relation = _relation(
        {"equals": "equal to", "exceeds": "more than"}.get(found["bound"], found["bound"])
    )
    return compare(_expression(found["a"]), relation, _expression(found["b"]))


_N = r"(?P<n>\$?-?[\d.,]+|[a-z]+(?:-[a-z]+)?|a dozen)"
_WHAT = r"(?P<what>[a-z][\w -]*?)"
_RULES: list[tuple[re.Pattern[str], Callable[[re.Match[str]], Formula | None]]] = [
    (re.compile(pattern), handler)
    for pattern, handler in (
        (r"(?P<a>.+?)\s*(?P<op><=|>=|==|!=|≠|≤|≥|=|<|>)\s*(?P<b>[^<>=]+)", _symbols),
        (r"the (?:sum|total) of (?P<list>.+?) (?:is|equals|is equal to) (?P<b>.+)", _sum),
        (
            rf"(?P<list>.+ and .+?) (?:together |in total )?(?:have|hold|own|contain)"
            rf"(?: together| in total| a total of| between them)* {_BOUND} ?{_N} "
            rf"{_WHAT}(?: together| in total| between them| altogether)?",
            _together,
        ),
        (
            rf"(?P<a>.+?) (?:has|have|had|owns|holds|contains|carries) (?:(?P<times>twice|"
            rf"half|double|thrice) )?(?:exactly )?as many {_WHAT} as (?P<b>.+?)(?: "
            rf"does| do| has| have)?",
            _owns_times,
        ),
        (
            rf"(?P<a>.+?) (?:has|have|had|owns|holds|contains|carries) (?:{_N} )?(?P<word>more|"
            rf"fewer|less) {_WHAT} than (?P<b>.+?)(?: does| do| has| have)?",
            _owns_more,
        ),
        (
            rf"(?P<a>.+?) (?:has|have|had|owns|holds|contains|carries) {_BOUND} ?{_N} "
            rf"{_WHAT}",
            _owned,
        ),
        (
            rf"there (?:is|are|was|were) {_BOUND} ?{_N} {_WHAT}(?: (?:in|on|at|inside)"
            rf" (?P<a>.+))?",
            _contained,
        ),
        (
            rf"(?P<a>.+?) (?P<verb>weighs|costs|takes|lasts|weigh|cost|take|last)"
            rf" {_BOUND} ?{_N}(?: (?P<unit>{_UNIT}))?",
            _measured,
        ),
        (
            rf"(?P<a>.+?) {_BE}(?: (?P<times>twice|half))?(?P<no> not)? (?:exactly "
            rf"|just )?as (?P<word>\w+) as (?P<b>.+?)(?: is)?",
            _as_much,
        ),
        (
            rf"(?P<a>.+?) {_BE}(?P<no> not)? (?:strictly |much |slightly |far |a "
            rf"bit )?(?P<word>{_COMPARATIVE}) than (?P<b>.+?)(?: is)?",
            _comparative,
        ),
        (
            rf"(?P<a>.+?) {_BE} {_BOUND} ?{_N}(?: (?P<unit>{_UNIT}))?(?: (?P<adjective>tall|"
            rf"old|long|high|heavy))?(?: of age)?",
            _measured,
        ),
        (
            r"(?P<a>.+?) (?P<bound>equals|exceeds|is equal to|is at least|is at "
            r"most|is no more than|is no less than) (?P<b>.+)",
            _worded,
        ),
        (
            rf"(?P<a>.+?) {_BE}(?P<no> not)? (?:located |directly |immediately |just "
            rf"|standing |placed |somewhere )*(?:to the |on the )?(?P<word>{_PLACE})"
            rf"(?: side)?(?: of)? (?P<b>.+)",
            _place,
        ),
        (
            r"(?P<a>.+?) (?:at the same time as|simultaneously with|together with)"
            r" (?P<b>.+)",
            _same_time,
        ),
        (
            r"(?P<a>.+?) and (?P<b>.+?) (?:happen|occur|take place|start|are done)"
            r" (?:at the same time|simultaneously)",
            _same_time,
        ),
        (r"(?P<x>.+?) (?:between|after) (?P<a>.+?) (?:and|but before) (?P<b>.+)", _between),
        (r"(?:first,? )(?P<a>.+?(?:then|after that|followed by|finally|next) .+)", _sequence),
        (r"(?P<a>.+?,? (?:and )?(?:then|followed by) .+)", _sequence),
        (r"before (?P<b>.+?), (?P<a>.+)", _time(-1)),
        (r"(?:after|once) (?P<b>.+?), (?P<a>.+)", _time(1)),
        (
            r"(?P<a>.+?)(?P<no> not)? (?:immediately |right |directly |some time "
            r"|strictly |only |sometime )?(?:before|prior to|ahead of|earlier than)"
            r" (?P<b>.+)",
            _time(-1),
        ),
        (
            r"(?P<a>.+?)(?P<no> not)? (?:immediately |right |directly |some time "
            r"|strictly |only |sometime )?(?:after|later than|once|following) (?P<b>.+)",
            _time(1),
        ),
        (r"(?P<a>.+?) (?:precedes|must precede|preceded) (?P<b>.+)", _time(-1)),
        (r"(?P<a>.+?) (?:follows|must follow|followed|succeeds) (?P<b>.+)", _time(1)),
    )
]
