"""Sentences about how many: owned, left, and changed by what happens."""

from __future__ import annotations

import re
from fractions import Fraction

from daneel.alignment.traces.formulas import Compare, Formula, Joined, Linear, Not
from daneel.alignment.traces.phrases import number, stems
from daneel.alignment.traces.rules import (
    AMOUNT,
    BOUND,
    Handler,
    Reading,
    compare,
    plus,
    relation,
    rules,
    scaled,
)
from daneel.alignment.traces.words import TIMES

HERE = "here"
"""Owner of things that nobody is said to have."""
_HAS = (
    r"(?:now )?(?:has|have|had|owns|own|owned|holds|hold|held|contains|contain|contained|carries|"
    r"carry|stores|store|stored|keeps|keep|kept)"
)
WHAT = r"(?P<what>[a-z][\w -]*?)"


def _owned(reader: Reading, found: re.Match[str]) -> Formula | None:
    """`Ann has at least 3 apples`, `3 apples are left in the box`."""
    value, said = number(found["n"]), found.groupdict()
    owner, what = said.get("a"), said.get("what")
    if value is None:
        return None
    if what is None or owner is None:
        known = reader.recalled(owner, what)
        if known is None:
            return None
        what, owner = known
    left = reader.amount(owner, what)
    if left is not None:
        reader.counted(what, owner)
    formula = compare(left, relation(found["bound"]), Linear((), value))
    if formula is not None and found["n"] == "no" and len(owner.split()) <= 3:
        return Joined("and", (formula, Not(reader.prop(f"{owner} has {what}"))))
    return formula


def _there(reader: Reading, found: re.Match[str]) -> Formula | None:
    """`there are 3 apples in the box`: what the box holds."""
    value, owner = number(found["n"]), found["a"] or HERE
    left = reader.amount(owner, found["what"])
    if value is None or left is None:
        return None
    reader.counted(found["what"], owner)
    return Compare(left, relation(found["bound"]), Linear((), value))


def _parted(reader: Reading, found: re.Match[str]) -> Formula | None:
    """`there are 40 seats, each of which is either taken or free`."""
    whole = reader.clause(f"there are {found['n']} {found['what']}")
    total = reader.amount(HERE, found["what"])
    parts = [reader.amount(HERE, f"{found['what']} {found[k]}") for k in "pq"]
    known = [part for part in parts if part is not None]
    if whole is None or total is None or len(known) != 2:
        return None
    both = Linear(tuple(term for part in known for term in part.terms))
    return Joined("and", (whole, Compare(both, "=", total)))


def _owns_more(reader: Reading, found: re.Match[str]) -> Formula | None:
    a, b = (reader.amount(found[k], found["what"]) for k in "ab")
    if a is None or b is None:
        return None
    if found["n"] == "no":  # no more nuts than Ben: as many at most
        return Compare(a, "<=" if found["word"] == "more" else ">=", b)
    if found["n"]:
        value = number(found["n"])
        if value is None:
            return None
        return Compare(a, "=", plus(b, value * (1 if found["word"] == "more" else -1)))
    return Compare(a, ">" if found["word"] == "more" else "<", b)


def _owns_times(reader: Reading, found: re.Match[str]) -> Formula | None:
    a, b = (reader.amount(found[k], found["what"]) for k in "ab")
    if a is None or b is None:
        return None
    times = Fraction(TIMES[found["times"]]) if found["times"] else Fraction(1)
    return Compare(a, "=", scaled(b, times))


def _together(reader: Reading, found: re.Match[str]) -> Formula | None:
    value = number(found["n"])
    owners = re.split(r",\s*(?:and )?| and ", found["list"])
    amounts = [reader.amount(owner, found["what"]) for owner in owners]
    known = [amount for amount in amounts if amount is not None]
    if value is None or len(known) != len(owners) or len(known) < 2:
        return None
    total = Linear(tuple(term for amount in known for term in amount.terms))
    return Compare(total, relation(found["bound"]), Linear((), value))


def _dealt(sign: int) -> Handler:
    """So many come or go."""

    def handler(reader: Reading, found: re.Match[str]) -> Formula | None:
        said, value = found.groupdict(), number(found["n"])
        known = reader.recalled(said.get("a"), said.get("what"))
        if value is None or known is None:
            return None
        return reader.dealt(known[1], known[0], sign * value)

    return handler


def _handed(reader: Reading, found: re.Match[str]) -> Formula | None:
    """`Ann gives Ben 3 apples`: what one has less, the other has more."""
    value, what = number(found["n"]), found.groupdict().get("what")
    if what is None and (recalled := reader.recalled(found["a"])) is not None:
        what = recalled[0]
    if value is None or what is None:
        return None
    parts = (reader.dealt(found["a"], what, -value), reader.dealt(found["b"], what, value))
    known = tuple(part for part in parts if part is not None)
    return Joined("and", known) if len(known) == 2 else None


def kind(text: str) -> str | None:
    """A kind of things in stems; None for what is no kind."""
    text = re.sub(r" (?:in total|altogether|overall|in all)$", "", text)
    if re.search(r"\b(?:and|then|than|or|who|that|which)\b", text):
        return None
    found = stems(re.sub(r"^(?:more|fewer|less|of|the) ", "", text))
    return found if found and len(found.split()) <= 4 else None


