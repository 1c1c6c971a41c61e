"""Sentences about how many: owned, left, shared, summed, and changed by what happens."""

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
    quantity,
    relation,
    rules,
    scaled,
)
from daneel.alignment.traces.words import NUMBERS, SHARES, TIMES

HERE = "here"
"""Owner of things that nobody is said to have."""
_HAS = (
    r"(?:now )?(?:has|have|had|owns|own|owned|holds|hold|held|contains|contain|contained|carries|"
    r"carry|stores|store|stored|keeps|keep|kept)"
)
_WHAT = r"(?P<what>[a-z][\w -]*?)"


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


def _owns_more(reader: Reading, found: re.Match[str]) -> Formula | None:
    a, b = (reader.amount(found[k], found["what"]) for k in "ab")
    if a is None or b is None:
        return None
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


def _sum(_: Reading, found: re.Match[str]) -> Formula | None:
    parts = [quantity("", part) for part in re.split(r",\s*(?:and )?| and | plus ", found["list"])]
    known, other = [part for part in parts if part is not None], _expression(found["b"])
    if len(known) != len(parts) or other is None:
        return None
    total = Linear(
        tuple(term for part in known for term in part.terms),
        sum((part.constant for part in known), Fraction(0)),
    )
    return Compare(total, "=", other)


def _expression(text: str) -> Linear | None:
    """`2 x + y - 3`: sums of names and numbers, a factor in front of a name."""
    terms: list[tuple[str, Fraction]] = []
    constant = Fraction(0)
    for sign, part in re.findall(
        r"([+-]|\bplus\b|\bminus\b)?\s*([^+-]+?)\s*(?=[+-]|\bplus\b|\bminus\b|$)", text.strip()
    ):
        factor = Fraction(-1 if sign in ("-", "minus") else 1)
        product = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(?:\*|times)?\s*([a-z].*)", part)
        times = Fraction(product[1]) if product else Fraction(1)
        found = quantity("", product[2] if product else part)
        if found is None or re.search(r"[*/^]", part.replace("*", "", 1) if product else part):
            return None
        terms += [(key, value * factor * times) for key, value in found.terms]
        constant += found.constant * factor
    return Linear(tuple(terms), constant) if terms or text.strip() else None


def _worded(_: Reading, found: re.Match[str]) -> Formula | None:
    bound = {"equals": "equal to", "exceeds": "more than"}.get(found["bound"], found["bound"])
    sign = relation(bound.removeprefix("is "))
    return compare(_expression(found["a"]), sign, _expression(found["b"]))


def _kind(text: str) -> str | None:
    """A kind of things in stems; None for what is no kind."""
    text = re.sub(r" (?:in total|altogether|overall|in all)$", "", text)
    if re.search(r"\b(?:and|then|than|or|who|that|which)\b", text):
        return None
    found = stems(re.sub(r"^(?:more|fewer|less|of|the) ", "", text))
    return found if found and len(found.split()) <= 4 else None


kind = _kind
_LEFT = r"(?:remain|remains|are left|is left|are left over|are still there|were left)"
_IN = r"(?: (?:in|on|at|inside|within|with|for|from) (?P<a>.+))?"
_GONE = (
    r"(?:is|are|was|were|have been|has been|get|got) (?:(?:shipped|removed|sold|stolen|eaten|"
    r"lost|sent|moved|carried|driven)(?: away| out| off)?|"
    r"(?:taken|used|thrown) (?:away|out|up|off)|taken(?= (?:from|out)))"
)
_COME = r"(?:is|are|was|were|have been|has been) (?:added|delivered|brought|put|moved|placed)"
_TAKES = r"loses|lost|eats|ate|sells|sold|spends|spent|uses|used|drops|dropped|consumes|consumed"
_GETS = (
    r"buys|bought|gets|got|receives|received|finds|found|gains|gained|collects|collected|wins|"
    r"won|earns|earned|makes|made|bakes|baked|picks|picked|adds|added"
)

