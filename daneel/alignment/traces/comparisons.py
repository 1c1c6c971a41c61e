"""Sentences about order, time, place in a row and measures, as linear comparisons."""

from __future__ import annotations

import itertools
import re
from fractions import Fraction

from daneel.alignment.traces.formulas import Compare, Formula, Joined, Linear, Not
from daneel.alignment.traces.phrases import measure, number, stem, time_of_day
from daneel.alignment.traces.rules import (
    AMOUNT,
    BE,
    BOUND,
    UNIT,
    Handler,
    Reading,
    Relation,
    compare,
    plus,
    quantity,
    relation,
    rules,
    scaled,
)
from daneel.alignment.traces.words import ADJECTIVES, DIMENSIONS, PLACES, TIMES, UNITS

_COMPARATIVE = "|".join(sorted(DIMENSIONS, key=len, reverse=True)) + r"|\w{2,}er"
_PLACE = "|".join(sorted(PLACES, key=len, reverse=True))
_TIMES = "|".join(sorted(TIMES, key=len, reverse=True)) + r"|\w+ times"
_MEASURED = {"weigh": "weight", "cost": "cost", "tak": "duration", "last": "duration",
             "measur": "length", "reach": "length"}  # fmt: skip


def _strict(sign: int) -> Relation:
    return ">" if sign > 0 else "<"


def _dimension(word: str) -> tuple[str, int]:
    return DIMENSIONS.get(word, (stem(word), 1))


def _comparative(_: Reading, found: re.Match[str]) -> Formula | None:
    word = found["word"]
    if word in ("other", "rather", "either", "neither", "whether", "later", "earlier"):
        return None
    dimension, sign = _dimension(word)
    if dimension == "" and (measured := measure(found["b"])) is not None:
        dimension = measured[0]
    left, right = quantity(dimension, found["a"]), quantity(dimension, found["b"])
    if left is None or right is None:
        return None
    if found["by"]:
        measured = measure(found["by"])
        if measured is None:
            return None
        formula = Compare(left, "=", plus(right, sign * measured[1]))
    elif found["at_most"]:  # no longer than
        formula = Compare(left, "<=" if sign > 0 else ">=", right)
    else:
        formula = Compare(left, _strict(sign), right)
    return Not(formula) if found["no"] else formula


def _as_much(_: Reading, found: re.Match[str]) -> Formula | None:
    word = found["word"]
    if word in ("much", "long") and found["verb"] in ("weighs", "costs", "takes", "lasts"):
        dimension = _MEASURED[stem(found["verb"])]
    else:
        dimension = ADJECTIVES.get(word, stem(word + "er"))
    left, right = quantity(dimension, found["a"]), quantity(dimension, found["b"])
    if found["times"] and right is not None:
        factor = _factor(found["times"])
        if factor is None:
            return None
        right = scaled(right, factor)
    formula = compare(left, "=", right)
    return Not(formula) if formula and found["no"] else formula


def _factor(text: str) -> Fraction | None:
    return Fraction(TIMES[text]) if text in TIMES else number(text.removesuffix(" times"))


def _place(_: Reading, found: re.Match[str]) -> Formula | None:
    dimension, sign = PLACES[found["word"]]
    formula = compare(
        quantity(dimension, found["a"]), _strict(sign), quantity(dimension, found["b"])
    )
    return Not(formula) if formula and found["no"] else formula


def _moment(phrase: str) -> Linear | None:
    """A time of the day, or when an event was."""
    if (at := time_of_day(phrase.strip())) is not None:
        return Linear((), at)
    return quantity("time", _event(phrase))


def _time(sign: int) -> Handler:
    def handler(_: Reading, found: re.Match[str]) -> Formula | None:
        a, b = _moment(found["a"]), _moment(found["b"])
        formula = compare(a, _strict(sign), b)
        return Not(formula) if formula and found.groupdict().get("no") else formula

    return handler


_HAPPENS = (
    r"happens?|happened|occurs?|occurred|comes?|came|takes? place|took place|starts?|started|"
    r"begins?|began|begun|finish(?:es|ed)?|is done|done|is performed|performed|is executed|"
    r"executed|is scheduled|scheduled|is carried out|carried out|over|is|was|are|were"
)


def _event(phrase: str) -> str:
    """An event without the words that say that it happens."""
    text, shorter = "", phrase.strip()
    while text != shorter:
        text = shorter
        shorter = re.sub(
            r"\s+(?:(?:must|should|has to|have to|will|can|needs to|does|did|has|had|have) )?"
            rf"(?:only )?(?:be )?(?:{_HAPPENS})$",
            "",
            text,
        )
    return re.sub(r"^(?:the robot |we |you |must |should |it |first |to )+", "", text)


