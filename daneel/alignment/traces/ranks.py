"""First, last, tallest: filled in for all others that the trace compares."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from daneel.alignment.traces.formulas import (
    Compare,
    Count,
    Formula,
    In,
    Joined,
    Linear,
    Most,
    Not,
    atoms,
)
from daneel.alignment.traces.rules import strict

_ANY_VERB = frozenset("come finish end go plac".split())
"""Stems of verbs that say no more than `was`."""


def rank(formulas: list[tuple[int, Formula]]) -> list[tuple[int, Formula]]:
    """Formulas with `Most` filled in for every quantity of its kind in the trace."""
    if not any(isinstance(atom, Most) for _, f in formulas for atom in atoms(f)):
        return formulas
    keys = sorted({key for _, formula in formulas for key in _keys(formula)})
    return [(i, _filled(formula, keys)) for i, formula in formulas]


def _filled(formula: Formula, keys: list[str]) -> Formula:
    if isinstance(formula, Most):
        return _ranked(formula, keys)
    if isinstance(formula, Not):
        return Not(_filled(formula.part, keys))
    if isinstance(formula, Joined):
        return Joined(formula.how, tuple(_filled(part, keys) for part in formula.parts))
    if isinstance(formula, Count):
        parts = tuple(_filled(part, keys) for part in formula.parts)
        return Count(formula.relation, formula.number, parts)
    return formula


def _ranked(most: Most, keys: list[str]) -> Formula:
    """Above all others; for a lower rank, below so many of them."""
    key = _said_otherwise(most.key, keys)
    others = [other for other in keys if _alike(key, other)]
    own = Linear(((key, Fraction(1)),))
    above = [Compare(own, strict(most.sign), Linear(((o, Fraction(1)),))) for o in others]
    if most.rank > 1:
        return Count("=", most.rank - 1, tuple(Not(part) for part in above)) if above else _NOTHING
    if most.group:
        members = [In(other.partition("|")[2], most.group) for other in others]
        pairs = zip(members, above, strict=True)
        return Joined("and", tuple(Joined("implies", pair) for pair in pairs))
    return Joined("and", tuple(above))


_NOTHING = Joined("and", ())


def _said_otherwise(key: str, keys: list[str]) -> str:
    """`Lee came last` in a trace about arriving: when Lee arrived."""
    kind, _, event = key.partition("|")
    *who, verb = event.split()
    if kind != "time" or verb not in _ANY_VERB or not who:
        return key
    own = [k for k in keys if k.startswith(f"time|{' '.join(who)} ") and k != key]
    return own[0] if own else key


def _alike(key: str, other: str) -> bool:
    (kind, _, thing), (kind_, _, thing_) = key.partition("|"), other.partition("|")
    if kind != kind_ or thing == thing_:
        return False
    if kind == "time" and " " in thing:
        return thing.split()[1:] == thing_.split()[1:] or thing.split()[-1:] == thing_.split()[-1:]
    return True


def _keys(formula: Formula) -> Iterator[str]:
    for atom in atoms(formula):
        if isinstance(atom, Most):
            yield atom.key
        elif isinstance(atom, Compare):
            yield from (key for key, _ in (*atom.left.terms, *atom.right.terms))