WRITTEN = rules(
    (r"the (?:sum|total) of (?P<list>.+?) (?:is|equals|is equal to) (?P<b>.+)", _sum),
)
COUNTS = rules(
    (
        rf"there (?:is|are|was|were) {AMOUNT} {_WHAT}, each of (?:which|them) (?:is|are) (?:either "
        r")?(?P<p>[\w-]+) or (?P<q>[\w-]+)",
        _parted,
    ),
    (
        rf"(?:(?:together|in total|combined|between them),? )?(?P<list>.+ and .+?) (?:together |in "
        rf"total )?{_HAS}(?: together| in total| a total of| between them)* {BOUND} ?{AMOUNT} "
        rf"{_WHAT}(?: together| in total| between them| altogether| combined)?",
        _together,
    ),
    (
        rf"(?P<a>.+?) {_HAS} (?:(?P<times>twice|half|double|thrice|three times|four times) )?"
        rf"(?:exactly )?as many {_WHAT} as (?P<b>.+?)(?: does| do| has| have)?",
        _owns_times,
    ),
    (
        rf"(?P<a>.+?) {_HAS} (?:{AMOUNT} )?(?P<word>more|fewer|less) {_WHAT} than "
        r"(?P<b>.+?)(?: does| do| has| have)?",
        _owns_more,
    ),
    (
        rf"(?P<a>.+?) {_HAS} {AMOUNT} {_WHAT} (?P<word>more|fewer|less) than "
        r"(?P<b>.+?)(?: does| do| has| have)?",
        _owns_more,
    ),
    (
        rf"(?P<a>.+?) {_HAS} {BOUND} ?{AMOUNT} {_WHAT}(?: left| now| in stock| in total| "
        rf"altogether| "
        rf"overall)?",
        _owned,
    ),
    (
        rf"there (?:is|are|was|were) {BOUND} ?{AMOUNT} {_WHAT}(?: (?:in|on|at|inside) (?P<a>.+))?",
        _there,
    ),
    (rf"{BOUND} ?{AMOUNT}(?: of (?:them|these))?(?: {_WHAT})? {_LEFT}{_IN}", _owned),
    (rf"(?P<bound>){AMOUNT} {_WHAT} (?:are|is) in (?P<a>.+)", _owned),
    (
        rf"{AMOUNT}(?: of (?:them|these|the))?(?: {_WHAT})? (?:{_GONE}|leave|left)"
        r"(?: from| out of)?(?: (?P<a>the .+?|\w+))?(?: (?:to|for|by|away) .+)?",
        _dealt(-1),
    ),
    (
        rf"{AMOUNT}(?: (?:more|further|new))?(?: {_WHAT})? {_COME}(?: to| into| in)?"
        r"(?: (?P<a>the .+|\w+))?",
        _dealt(1),
    ),
    (
        rf"(?P<a>.+?) (?:{_TAKES}|gives away|gave away|throws away) {AMOUNT}(?: of (?:them|the))?"
        rf"(?: {_WHAT})?",
        _dealt(-1),
    ),
    (
        rf"(?P<b>.+?) (?:{_GETS}|takes|took|borrows|borrowed) {AMOUNT} {_WHAT} from (?P<a>.+)",
        _handed,
    ),
    (rf"(?P<a>.+?) (?:{_GETS}) {AMOUNT}(?: more)?(?: {_WHAT})?", _dealt(1)),
    (rf"(?P<a>.+?) (?:is|are|was|were) left with {BOUND} ?{AMOUNT} {_WHAT}", _owned),
    (
        rf"(?P<a>.+?) (?:gives|gave|hands|handed|sends|sent|lends|lent) (?P<b>\w+) {AMOUNT} "
        r"(?P<what>[a-z][\w -]*)",
        _handed,
    ),
    (
        rf"(?P<a>.+?) (?:gives|gave|hands|handed|sends|sent|lends|lent) {AMOUNT}(?: of (?:them|"
        rf"these)"
        rf")? to (?P<b>[\w ]+)",
        _handed,
    ),
    (
        rf"(?P<a>.+?) (?:gives|gave|hands|handed|sends|sent|lends|lent) {AMOUNT} {_WHAT} to "
        r"(?P<b>.+)",
        _handed,
    ),
)


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