_LEFT = r"(?:remain|remains|are left|is left|are left over|are still there|were left)"
_IN = r"(?: (?:in|on|at|inside|within|with|for|from) (?P<a>.+))?"
_GONE = (
    r"(?:is|are|was|were|have been|has been|get|got) (?:(?:shipped|removed|sold|stolen|eaten|drunk|"
    r"consumed|discarded|spent|lost|sent|moved|carried|driven)(?: away| out| off)?|(?:taken|used|"
    r"thrown) (?:away|out|up|off)|taken(?= (?:from|out)))"
)
_COME = r"(?:is|are|was|were|have been|has been) (?:added|delivered|brought|put|moved|placed)"
_TAKES = r"loses|lost|eats|ate|sells|sold|spends|spent|uses|used|drops|dropped|consumes|consumed"
_GETS = (
    r"buys|bought|gets|got|receives|received|finds|found|gains|gained|collects|collected|wins|won|"
    r"earns|earned|makes|made|bakes|baked|picks|picked|adds|added"
)
COUNTS = rules(
    (
        rf"there (?:is|are|was|were) {AMOUNT} {WHAT}, each of (?:which|them) (?:is|"
        rf"are) (?:either )?(?P<p>[\w-]+) or (?P<q>[\w-]+)",
        _parted,
    ),
    (
        rf"(?:(?:together|in total|combined|between them),? )?(?P<list>.+ and .+?) (?:together |"
        rf"in total )?{_HAS}(?: together| in total| a total of| between "
        rf"them)* {BOUND} ?{AMOUNT} {WHAT}(?: together| in total| between them| altogether|"
        rf" combined)?",
        _together,
    ),
    (
        rf"(?P<a>.+?) {_HAS} (?:(?P<times>twice|half|double|thrice|three times|four times) "
        rf")?(?:exactly )?as many {WHAT} as (?P<b>.+?)(?: does| do| has| have)?",
        _owns_times,
    ),
    (
        rf"(?P<a>.+?) {_HAS} (?:{AMOUNT} )?(?P<word>more|fewer|"
        rf"less) {WHAT} than (?P<b>.+?)(?: does| do| has| have)?",
        _owns_more,
    ),
    (
        rf"(?P<a>.+?) {_HAS} {AMOUNT} {WHAT} (?P<word>more|fewer|less) than (?P<b>.+?)(?: does| do|"
        rf" has| have)?",
        _owns_more,
    ),
    (
        rf"(?P<a>.+?) {_HAS} {BOUND} ?{AMOUNT} {WHAT}(?: left| now| in stock| in total| altogether|"
        rf" overall)?",
        _owned,
    ),
    (
        rf"there (?:is|are|was|were) {BOUND} ?{AMOUNT} {WHAT}(?: (?:in|on|at|inside) (?P<a>.+))?",
        _there,
    ),
    (rf"{BOUND} ?{AMOUNT}(?: of (?:them|these))?(?: {WHAT})? {_LEFT}{_IN}", _owned),
    (rf"(?P<bound>){AMOUNT} {WHAT} (?:are|is) in (?P<a>.+)", _owned),
    (
        rf"{AMOUNT}(?: of (?:them|these|the))?(?: {WHAT})? (?:{_GONE}|leave|left)(?: from|"
        rf" out of)?(?: (?P<a>the .+?|\w+))?(?: (?:to|for|by|away) .+)?",
        _dealt(-1),
    ),
    (
        rf"{AMOUNT}(?: (?:more|further|new))?(?: {WHAT})? {_COME}(?: to| into|"
        rf" in)?(?: (?P<a>the .+|\w+))?",
        _dealt(1),
    ),
    (
        rf"(?P<a>.+?) (?:{_TAKES}|gives away|gave away|throws away) {AMOUNT}(?: of (?:them|"
        rf"the))?(?: {WHAT})?",
        _dealt(-1),
    ),
    (
        rf"(?P<b>.+?) (?:{_GETS}|takes|took|borrows|borrowed) {AMOUNT} {WHAT} from (?P<a>.+)",
        _handed,
    ),
    (rf"(?P<a>.+?) (?:{_GETS}) {AMOUNT}(?: more)?(?: {WHAT})?", _dealt(1)),
    (rf"(?P<a>.+?) (?:is|are|was|were) left with {BOUND} ?{AMOUNT} {WHAT}", _owned),
    (
        rf"(?P<a>.+?) (?:gives|gave|hands|handed|sends|sent|lends|"
        rf"lent) (?P<b>\w+) {AMOUNT} (?P<what>[a-z][\w -]*)",
        _handed,
    ),
    (
        rf"(?P<a>.+?) (?:gives|gave|hands|handed|sends|sent|lends|lent) {AMOUNT}(?: of (?:them|"
        rf"these))? to (?P<b>[\w ]+)",
        _handed,
    ),
    (
        rf"(?P<a>.+?) (?:gives|gave|hands|handed|sends|sent|lends|"
        rf"lent) {AMOUNT} {WHAT} to (?P<b>.+)",
        _handed,
    ),
)
