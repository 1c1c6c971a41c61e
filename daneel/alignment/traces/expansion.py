"""Quantified sentences filled in for every thing that the trace names.

When the whole trace is read, the words of a quantified sentence are filled in for every thing that
any sentence speaks of, and read like any other sentence. `Some` has a witness without a name, of
which all rules hold.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from daneel.alignment.traces.formulas import (
    Compare,
    Count,
    Every,
    Formula,
    In,
    Joined,
    Not,
    Prop,
    atoms,
)
from daneel.alignment.traces.phrases import name, stem, stems

WITNESS = "unnamed thing"
"""Begins the name of a thing whose existence a sentence says."""
Read = Callable[[str], Formula | None]


def expand(
    formulas: Iterable[tuple[int, Formula]], read: Read, names: dict[str, str]
) -> list[tuple[int, Formula]]:
    """Formulas with every quantifier filled in.

    Args:
        formulas: By step.
        read: Reads a sentence about a thing.
        names: Stems of a thing and its name as the trace has it.
    """
    formulas = list(formulas)
    quantified = [a for _, f in formulas for a in atoms(f) if isinstance(a, Every)]
    if not quantified:
        return formulas
    found = _things([f for _, f in formulas], quantified)
    things = sorted({names.get(thing, thing) for thing in found})
    witnesses = [
        f"{WITNESS} {i}" for i, a in enumerate(quantified) if a.some or not _said_once(formulas, a)
    ]
    number = {id(a): f"{WITNESS} {i}" for i, a in enumerate(quantified)}
    return [(i, _filled(f, [*things, *witnesses], number, read)) for i, f in formulas]


def _said_once(formulas: list[tuple[int, Formula]], atom: Every) -> bool:
    """Whether a sentence is the quantifier itself, not its denial."""
    return any(f is atom for _, f in formulas)


def _filled(
    formula: Formula, things: list[str], number: dict[int, str], read: Read, denied: bool = False
) -> Formula:
    if isinstance(formula, Not):
        return Not(_filled(formula.part, things, number, read, not denied))
    if isinstance(formula, Joined):
        parts = (_filled(part, things, number, read, denied) for part in formula.parts)
        return Joined(formula.how, tuple(parts))
    if isinstance(formula, Count):
        parts = (_filled(part, things, number, read, denied) for part in formula.parts)
        return Count(formula.relation, formula.number, tuple(parts))
    if not isinstance(formula, Every):
        return formula
    if formula.some:
        # That one exists is said by the witness; that none does, by every thing.
        about = things if denied else [number[id(formula)]]
        cases = [_case(formula, thing, read) for thing in about]
        return Joined("or", tuple(Joined("and", case) for case in cases))
    if formula.count is not None:
        return _numbered(formula, things, read)
    about = [number[id(formula)]] if denied else [t for t in things if name(t) != formula.but]
    cases = [_case(formula, thing, read) for thing in about]
    return Joined("and", tuple(Joined("implies", (Joined("and", c[:-1]), c[-1])) for c in cases))


def _numbered(formula: Every, things: list[str], read: Read) -> Formula:
    """`exactly one of the two switches is on`, if the trace names two switches and no more."""
    assert formula.count is not None
    relation, how_many, of_all = formula.count
    kind = formula.conditions[0].removeprefix("is a ")
    named = [thing for thing in things if _named_so(thing, kind)]
    if len(named) != of_all and not (relation == "=" and how_many == 0):
        return Joined("and", ())
    return Count(relation, how_many, tuple(_meets(thing, formula.said, read) for thing in named))


def _case(formula: Every, thing: str, read: Read) -> tuple[Formula, ...]:
    """What the conditions and the claim say of one thing."""
    parts = [_meets(thing, condition, read) for condition in formula.conditions]
    said = _meets(thing, formula.said, read)
    return (*parts, said if formula.holds else Not(said))


def _meets(thing: str, said: str, read: Read) -> Formula:
    noun = said.removeprefix("is a ").removeprefix("is an ")
    if noun != said and _named_so(thing, noun):
        return Joined("and", ())
    formula = read(f"{thing} {said}")
    plain = formula is not None and not any(isinstance(a, Every) for a in atoms(formula))
    return formula if formula is not None and plain else Prop(stems(f"{thing} {said}"))


def _named_so(thing: str, noun: str) -> bool:
    """`sensor 7` is a sensor, `the red lamp` a lamp."""
    words = [stem(word) for word in name(thing).split() if not word.isdigit()]
    return bool(words) and not thing.startswith(WITNESS) and words[-1] == stem(noun.split()[-1])


def _things(formulas: list[Formula], quantified: list[Every]) -> set[str]:
    """Stems of what stands before a quantified verb phrase in some sentence."""
    phrases = {stems(p) for a in quantified for p in (*a.conditions, a.said)} - {""}
    found: set[str] = set()
    for formula in formulas:
        for atom in atoms(formula):
            if isinstance(atom, Prop):
                for phrase in phrases:
                    if atom.key.endswith(" " + phrase):
                        found.add(atom.key[: -len(phrase) - 1])
            elif isinstance(atom, In):
                if atom.thing.startswith("holder|"):
                    found.add(stems(atom.place))
                elif "|" not in atom.thing:
                    found.add(stems(atom.thing))
            elif isinstance(atom, Compare):
                owners = (key.partition("|")[2] for key, _ in (*atom.left.terms, *atom.right.terms))
                found |= {stems(owner) for owner in owners if owner}
    return found - {""}
