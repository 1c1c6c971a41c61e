"""Sums and equations in words: `the sum of a and b is 9`, `2 x + y exceeds 5`."""

from __future__ import annotations

import re
from fractions import Fraction

from daneel.alignment.traces.formulas import Compare, Formula, Linear
from daneel.alignment.traces.rules import Reading, compare, quantity, relation, rules


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


WRITTEN = rules((r"the (?:sum|total) of (?P<list>.+?) (?:is|equals|is equal to) (?P<b>.+)", _sum))
EQUATIONS = rules(
    (
        r"(?P<a>.+?) (?P<bound>equals|exceeds|is equal to|is at least|is at most|is no more than|"
        r"is no less than) (?P<b>.+)",
        _worded,
    )
)
