"""Somebody, nobody, only one, all but one, one of the two: said of whoever it is."""

from __future__ import annotations

import re

from daneel.alignment.traces.formulas import Every, Formula, HowMany, Joined, Not
from daneel.alignment.traces.phrases import name, number
from daneel.alignment.traces.rules import DONE, NAME, Reading, rules
from daneel.alignment.traces.words import EVENTS, NUMBERS


def _only(reader: Reading, found: re.Match[str]) -> Formula | None:
    """`only Kay has the code`."""
    if not reader.proper(found["who"]):
        return None
    said = reader.clause(f"{found['who']} {found['p']}")
    return (
        None
        if said is None
        else Joined("and", (said, Every((), found["p"], False, but=name(found["who"]))))
    )


def _but(reader: Reading, found: re.Match[str]) -> Formula | None:
    """`everyone but Ian came`."""
    said = reader.clause(f"{found['who']} {found['p']}")
    return (
        None
        if said is None
        else Joined("and", (Not(said), Every((), found["p"], True, but=name(found["who"]))))
    )


def _nobody(_: Reading, found: re.Match[str]) -> Formula | None:
    return Every((), re.sub(r"^are\b", "is", found["p"]), False)


def _pair_count(_: Reading, found: re.Match[str]) -> Formula | None:
    """`exactly one of the two switches is on`: filled in when all switches are known."""
    kind, many = found["kind"], number(found["of"])
    value = number(found["n"]) if found["n"] not in ("none", "all", "both", "neither") else None
    if many is None or (value is None and found["n"] not in ("none", "all", "both", "neither")):
        return None
    total = {"none": 0, "neither": 0, "all": int(many), "both": 2}.get(found["n"], int(value or 0))
    said = re.sub(r"^are\b", "is", found["p"])
    words: dict[str, HowMany] = {
        "at least": ">=", "no fewer than": ">=", "no less than": ">=",
        "at most": "<=", "no more than": "<=", "not more than": "<=",
    }  # fmt: skip
    how = words.get((found["how"] or "").strip(), "=")
    return Every((f"is a {kind}",), said, count=(how, total, int(many)))


_SMALL = "|".join(sorted((w for w in NUMBERS if w.isalpha() and w != "no"), key=len, reverse=True))
_ACTS = "|".join((*EVENTS, "turn(?:s|ed)", "switch(?:es|ed)"))
"""What somebody does to a thing changes the thing; who it was does not matter (`events`)."""
INDEFINITE = rules(
    (
        rf"(?:someone|somebody|something) (?P<p>(?!who|that|else|with|in|{_ACTS})(?:is|has|can|"
        rf"{DONE}|\w+s)\b.*)",
        lambda _, found: Every((), found["p"], True, True),
    ),
    (
        r"(?:the set )?(?P<a>\w+) is a subset of (?P<b>\w+)",
        lambda _, found: Every((f"is a member of {found['a']}",), f"is a member of {found['b']}"),
    ),
    (rf"(?:nobody|nothing|none) (?P<p>(?:is|are|has|can|{DONE}|\w+s)\b.*)", _nobody),
    (
        rf"only (?P<who>(?:the )?[\w-]+(?: \d+| [a-z])?) (?P<p>(?:is|has|can|may|knows|was|{DONE}|"
        rf"\w+s)\b.*)",
        _only,
    ),
    (rf"everyone but (?P<who>{NAME}) (?P<p>(?:is|has|can|may|was|{DONE}|\w+s)\b.*)", _but),
    (
        rf"(?P<how>exactly |at least |at most |only |(?:no|not) more than |no fewer than |"
        rf"no less than )?(?P<n>\d+|{_SMALL}|none|all|both|neither) of the (?P<of>\d+|{_SMALL}) "
        rf"(?P<kind>[\w-]+?)(?:es|s) (?P<p>(?:is|are|was|were|{DONE})\b.*)",
        _pair_count,
    ),
)
