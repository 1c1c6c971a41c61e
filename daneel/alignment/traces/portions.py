"""Parts of a whole: so many of them, a share of them, the rest, so many in each."""

from __future__ import annotations

import re
from fractions import Fraction

from daneel.alignment.traces.amounts import HERE, WHAT, kind
from daneel.alignment.traces.formulas import Compare, Formula, Joined, Linear
from daneel.alignment.traces.phrases import number
from daneel.alignment.traces.rules import AMOUNT, BOUND, Reading, compare, relation, rules, scaled
from daneel.alignment.traces.words import NUMBERS, SHARES

TOTAL = "in total"
"""Owner of what is counted over all that hold some of it."""


def _sharing(reader: Reading, found: re.Match[str]) -> Formula | None:
    """`20 of the seats are taken`, `half of them`, `25 % of the seats`, `no seat is free`."""
    part = reader.amount(HERE, f"{found['what']} {found['p']}")
    whole = reader.amount(HERE, found["what"])
    share = _share(found["n"])
    if part is None or whole is None:
        return None
    if share is not None:
        return Compare(part, relation(found["bound"]), scaled(whole, share))
    value = number(found["n"])
    return compare(part, relation(found["bound"]), None if value is None else Linear((), value))


def _share(text: str) -> Fraction | None:
    if found := re.fullmatch(r"([\d.]+|[a-z]+) ?(?:%|per ?cent)", text):
        value = number(found[1])
        return None if value is None else value / 100
    return SHARES.get(text)


def _each_has(reader: Reading, found: re.Match[str]) -> Formula | None:
    """`each box holds 6 eggs`: so many times as many eggs as boxes in all."""
    value, what = number(found["n"]), kind(found["what"])
    total, boxes = reader.amount(TOTAL, found["what"]), reader.amount(HERE, found["k"])
    if value is None or what is None or total is None or boxes is None:
        return None
    reader.rate(what)
    said: Formula = Compare(total, "=", scaled(boxes, value))
    if found.groupdict().get("m") and (many := number(found["m"])) is not None:
        said = Joined("and", (said, Compare(boxes, "=", Linear((), many))))
    return said


def _in_total(reader: Reading, found: re.Match[str]) -> Formula | None:
    value, what = number(found["n"]), kind(found["what"])
    if value is None or what is None:
        return None
    total = reader.amount(TOTAL if reader.rated(what) else HERE, found["what"])
    return compare(total, relation(found["bound"]), Linear((), value))


def _rest(reader: Reading, found: re.Match[str]) -> Formula | None:
    """`the rest are boys`: the whole less the parts that were named."""
    if (known := reader.parts()) is None:
        return None
    counted = reader.recalled(None, known[0])
    whole = reader.amount(counted[1] if counted else HERE, known[0])
    last = found["p"] if found.groupdict().get("are") is None else f"{known[0]} {found['p']}"
    named = [reader.amount(HERE, part) for part in (*known[1], last)]
    amounts = [amount for amount in named if amount is not None]
    if whole is None or len(amounts) != len(named):
        return None
    return Compare(Linear(tuple(t for a in amounts for t in a.terms)), "=", whole)


def _part_of(reader: Reading, found: re.Match[str]) -> Formula | None:
    """`18 of them are girls`."""
    what = found["what"]
    if what in ("them", "these", "those"):
        known = reader.recalled(None)
        if known is None:
            return None
        what = known[0]
    value, share, part = number(found["n"]), _share(found["n"]), reader.amount(HERE, found["p"])
    whole = reader.amount(HERE, what)
    if part is None or whole is None or (value is None and share is None):
        return None
    reader.part(what, found["p"])
    right = Linear((), value or Fraction(0)) if share is None else scaled(whole, share)
    return Joined(
        "and", (Compare(part, relation(found["bound"]), right), Compare(part, "<=", whole))
    )


_GONE = re.compile(
    r"(?:was|were|been|got) (?:eaten|drunk|consumed|sold|stolen|removed|discarded|spent|shipped|"
    r"added|delivered)"
)


