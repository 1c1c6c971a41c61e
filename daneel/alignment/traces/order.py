"""Sentences about when: the order of events, times of the day, from beginning to end."""

from __future__ import annotations

import itertools
import re

from daneel.alignment.traces.formulas import Compare, Formula, Joined, Linear, Not
from daneel.alignment.traces.phrases import YEAR_S, measure, stem, time_of_day
from daneel.alignment.traces.rules import (
    NOT,
    Handler,
    Reading,
    Relation,
    compare,
    plus,
    quantity,
    rules,
    strict,
)
from daneel.alignment.traces.words import IRREGULAR


def _moment(phrase: str) -> Linear | None:
    """A time of the day, or when an event was."""
    if (at := time_of_day(phrase.strip())) is not None:
        return Linear((), at)
    return quantity("time", event_of(phrase))


def _time(sign: int) -> Handler:
    def handler(_: Reading, found: re.Match[str]) -> Formula | None:
        a, b = _moment(found["a"]), _moment(_completed(found["a"], found["b"]))
        formula = compare(a, strict(sign), b)
        return Not(formula) if formula and found.groupdict().get("no") else formula

    return handler


_HAPPENS = (
    r"happens?|happened|occurs?|occurred|comes?|came|takes? place|took place|starts?|started|"
    r"begins?|began|begun|finish(?:es|ed)?|is done|done|is performed|performed|is executed|"
    r"executed|is scheduled|scheduled|is carried out|carried out|over|is|was|are|were"
)


def event_of(phrase: str) -> str:
    """An event without the words that say that it happens."""
    text, shorter = "", phrase.strip()
    while text != shorter:
        text = shorter
        shorter = re.sub(
            rf"\s+(?:(?:must|should|has to|have to|will|can|needs to|does|did|has|had|"
            rf"have) )?(?:only )?(?:be )?(?:{_HAPPENS})$",
            "",
            text,
        )
    return re.sub(
        r"^(?:the robot |we |you |must |should |can |could |(?:have|has|need|needs) to |it |first |"
        r"to |only |always |do )+",
        "",
        text,
    )


def _completed(a: str, b: str) -> str:
    """`Ann crossed the line before Ben`: what Ben did is what Ann did."""
    words, size = a.split(), len(b.split())
    if size > 2 or len(words) <= size or _verb(b.split()[-1]) or not _verb(words[size]):
        return b
    return " ".join([b, *words[size:]])


def _verb(word: str) -> bool:
    return (
        word in IRREGULAR or word in ("was", "is", "did") or (word.endswith("ed") and len(word) > 4)
    )


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
    at = time_of_day(re.sub(r"^(?:on|in|around|about) ", "", found["t"].strip()))
    if at is None:
        return None
    kind = "end" if stem(found["verb"].split()[-1]) in _ENDS else "time"
    known: dict[str, Relation] = {
        "before": "<",
        "after": ">",
        "by": "<=",
        "no later than": "<=",
        "no earlier than": ">=",
        "from": ">=",
        "until": "<=",
        "not before": ">=",
        "not after": "<=",
    }
    return compare(begin_or_end(kind, found["a"]), known.get(found["how"], "="), Linear((), at))


def begin_or_end(kind: str, thing: str) -> Linear | None:
    """When an event begins (`time`) or ends (`end`), as a quantity."""
    begin = quantity("time", event_of(thing))
    if begin is None or kind == "time":
        return begin
    return Linear(tuple((key.replace("time|", "end|"), factor) for key, factor in begin.terms))


def _until(_: Reading, found: re.Match[str]) -> Formula | None:
    """`do not open the door until the bell rings`: not before."""
    return compare(_moment(found["a"]), ">=", _moment(found["b"]))


def _until_after(found: re.Match[str]) -> Formula | None:
    """`B can not start until A is finished`."""
    event = re.sub(
        r"\b(?:do|does|did|must|may|can|should|is) not (?:permitted |able to )?", "", found["a"]
    )
    return compare(_moment(event), ">=", _moment(found["b"]))


def _span(found: re.Match[str]) -> Formula | None:
    """`the workshop runs from 9:00 to 9:30`."""
    first, last = time_of_day(found["t"].strip()), time_of_day(found["u"].strip())
    begin, end = begin_or_end("time", found["a"]), begin_or_end("end", found["a"])
    if first is None or last is None or begin is None or end is None:
        return None
    starts, ends = Compare(begin, "=", Linear((), first)), Compare(end, "=", Linear((), last))
    return Joined("and", (starts, ends))


