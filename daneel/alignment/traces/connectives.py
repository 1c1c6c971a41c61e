"""Sentences made of sentences: conditions, alternatives, denials, counts over a list."""

from __future__ import annotations

import re
from typing import Literal

from daneel.alignment.traces.events import is_name
from daneel.alignment.traces.formulas import Count, Formula, HowMany, Joined, Not
from daneel.alignment.traces.phrases import name, number
from daneel.alignment.traces.rules import BE, Handler, Reading, listed, rules
from daneel.alignment.traces.words import IRREGULAR


def _join(how: Literal["and", "or", "implies", "iff", "if", "unless"]) -> Handler:
    def handler(reader: Reading, found: re.Match[str]) -> Formula | None:
        left = reader.clause(found["a"])
        if left is None:
            return None
        a, b = found["a"], found["b"]
        first = _completed(reader, a, b) if re.match(_ACT_ALONE, b) else None
        right = first or reader.clause(b) or _completed(reader, a, b)
        if right is None:
            return None
        if how == "unless":
            return Joined("or", (left, right))
        if how == "if":
            return Joined("implies", (right, left))
        return Joined(how, (left, right))

    return handler


def _completed(reader: Reading, left: str, right: str) -> Formula | None:
    """`the lamp is on or broken`: the second half borrows subject and verb of the first."""
    found = re.match(rf"(.+? {BE}) ", left)
    if found and len(right.split()) <= 3 and (made := reader.clause(f"{found[1]} {right}")):
        return made
    subject = re.match(_ACTS, left)
    return reader.clause(f"{subject[1]} {right}") if subject and re.match(_ACT, right) else None


_ACT = (
    rf"(?:is|are|was|were|has|have|had|does|did|can|will|must|may|\w{{2,}}ed|"
    rf"\w{{2,}}s|{'|'.join(IRREGULAR)})\b"
)
_ACT_ALONE = (
    rf"(?:is|are|was|were|has|have|had|does|did|can|will|must|may|\w{{2,}}ed|\w{{2,}}s(?= (?:the|a|"
    rf"an|to|in|on|at|for|\d|with|from)\b)|{'|'.join(IRREGULAR)})\b"
)
_ACTS = rf"((?:(?:the|a|an|his|her|its) )?[\w'-]+(?: [\w'-]+)??) {_ACT}"


def _deny(reader: Reading, found: re.Match[str]) -> Formula | None:
    part = reader.clause(found["a"])
    return None if part is None else Not(part)


def _affirm(reader: Reading, found: re.Match[str]) -> Formula | None:
    return reader.clause(found["a"])


def _negated(reader: Reading, found: re.Match[str]) -> Formula | None:
    """`the pump does not run`: what is denied is read without the `not`."""
    helper = "" if found["aux"] in ("does", "do", "did") else f" {found['aux']}"
    part = reader.clause(f"{found['x']}{helper} {found['p']}")
    return None if part is None else Not(part)


def _without(reader: Reading, found: re.Match[str]) -> Formula | None:
    """`Ann has no car`: none is had, by number and by word."""
    part = reader.clause(f"{found['x']} {found['verb']} {found['p']}")
    amount = reader.amount(found["x"], found["p"])
    if part is None or amount is None:
        return None
    counted = reader.clause(f"{found['x']} {found['verb']} 0 {found['p']}")
    return Not(part) if counted is None else Joined("and", (Not(part), counted))


def _neither(reader: Reading, found: re.Match[str]) -> Formula | None:
    """`neither A nor B passed`."""
    split = listed(f"{found['a']} and {found['b']}")
    return None if split is None else _none_of(reader, [f"{item} {split[1]}" for item in split[0]])


def _neither_of(reader: Reading, found: re.Match[str]) -> Formula | None:
    """`the cup is neither hot nor full`."""
    return _none_of(reader, [f"{found['x']} {found[k]}" for k in "ab"])


def _none_of(reader: Reading, clauses: list[str]) -> Formula | None:
    parts = [reader.clause(clause) for clause in clauses]
    known = [part for part in parts if part is not None]
    if len(known) != len(clauses):
        return None
    return Joined("and", tuple(Not(part) for part in known))