def _changed(reader: Reading, whole: tuple[str, str], found: re.Match[str]) -> bool:
    """Whether it tells how many came or went, or, after such a change, how many are left.

    What was eaten is there no longer; what is broken is. `Are left` says how many there are now;
    where nothing is known to have gone, something has that was not understood.
    """
    if found["p"] != "left":
        return found["p"] is not None and _GONE.search(found[0]) is not None
    now = reader.amount(whole[1], whole[0])
    return now is not None and any("@" in key for key, _ in now.terms)


def _parts_are(reader: Reading, found: re.Match[str]) -> Formula | None:
    """`4 tests failed`, `3 eggs are broken`: so many of those that were counted."""
    value, what = number(found["n"]), found["what"]
    part = f"{what} {found['p'] or found['q']}"
    amount, whole = reader.amount(HERE, part), reader.recalled(None, what)
    if value is None or amount is None:
        return None
    if whole is not None and _changed(reader, whole, found):
        return None
    reader.part(what, part)
    said: Formula = Compare(amount, relation(found["bound"]), Linear((), value))
    total = reader.amount(whole[1], what) if whole else None
    return said if total is None else Joined("and", (said, Compare(amount, "<=", total)))


_MANY = r"(?P<n>\d+|" + "|".join(w for w in NUMBERS if w.isalpha() and w != "no") + ")"
RATES = rules(
    (
        rf"(?:each|every|one)(?: of the (?P<m>\d+|\w+))? (?P<k>[a-z][\w-]*) (?:holds|contains|has|"
        rf"carries|seats) {BOUND} ?{_MANY} (?P<what>[a-z][\w -]*)",
        _each_has,
    ),
    (
        rf"there (?:is|are) (?P<m>\d+|\w+) (?P<k>[a-z][\w-]*) (?:with|of|holding|"
        rf"containing) {BOUND} ?{_MANY} (?P<what>[a-z][\w -]*?) (?:each|apiece)",
        _each_has,
    ),
    (
        rf"(?:there (?:is|are)|that makes|we have|this makes) {BOUND} ?{_MANY} "
        rf"(?P<what>[a-z][\w -]*?) (?:in total|altogether|overall|in all|total)",
        _in_total,
    ),
    (
        rf"the total (?:number|amount|count) of (?P<what>[a-z][\w -]*?) is {BOUND} ?{_MANY}",
        _in_total,
    ),
    (
        r"(?:the )?(?:rest|others|remaining ones|remainder|other ones)(?: of (?:them|"
        r"the \w+))? (?:is|are|was|were) (?P<p>[a-z][\w -]*s)",
        _rest,
    ),
    (
        r"(?:all )?(?:the )?(?:rest|others|remaining ones|remainder|other ones)(?: of (?:them|"
        r"the \w+))? (?P<are>is |are |was |were |)(?P<p>[a-z][\w -]*)",
        _rest,
    ),
    (
        rf"{BOUND} ?{_MANY} (?P<what>[a-z][\w-]*s) (?:(?:are|were|have been|got) (?P<p>[\w-]+)|"
        rf"(?P<q>\w{{2,}}ed|went|came|got \w+|broke|fell))",
        _parts_are,
    ),
    (
        rf"{BOUND} ?(?P<n>\w+|[\d.]+ percent) of (?:the |these )?(?P<what>[a-z][\w -]*?) (?:are|"
        rf"were) (?P<p>[a-z][\w-]*s)",
        _part_of,
    ),
)
_SHARE = "|".join(sorted(SHARES, key=len, reverse=True))
PORTIONS = rules(
    (
        rf"{BOUND} ?(?P<n>{_SHARE}|[\d.]+ ?%|\w+ per ?cent|\w+) of (?:the |these )?{WHAT} (?:are|"
        rf"is|were|was) (?P<p>[\w-]+)",
        _sharing,
    ),
    (rf"{BOUND} ?{AMOUNT} {WHAT} (?:are|is|were|was) (?P<p>[\w-]+)", _sharing),
)