_NEAR = r"(?:immediately |right |directly |some time |strictly |only |sometime |shortly |long )?"
_CLOCK = (
    r"starts|begins|departs|leaves|ends|finishes|arrives|stops|started|began|departed|left|ended|"
    r"finished|arrived|stopped|is over|was over|takes place|took place|start|begin|end|finish|"
    r"is scheduled|happens|happened|opens|closes|is"
)
_IRREGULAR = "|".join(sorted({*IRREGULAR, "was"}, key=len, reverse=True))
_TURN = (
    r"starts?|begins?|ends?|finish(?:es)?|started|began|ended|finished|departs?|arrives?|leaves?|"
    r"opens?|closes?"
)


def _offset(_: Reading, found: re.Match[str]) -> Formula | None:
    """`B starts 10 minutes after A ends`, `after the end of A`."""
    by, said = measure(found["by"]), found.groupdict()
    if by is None or by[0] not in ("duration", "age"):
        return None
    ends = [stem(said.get(k) or "") in _ENDS for k in ("va", "vb")]
    a = begin_or_end("end" if ends[0] else "time", found["a"])
    b = begin_or_end("end" if ends[1] or said.get("of") == "end" else "time", found["b"])
    sign = 1 if found["w"] in ("after", "later than") else -1
    if a is None or b is None:
        return None
    return Compare(a, "=", plus(b, sign * by[1] * (YEAR_S if by[0] == "age" else 1)))


TIMES_AND_ORDER = rules(
    (
        rf"(?P<a>.+?)(?: (?P<va>{_TURN}|is|was|takes place|happened|happens|came|"
        rf"comes))? (?P<by>\S+ (?:minutes?|hours?|seconds?|days?|weeks?|months?|"
        rf"years?)) (?P<w>after|before|later than|earlier than) (?:the (?P<of>end|start|"
        rf"beginning) of )?(?P<b>.+?)(?: (?P<vb>{_TURN}))?",
        _offset,
    ),
    (
        r"(?:do|does|did|must|may|can|should) not (?:permitted )?(?P<a>.+?) (?:until|"
        r"before) (?P<b>.+)",
        _until,
    ),
    (
        r"(?P<a>.+? (?:do|does|did|must|may|can|should|is) not (?:permitted )?.+?) (?:until|"
        r"unless and until|before) (?P<b>.+)",
        lambda reader, found: _until_after(found),
    ),
    (
        r"(?P<a>.+?) (?:runs?|ran|lasts|lasted|goes|went|is|was|is open|takes place|took place|"
        r"is scheduled) (?:from|between) (?P<t>[\w:.' ]+?) (?:to|until|till|and) (?P<u>[\w:.' ]+)",
        lambda _, found: _span(found),
    ),
    (r"never (?P<a>.+?) (?:until|before) (?P<b>.+)", _until),
    (
        rf"(?P<a>.+?) (?P<verb>{_CLOCK}) (?P<how>at|before|after|by|no later than|from|until|for|"
        rf"no earlier than|not before|not after|on|in|around)? ?(?P<t>[\w:.' ]+)",
        _clock,
    ),
    (
        rf"(?P<a>.+? (?:was |were )?(?P<verb>\w{{2,}}ed|{_IRREGULAR})) (?P<how>at|before|after|by|"
        rf"on|in|around) (?P<t>[\w:.' ]+)",
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
    (
        r"(?P<a>.+?) (?:is|was|were|had) (?:over|finished|done|ended|complete) (?:when|before|"
        r"by the time) (?P<b>.+)",
        _time(-1),
    ),
    (
        r"(?:by the time|when) (?P<b>.+?), (?P<a>.+?) (?:was|were|is|had) (?:over|finished|done|"
        r"ended|complete)",
        _time(-1),
    ),
    (r"before (?P<b>.+?), (?P<a>.+)", _time(-1)),
    (r"(?:after|once) (?P<b>.+?), (?P<a>.+)", _time(1)),
    (
        rf"(?P<a>.+?){NOT} {_NEAR}(?:before|prior to|ahead of|earlier than|sooner than) (?P<b>.+)",
        _time(-1),
    ),
    (
        rf"(?P<a>.+?){NOT} {_NEAR}(?:after|later than|once|following) (?P<b>.+)",
        _time(1),
    ),
    (r"(?P<a>.+?) (?:precedes|precede|must precede|preceded) (?P<b>.+)", _time(-1)),
    (r"(?P<a>.+?) (?:follows|follow|must follow|followed|succeeds) (?P<b>.+)", _time(1)),
)
