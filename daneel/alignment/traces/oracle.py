"""z3 as the judge: which steps of a trace cannot all be true, and the fewest that suffice.

Each step is a named assumption. The solver's unsatisfiable core is then reduced by leaving out one
step at a time, so that what is reported is minimal: without any one of its steps there is no
contradiction. De Moura, Bjorner, "Z3: an efficient SMT solver" (2008).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from daneel.alignment.traces.algebra import split_product
from daneel.alignment.traces.epochs import exclusive_words
from daneel.alignment.traces.events import GROUP
from daneel.alignment.traces.formulas import (
    Compare,
    Count,
    Formula,
    In,
    Joined,
    Linear,
    Not,
    Prop,
    Whole,
)
from daneel.errors import MissingExtraError


def load_z3() -> Any:
    """The solver.

    Raises:
        MissingExtraError: z3 is not installed.
    """
    try:
        import z3
    except ImportError as error:
        raise MissingExtraError(
            "z3 is not installed. Expected the extra that brings it. "
            "Type `pip install 'daneel[verify]'`."
        ) from error
    return z3


@dataclass(frozen=True)
class Answer:
    """What the solver found."""

    conflicts: tuple[frozenset[int], ...]
    """Minimal sets of steps that contradict each other, disjoint; none if it found none."""
    decided: bool
    """False where the solver gave up: then nothing was shown."""


def find_conflicts(
    formulas: Mapping[int, Formula], *, timeout_s: float = 10.0, most: int = 5
) -> Answer:
    """Contradictions among steps, by number; each step is part of one at most.

    Args:
        formulas: What each step says.
        timeout_s: For each question to the solver.
        most: Stops after so many.
    """
    left, found = dict(formulas), []
    encoding = _Encoding(load_z3(), formulas)
    while len(found) < most:
        core = encoding.core(list(left), timeout_s)
        if core is None:
            return Answer(tuple(found), False)
        if not core:
            break
        found.append(frozenset(core))
        left = {step: formula for step, formula in left.items() if step not in core}
    return Answer(tuple(found), True)


_UNSCALED = frozenset({"age", "cost", "temperature", "pressure", "share", "tension", "score"})
"""Dimensions whose usual unit is 1: a bare number of such a thing is meant in it."""


class _Encoding:
    """The formulas of a trace as z3 expressions."""

    def __init__(self, z3: Any, formulas: Mapping[int, Formula]) -> None:
        self.z3 = z3
        self.atoms = list(dict.fromkeys(a for f in formulas.values() for a in _atoms(f)))
        self.whole = {
            part
            for atom in self.atoms
            if isinstance(atom, Whole)
            for key, _ in atom.sum.terms
            for part in split_product(key) or [key]
        }
        self.steps = {step: self.expression(formula) for step, formula in formulas.items()}
        self.background = [*self._places(), *self._colours(), *self._spans()]

    def core(self, steps: list[int], timeout_s: float) -> list[int] | None:
        """A minimal core; empty if there is none, None if the solver gave up."""
        core = self._core(steps, timeout_s)
        for step in list(core or ()):
            assert core is not None
            less = self._core([other for other in core if other != step], timeout_s)
            core = less or core
        return core

    def _core(self, steps: list[int], timeout_s: float) -> list[int] | None:
        solver = self.z3.Solver()
        solver.set("timeout", int(1000 * timeout_s))
        solver.add(*self.background)
        names = {f"step {step}": step for step in steps}
        for name, step in names.items():
            solver.assert_and_track(self.steps[step], name)
        result = solver.check()
        if result == self.z3.unknown:
            return None
        if result == self.z3.sat:
            return []
        return sorted(names[str(name)] for name in solver.unsat_core())

    def expression(self, formula: Formula) -> Any:
        """One formula, without quantifiers."""
        z3 = self.z3
        if isinstance(formula, Prop):
            return z3.Bool(f"{formula.key}@{formula.when}")
        if isinstance(formula, In):
            return z3.Bool(f"in {formula.thing}|{formula.place}@{formula.when}")
        if isinstance(formula, Compare):
            return self._comparison(formula)
        if isinstance(formula, Whole):
            return self._whole(formula.sum)
        if isinstance(formula, Not):
            return z3.Not(self.expression(formula.part))
        assert isinstance(formula, Joined | Count), "quantifiers are filled in before"
        parts = [self.expression(part) for part in formula.parts]
        if isinstance(formula, Count):
            return self._count(formula, parts)
        if formula.how == "implies":
            return z3.Implies(*parts)
        if formula.how == "iff":
            return parts[0] == parts[1]
        return z3.And(*parts) if formula.how == "and" else z3.Or(*parts)

    def _whole(self, linear: Linear) -> Any:
        """By remainders: the solver decides those of whole numbers, not those of real ones."""
        z3 = self.z3
        factors = [linear.constant, *(factor for _, factor in linear.terms)]
        size = math.lcm(*(factor.denominator for factor in factors))
        total = z3.IntVal(int(linear.constant * size))
        for key, factor in linear.terms:
            term = z3.IntVal(int(factor * size))
            for part in split_product(key) or [key]:
                term = term * z3.Int(part)
            total = total + term
        return total % size == 0

    def _comparison(self, formula: Compare) -> Any:
        left, right = self._sum(formula.left), self._sum(formula.right)
        return {
            "<": left < right, "<=": left <= right, "=": left == right,
            "!=": left != right, ">=": left >= right, ">": left > right,
        }[formula.relation]  # fmt: skip

    def _sum(self, linear: Linear) -> Any:
        total = self._number(linear.constant)
        for key, factor in linear.terms:
            # Things are counted in whole numbers; everything else is measured.
            value = self._number(factor)
            for part in split_product(key) or [key]:
                value = value * self._unknown(part)
            total = total + value
        return total

    def _unknown(self, key: str) -> Any:
        # Things are counted in whole numbers; everything else is measured.
        z3, whole = self.z3, key.startswith("count ") or key in self.whole
        return z3.ToReal(z3.Int(key)) if whole else z3.Real(key)

    def _number(self, value: Fraction) -> Any:
        return self.z3.RealVal(f"{value.numerator}/{value.denominator}")

    def _count(self, formula: Count, parts: list[Any]) -> Any:
        weighted = [(part, 1) for part in parts]
        made = {"<=": self.z3.PbLe, "=": self.z3.PbEq, ">=": self.z3.PbGe}[formula.relation]
        return made(weighted, formula.number)

    def _places(self) -> Iterator[Any]:
        """A thing is at one place, unless the trace puts one of the places inside the other."""
        places = [atom for atom in self.atoms if isinstance(atom, In)]
        inside = {(atom.thing, atom.place) for atom in places}
        groups = {a.place.removeprefix(GROUP) for a in places if a.place.startswith(GROUP)}
        for a in places:
            if a.place.startswith(GROUP):
                within = In(a.thing, a.place.removeprefix(GROUP), a.when)
                yield self.z3.Implies(self.expression(a), self.expression(within))
        places = [a for a in places if a.place.removeprefix(GROUP) not in groups]
        for a, b in itertools.combinations(places, 2):
            if (a.thing, a.when) != (b.thing, b.when) or a.place == b.place:
                continue
            if (a.place, b.place) not in inside and (b.place, a.place) not in inside:
                yield self.z3.Not(self.z3.And(self.expression(a), self.expression(b)))

    def _spans(self) -> Iterator[Any]:
        """What begins ends, not before; a bare number of someone with an age is that."""
        keys = {
            key
            for atom in self.atoms
            if isinstance(atom, Compare)
            for key, _ in (*atom.left.terms, *atom.right.terms)
        }
        for key in keys:
            dimension, _, thing = key.partition("|")
            named = {other.partition("|")[0] for other in keys if other.partition("|")[2] == thing}
            own = named & _UNSCALED
            if dimension == "" and len(own) == 1:  # `Ann is 30`, `the rent is 500 euros`
                yield self.z3.Real(key) == self.z3.Real(f"{next(iter(own))}|{thing}")
            if key.startswith("end|"):
                yield self.z3.Real(key) >= self.z3.Real("time|" + key.removeprefix("end|"))

    def _colours(self) -> Iterator[Any]:
        """A thing has one colour, is on one day of the week, and the like."""
        props = [atom for atom in self.atoms if isinstance(atom, Prop)]
        for a, b in itertools.combinations(props, 2):
            first, second = exclusive_words(a.key), exclusive_words(b.key)
            same = first and second and first[0] == second[0] and first[2] == second[2]
            if same and a.when == b.when and first != second:
                yield self.z3.Not(self.z3.And(self.expression(a), self.expression(b)))


def _atoms(formula: Formula) -> Iterator[Prop | In | Compare | Whole]:
    if isinstance(formula, Not):
        yield from _atoms(formula.part)
    elif isinstance(formula, Joined | Count):
        for part in formula.parts:
            yield from _atoms(part)
    else:
        assert isinstance(formula, Prop | In | Compare | Whole)
        yield formula