def _same_time(_: Reading, found: re.Match[str]) -> Formula | None:
    return compare(_moment(found["a"]), "=", _moment(found["b"]))


def _between(_: Reading, found: re.Match[str]) -> Formula | None:
    x, a, b = (_moment(found[k]) for k in ("x", "a", "b"))
    first, second = compare(a, "<", x), compare(x, "<", b)
    return Joined("and", (first, second)) if first and second else None


def _sequence(_: Reading, found: re.Match[str]) -> Formula | None:
    parts = re.split(r",?\s*(?:and )?(?:then|after that|finally|followed by|next)\s+", found["a"])
    times = [_moment(part.strip(" ,")) for part in parts]
    pairs = [compare(a, "<", b) for a, b in itertools.pairwise(times)]
    known = tuple(pair for pair in pairs if pair is not None)
    if len(known) != len(parts) - 1 or not known:
        return None
    return known[0] if len(known) == 1 else Joined("and", known)


_ENDS = ("end", "finish", "arriv", "clos", "stop", "over")


def _clock(_: Reading, found: re.Match[str]) -> Formula | None:
    """`the lecture starts at 9:20`, `it is over by noon`."""
    at = time_of_day(found["t"].strip())
    if at is None:
        return None
    kind = "end" if stem(found["verb"].split()[-1]) in _ENDS else "time"
    known: dict[str, Relation] = {
        "before": "<", "after": ">", "by": "<=", "no later than": "<=", "no earlier than": ">=",
        "from": ">=", "until": "<=", "not before": ">=", "not after": "<=",
    }  # fmt: skip
    return compare(_begin_or_end(kind, found["a"]), known.get(found["how"], "="), Linear((), at))


def _begin_or_end(kind: str, thing: str) -> Linear | None:
    begin = quantity("time", _event(thing))
    if begin is None or kind == "time":
        return begin
    return Linear(tuple((key.replace("time|", "end|"), factor) for key, factor in begin.terms))


def _measured(_: Reading, found: re.Match[str]) -> Formula | None:
    """`the crate weighs at most 3 kg`, `the walk takes 5 minutes`."""
    value = number(found["n"])
    dimension, factor = UNITS.get(found["unit"] or "", ("", 1))
    verb = found.groupdict().get("verb")
    if value is None:
        return None
    if verb and dimension != "duration":
        dimension = _MEASURED.get(stem(verb), dimension)
    if (said := found.groupdict().get("adjective")) in ADJECTIVES:
        dimension = ADJECTIVES[said]
    elif dimension == "length" and not verb and not said:
        dimension = ""
    if dimension == "duration":
        return _lasting(found["a"], relation(found["bound"]), value * factor)
    return compare(
        quantity(dimension, found["a"]), relation(found["bound"]), Linear((), value * factor)
    )


def _lasting(event: str, sign: Relation, seconds: Fraction) -> Formula | None:
    """From beginning to end."""
    begin, end = _begin_or_end("time", event), _begin_or_end("end", event)
    if begin is None or end is None:
        return None
    return Compare(end, sign, plus(begin, seconds))


def _has_measure(reader: Reading, found: re.Match[str]) -> Formula | None:
    """`the parcel has a mass of 3 kg`."""
    return reader.clause(f"the {found['kind']} of {found['a']} is {found['rest']}")


def _total(_: Reading, found: re.Match[str]) -> Formula | None:
    """`together, A and B weigh 3 kg`."""
    value, unit = number(found["n"]), UNITS.get(found["unit"] or "")
    owners = re.split(r",\s*(?:and )?| and ", found["list"])
    if value is None or unit is None or len(owners) < 2:
        return None
    dimension = _MEASURED.get(stem(found["verb"]), unit[0])
    parts = [quantity(dimension, owner) for owner in owners]
    known = [part for part in parts if part is not None]
    if len(known) != len(owners):
        return None
    total = Linear(tuple(term for part in known for term in part.terms))
    return Compare(total, relation(found["bound"]), Linear((), value * unit[1]))


_NOT = r"(?P<no> not)?"
_WEIGHS = r"weighs|costs|takes|lasts|measures|weigh|cost|take|last|measure|weighed|took|lasted"

