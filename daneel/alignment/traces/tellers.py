"""Who says what, who is right, and who it was: sentences about other sentences."""

from __future__ import annotations

import re

from daneel.alignment.traces.formulas import Formula, Joined, Not, Prop
from daneel.alignment.traces.phrases import name
from daneel.alignment.traces.rules import NAME, Reading, rules


def _told(reader: Reading, found: re.Match[str]) -> Formula | None:
    """`Lea says the shop is closed`: nothing yet, until it is said whether she is right."""
    if _NO_TELLER.fullmatch(found["x"]):
        return None
    reader.told[name(found["x"])] = found["p"]
    return Joined("and", ())


_NO_TELLER = re.compile(
    r"(?:the )?(?:log|report|manual|record|operator|sensor|i|we|it|rule|law|display)s?"
)


def _right(reader: Reading, found: re.Match[str]) -> Formula | None:
    """`Lea is right`, `what the porter claims is false`."""
    said = reader.told.get(name(found["x"]))
    formula = None if said is None else reader.clause(said)
    if formula is None:
        return None
    wrong = found["v"] in (
        "wrong",
        "false",
        "mistaken",
        "lying",
        "untrue",
        "incorrect",
        "lies",
        "lied",
        "a liar",
        "not telling the truth",
    )
    return Not(formula) if wrong != bool(found["no"]) else formula


def _it_was(reader: Reading, found: re.Match[str]) -> Formula | None:
    """`it was not the cook`: who did what the alternatives before speak of."""
    who = name(found["a"])
    done = next((done for names, done in reversed(reader.asked) if who in names), None)
    said = None if done is None else reader.clause(f"{found['a']} {done}")
    return Not(said) if said is not None and found["no"] else said


def _lettered(_: Reading, found: re.Match[str]) -> Formula | None:
    """A bare letter is a statement: `p`, `not q`, `R is true`."""
    said: Formula = Prop(f"{found['p']} true")
    denied = bool(found["no"]) != (found["how"] in ("false", "not true"))
    return Not(said) if denied else said


TOLD = rules(
    (
        rf"(?P<x>{NAME}) (?:says|claims|said|claimed|asserts|asserted|insists|insisted|believes|"
        rf"thinks)(?: that)? (?P<p>.+)",
        _told,
    ),
    (
        rf"(?:what )?(?P<x>{NAME})(?: (?:says|claims|said|claimed))? (?:is|was|tells|"
        rf"told)(?P<no> not)? (?P<v>right|correct|true|wrong|false|mistaken|lying|untrue|incorrect|"
        rf"telling the truth|the truth)",
        _right,
    ),
    (rf"(?P<x>{NAME}) (?P<no>)(?P<v>lies|lied)", _right),
    (r"it (?:is|was)(?P<no> not)? (?P<a>(?:the )?[\w]+(?: [\w]+)?)", _it_was),
    (r"(?P<no>not )?(?P<p>aa|[a-z])(?: is (?P<how>true|false|not true))?", _lettered),
)
