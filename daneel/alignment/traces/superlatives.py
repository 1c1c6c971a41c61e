"""First and last, tallest and second oldest, and what is between two others."""

from __future__ import annotations

import re

from daneel.alignment.traces.formulas import Compare, Formula, Joined, Most, Not
from daneel.alignment.traces.order import event_of
from daneel.alignment.traces.phrases import name, stem
from daneel.alignment.traces.rules import DONE, NAME, NOT, Reading, quantity, rules
from daneel.alignment.traces.words import ADJECTIVES, DIMENSIONS

_SUPERLATIVE = re.compile(r"(?:most|least) (\w+)|(\w{2,})est")
_RANKS = {
    "first": 1,
    "second": 2,
    "third": 3,
    "fourth": 4,
    "fifth": 5,
    "last": -1,
    "second to last": -2,
}
_EVERYONE = re.compile(
    r"(?:of |among |in |out of )?(?:the |them |all |these |those )*(?:(?:two|three|four|five|six|"
    r"\d+)\b.*|all|them|us|group|lot|set|bunch|everyone)?"
)


def _dimension(word: str) -> tuple[str, int]:
    """What a superlative ranks: `tallest`, `most expensive`, `biggest`."""
    found = _SUPERLATIVE.fullmatch(word)
    assert found is not None
    if found[1]:
        sign = -1 if word.startswith("least") else 1
        if f"more {found[1]}" in DIMENSIONS:
            return DIMENSIONS[f"more {found[1]}"][0], sign
        return ADJECTIVES.get(found[1], stem(found[1])), sign
    comparative = found[2] + "er"
    if comparative in DIMENSIONS:
        return DIMENSIONS[comparative]
    return stem(comparative), 1


def _most(_: Reading, found: re.Match[str]) -> Formula | None:
    """`Kim is the tallest of the three`, `the second oldest is Bo` is not read."""
    dimension, sign = _dimension(found["word"])
    value = quantity(dimension, found["a"])
    if value is None or not value.terms or dimension in ("", "time"):
        return None
    group = found["group"] or ""
    rank = _RANKS.get((found["rank"] or "first").strip(), 1)
    within = (
        ""
        if _EVERYONE.fullmatch(group.strip())
        else name(re.sub(r"^(?:in|of|among|on) ", "", group.strip()))
    )
    formula = Most(value.terms[0][0], sign, rank, within)
    return Not(formula) if found["no"] else formula


def _ranked(_: Reading, found: re.Match[str]) -> Formula | None:
    """`Tom arrived first`, `Lee came last`, `Anna finished second`."""
    verb = found["verb"]
    event = name(found["a"]) if verb in ("is", "was") else f"{name(found['a'])} {verb}"
    value = quantity("time", event_of(event))
    if value is None or not value.terms or len(found["a"].split()) > 4:
        return None
    rank = _RANKS[found["rank"]]
    return Most(value.terms[0][0], -1 if rank > 0 else 1, abs(rank))


def _between(_: Reading, found: re.Match[str]) -> Formula | None:
    """In a row: left of one and right of the other."""
    x, a, b = (quantity("x", found[k]) for k in "xab")
    if x is None or a is None or b is None:
        return None
    ways = [Joined("and", (Compare(p, "<", x), Compare(x, "<", q))) for p, q in ((a, b), (b, a))]
    return Joined("or", tuple(ways))


SUPERLATIVES = rules(
    (
        rf"(?P<a>{NAME}) (?:is|was|are){NOT} (?:the |by far the )?(?P<rank>second |"
        rf"third )?-?(?P<word>(?:most|least) \w+|\w{{2,}}est)(?: (?:one|person|child|of all|"
        rf"student|runner|building|thing|box|player|object|team|item|planet|city|river|member|boy|"
        rf"girl|man|woman))?(?P<group> (?:of|in|among|on) [\w ]+)?",
        _most,
    ),
    (
        rf"(?P<a>{NAME}) (?P<verb>came|arrived|finished|started|left|ended|is|was|went|"
        rf"ended up|{DONE})(?: in)? (?P<rank>first|second|third|fourth|fifth|last|"
        rf"second to last)(?: place| in line| in the (?:race|queue|line)|of all)?",
        _ranked,
    ),
    (
        rf"(?P<x>{NAME}) (?:is|sits|stands|lies|was|are) (?:located |right |"
        rf"directly )?between (?P<a>{NAME}) and (?P<b>{NAME})",
        _between,
    ),
)