def _exclusive(reader: Reading, found: re.Match[str]) -> Formula | None:
    left = reader.clause(found["a"])
    right = reader.clause(found["b"]) or _completed(reader, found["a"], found["b"])
    return None if left is None or right is None else Count("=", 1, (left, right))


_COUNTS: dict[str, tuple[HowMany, int]] = {
    "at most": ("<=", 0), "no more than": ("<=", 0), "not more than": ("<=", 0), "up to": ("<=", 0),
    "exactly": ("=", 0), "only": ("=", 0), "just": ("=", 0), "precisely": ("=", 0),
    "fewer than": ("<=", -1), "less than": ("<=", -1), "more than": (">=", 1),
}  # fmt: skip


def _counted(reader: Reading, found: re.Match[str]) -> Formula | None:
    """`exactly two of A, B and C passed`; `some of` is at least one."""
    split = listed(found["list"])
    if split is None:
        if "p" not in found.groupdict():
            return None
        split = listed(f"{found['list']} {found['p']}")
    words = (found["n"] or "one").strip()
    many = {"all": len(split[0]), "both": 2, "none": 0}.get(words) if split else None
    value = number(words)
    if split is None or (many is None and (value is None or value.denominator != 1)):
        return None
    relation, more = _COUNTS.get((found["how"] or "exactly").strip(), (">=", 0))
    clauses = [reader.clause(f"{item} {split[1]}") for item in split[0]]
    known = tuple(part for part in clauses if part is not None)
    total = int(value or 0) if many is None else many
    reader.asked.append((frozenset(map(name, split[0])), split[1]))
    return Count(relation, total + more, known) if len(known) == len(clauses) else None


def _counted_first(reader: Reading, found: re.Match[str]) -> Formula | None:
    """`of A, B and C, exactly two passed`."""
    how = found["how"] or ""
    return reader.clause(f"{how}{found['n']} of {found['list']} {found['p']}")


_SHARED = re.compile(r"\b(?:together|in total|each other|between|same|simultaneously|combined)\b")


def _each(reader: Reading, found: re.Match[str]) -> Formula | None:
    """`A, B and C are open`: said of each."""
    split = listed(found["text"])
    if split is None or _SHARED.search(split[1]):
        return None
    parts = [reader.clause(f"{item} {re.sub('^(?:both|all) ', '', split[1])}") for item in split[0]]
    known = tuple(part for part in parts if part is not None)
    return Joined("and", known) if len(known) == len(parts) else None


def _any_of(reader: Reading, found: re.Match[str]) -> Formula | None:
    """`A or B won`: said of one at least."""
    split = listed(found["text"])
    if split is None:
        return None
    parts = [reader.clause(f"{item} {split[1]}") for item in split[0]]
    known = tuple(part for part in parts if part is not None)
    reader.asked.append((frozenset(map(name, split[0])), split[1]))
    return Joined("or", known) if len(known) == len(parts) else None


def _it_was_any(reader: Reading, found: re.Match[str]) -> Formula | None:
    """`it was Ann, Ben or Kim`; `it was not Ann or Ben` is neither."""
    items = re.split(r",\s*(?:or )?| or ", found["list"])
    if not all(map(is_name, items)):
        return None
    parts = [reader.clause(f"it was {item}") for item in items]
    known = tuple(part for part in parts if part is not None)
    if len(known) != len(parts):
        return None
    if found["no"]:
        return Joined("and", tuple(Not(part) for part in known))
    return Joined("or", known)


_HOW = (
    r"(?P<how>at most |no more than |not more than |no fewer than |no less than |not fewer than |"
    r"not less than |at least |exactly |precisely |only |just |fewer than |less than |more than |"
    r"up to )?"
)
_MANY = r"(?P<n>\d+|one|two|three|four|five|six|seven|eight|nine|ten|none|all|both)"
_IF = r"(?:if|whenever|when|provided that|in case|as soon as|as long as)"
_QUANTIFIED = r"(?!(?:all|every|each|any|no|some|both|neither|either|most|not|everybody|nobody)\b)"