def _parts_are(reader: Reading, found: re.Match[str]) -> Formula | None:
    """`4 tests failed`, `3 eggs are broken`: so many of those that were counted."""
    value, what = number(found["n"]), found["what"]
    part = f"{what} {found['p'] or found['q']}"
    amount, whole = reader.amount(HERE, part), reader.recalled(None, what)
    if value is None or amount is None:
        return None
    reader.part(what, part)
    said: Formula = Compare(amount, relation(found["bound"]), Linear((), value))
    total = reader.amount(whole[1], what) if whole else None
    return said if total is None else Joined("and", (said, Compare(amount, "<=", total)))


TOTAL = "in total"
"""Owner of what is counted over all that hold some of it."""
_MANY = r"(?P<n>\d+|" + "|".join(w for w in NUMBERS if w.isalpha() and w != "no") + ")"
RATES = rules(
    (
        rf"(?:each|every|one)(?: of the (?P<m>\d+|\w+))? (?P<k>[a-z][\w-]*) (?:holds|contains|has|"
        rf"carries|seats) {BOUND} ?{_MANY} (?P<what>[a-z][\w -]*)",
        _each_has,
    ),
    (
        rf"there (?:is|are) (?P<m>\d+|\w+) (?P<k>[a-z][\w-]*) (?:with|of|holding|containing) "
        rf"{BOUND} "
        rf"?{_MANY} (?P<what>[a-z][\w -]*?) (?:each|apiece)",
        _each_has,
    ),
    (
        rf"(?:there (?:is|are)|that makes|we have|this makes) {BOUND} ?{_MANY} (?P<what>[a-z][\w "
        rf"-]*?) (?:in total|altogether|overall|in all|total)",
        _in_total,
    ),
    (
        rf"the total (?:number|amount|count) of (?P<what>[a-z][\w -]*?) is {BOUND} ?{_MANY}",
        _in_total,
    ),
    (
        r"(?:the )?(?:rest|others|remaining ones|remainder|other ones)(?: of (?:them|the \w+))? "
        r"(?:is|are|was|were) (?P<p>[a-z][\w -]*s)",
        _rest,
    ),
    (
        r"(?:all )?(?:the )?(?:rest|others|remaining ones|remainder|other ones)(?: of (?:them|the "
        r"\w"
        r"+))? (?P<are>is |are |was |were |)(?P<p>[a-z][\w -]*)",
        _rest,
    ),
    (
        rf"{BOUND} ?{_MANY} (?P<what>[a-z][\w-]*s) (?:(?:are|were) (?P<p>[\w-]+)|(?P<q>\w{{2,}}ed|"
        rf"went|came|got \w+|broke|fell))",
        _parts_are,
    ),
    (
        rf"{BOUND} ?(?P<n>\w+|[\d.]+ percent) of (?:the |these )?(?P<what>[a-z][\w -]*?) (?:are|"
        rf"were)"
        rf" (?P<p>[a-z][\w-]*s)",
        _part_of,
    ),
)
_SHARE = "|".join(sorted(SHARES, key=len, reverse=True))
PORTIONS = rules(
    (
        rf"{BOUND} ?(?P<n>{_SHARE}|[\d.]+ ?%|\w+ per ?cent|\w+) of (?:the |these )?{_WHAT} "
        r"(?:are|is|were|was) (?P<p>[\w-]+)",
        _sharing,
    ),
    (rf"{BOUND} ?{AMOUNT} {_WHAT} (?:are|is|were|was) (?P<p>[\w-]+)", _sharing),
)
EQUATIONS = rules(
    (
        r"(?P<a>.+?) (?P<bound>equals|exceeds|is equal to|is at least|is at "
        r"most|is no more than|is no less than) (?P<b>.+)",
        _worded,
    ),
)