MEASURES = rules(
    (
        rf"(?:(?:together|combined|in total|jointly|laid end to end|side by side),? )?"
        rf"(?P<list>.+ and .+?)(?: together| combined| in total)? (?P<verb>weigh|cost|measure|"
        rf"reach|take|last|are)(?: together| a total of| in total)* {BOUND} ?{AMOUNT} "
        rf"(?P<unit>{UNIT})(?: together| in total| altogether| long)?",
        _total,
    ),
    (
        rf"(?P<a>.+?) (?P<verb>{_WEIGHS}) {BOUND} ?{AMOUNT}(?: (?P<unit>{UNIT}))?(?: long)?",
        _measured,
    ),
    (
        r"(?P<a>.+?) (?:has|have|had) an? (?P<kind>mass|weight|length|height|width|depth|price|"
        r"cost|temperature|age|speed) of (?P<rest>.+)",
        _has_measure,
    ),
    (
        rf"(?P<a>.+?) (?P<verb>{BE}|weighs|costs|takes|lasts)(?: (?P<times>{_TIMES}))?{_NOT} "
        r"(?:exactly |just )?as (?P<word>\w+) as (?P<b>.+?)(?: is| does)?",
        _as_much,
    ),
    (
        rf"(?P<a>.+?) (?:{BE}|lasts|takes){_NOT} (?:strictly |much |slightly |far |a bit |even )?"
        rf"(?:(?P<at_most>no )|(?P<by>\S+ (?:{UNIT})) )?(?P<word>{_COMPARATIVE}) than "
        r"(?P<b>.+?)(?: is| does)?",
        _comparative,
    ),
    (
        rf"(?P<a>.+?) {BE} {BOUND} ?{AMOUNT}(?: (?P<unit>{UNIT}))?(?: (?P<adjective>tall|"
        r"old|long|high|heavy|wide|deep|thick))?(?: of age)?",
        _measured,
    ),
    (
        rf"(?P<a>.+?) (?:{BE}|lies|stands|sits){_NOT} (?:located |directly |immediately |just |"
        rf"standing |placed |somewhere |further )*(?:to the |on the )?(?P<word>{_PLACE})"
        r"(?: side)?(?: of)? (?P<b>.+)",
        _place,
    ),
)
_NEAR = r"(?:immediately |right |directly |some time |strictly |only |sometime |shortly |long )?"
_CLOCK = (
    r"starts|begins|departs|leaves|ends|finishes|arrives|stops|started|began|departed|left|ended|"
    r"finished|arrived|stopped|is over|was over|takes place|took place|start|begin|end|finish|"
    r"is scheduled|happens|happened|opens|closes|is"
)
TIMES_AND_ORDER = rules(
    (
        rf"(?P<a>.+?) (?P<verb>{_CLOCK}) (?P<how>at|before|after|by|no later than|from|until|for|"
        r"no earlier than|not before|not after) (?P<t>[\w:.' ]+)",
        _clock,
    ),
    (r"(?P<a>.+?) (?:at the same time as|simultaneously with|together with) (?P<b>.+)", _same_time),
    (
        r"(?P<a>.+?) and (?P<b>.+?) (?:happen|occur|take place|start|are done|happened|occurred|"
        r"took place|started|were|are|began)(?: at the same time| simultaneously)",
        _same_time,
    ),
    (r"(?P<x>.+?) (?:between|after) (?P<a>.+?) (?:and|but before) (?P<b>.+)", _between),
    (r"(?:first,? )(?P<a>.+?(?:then|after that|followed by|finally|next) .+)", _sequence),
    (r"(?P<a>.+?,? (?:and )?(?:then|followed by) .+)", _sequence),
    (r"(?P<a>.+?) (?:is|was|were|had) (?:over|finished|done|ended|complete) (?:when|before|by the "
     r"time) (?P<b>.+)", _time(-1)),
    (r"(?:by the time|when) (?P<b>.+?), (?P<a>.+?) (?:was|were|is|had) (?:over|finished|done|"
     r"ended|complete)", _time(-1)),
    (r"before (?P<b>.+?), (?P<a>.+)", _time(-1)),
    (r"(?:after|once) (?P<b>.+?), (?P<a>.+)", _time(1)),
    (
        rf"(?P<a>.+?){_NOT} {_NEAR}(?:before|prior to|ahead of|earlier than|sooner than) "
        r"(?P<b>.+)",
        _time(-1),
    ),
    (
        rf"(?P<a>.+?){_NOT} {_NEAR}(?:after|later than|once|following) (?P<b>.+)",
        _time(1),
    ),
    (r"(?P<a>.+?) (?:precedes|precede|must precede|preceded) (?P<b>.+)", _time(-1)),
    (r"(?P<a>.+?) (?:follows|follow|must follow|followed|succeeds) (?P<b>.+)", _time(1)),
)  # fmt: skip