SENTENCES = rules(
    (
        r"it (?:is|was) (?:not (?:true|the case|so|correct)|false|untrue|wrong|incorrect|"
        r"a mistake)(?: to (?:say|claim|think|assume))? that (?P<a>.+)",
        _deny,
    ),
    (r"it (?:is|was) not (?:true|the case) (?P<a>.+)", _deny),
    (r"not (?P<a>(?:all|every|each|everybody|everyone) .+)", _deny),
    (r"it (?:is|was) (?:true|the case|certain|known|clear) that (?P<a>.+)", _affirm),
    (r"(?P<a>.+?) (?:if and only if|iff|exactly when|just in case) (?P<b>.+)", _join("iff")),
    (rf"{_IF} (?P<a>.+?),? then (?P<b>.+)", _join("implies")),
    (rf"{_IF} (?P<a>.+?), (?P<b>.+)", _join("implies")),
    (r"unless (?P<b>.+?), (?P<a>.+)", _join("unless")),
    (r"(?P<a>.+?) (?:implies|means|entails|guarantees)(?: that)? (?P<b>.+)", _join("implies")),
    (r"(?P<a>.+?),? only (?:if|when) (?P<b>.+)", _join("implies")),
    (r"(?P<a>.+?),? unless (?P<b>.+)", _join("unless")),
    (
        r"(?P<a>.+?),? (?:if|whenever|every time|each time|provided that|provided|as soon as|"
        r"as long as) (?P<b>.+)",
        _join("if"),
    ),
    (rf"(?:out )?of (?P<list>.+?), {_HOW}{_MANY} (?P<p>.+)", _counted_first),
    (rf"{_HOW}{_MANY} of (?:the following: |the [\w]+ [\w]+s )?(?P<list>.+)", _counted),
    (r"neither (?P<a>.+?) nor (?P<b>.+)", _neither),
    (r"(?P<x>.+?) neither (?P<a>.+?) nor (?P<b>.+)", _neither_of),
    (r"either (?P<a>.+?),? or (?P<b>.+?),? but not both", _exclusive),
    (r"it (?:is|was) (?P<no>not )?(?:either )?(?P<list>.+ or .+)", _it_was_any),
    (r"(?P<text>either .+? or .+)", _any_of),
    (r"(?P<text>.+ or .+)", _any_of),
    (r"either (?P<a>.+?),? or (?P<b>.+)", _join("or")),
    (r"(?P<a>.+?),? or (?P<b>.+)", _join("or")),
)
"""Tried first: what they join is read by all rules."""

EACH = rules((r"(?P<text>.+,? and .+)", _each))


def _there_are(reader: Reading, found: re.Match[str]) -> Formula | None:
    """`there are two doors, D1 and D2`: each of them is a door."""
    items = re.split(r",\s*(?:and )?| and ", found["list"])
    value = number(found["n"])
    if value is None or len(items) != value:
        return None
    parts = [reader.clause(f"{item} is a {found['k']}") for item in items]
    known = tuple(part for part in parts if part is not None)
    return Joined("and", known) if len(known) == len(parts) else None


LISTED = rules(
    (
        r"(?:there are|we have|i have|consider) (?P<n>\d+|\w+) (?P<k>[\w-]+?)s(?:,| called| named|"
        r":| -)+ (?P<list>[\w-]+(?:, [\w-]+)*,? and [\w-]+)",
        _there_are,
    ),
)
JOINED = rules(
    (r"(?P<a>.+?),? (?:and|but|while|whereas|yet|although) (?P<b>.+)", _join("and")),
)
NEGATIONS = rules(
    (
        rf"{_QUANTIFIED}(?P<x>.+?) (?P<aux>is|are|was|were|does|do|did|has|have|had|can|could|will|"
        rf"would|may|must) not (?P<p>.+)",
        _negated,
    ),
    (rf"{_QUANTIFIED}(?P<x>.+?)(?P<aux>) never (?P<p>.+)", _negated),
    (
        rf"{_QUANTIFIED}(?P<x>.+?) (?P<verb>has|have|had|needs|need|contains|contain|holds|owns|"
        rf"own|carries|wears|makes|shows) no (?P<p>[a-z][\w -]*)",
        _without,
    ),
)
