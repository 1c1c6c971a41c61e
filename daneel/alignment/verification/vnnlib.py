"""Reads VNN-LIB files: the competition's s-expressions over inputs X_i and outputs Y_j.

Understood: `declare-const X_i Real` (and Y_j), `assert` of any nesting of `and`, `or`, `<=`, `>=`,
`<`, `>`, `=` over numbers, variables, `+`, `-`, `*` and `/` with numbers. The assertions together
say when the property is BROKEN. They are brought into disjunctive normal form; each disjunct is a
box (the inequalities of one input alone) and a polyhedron (the others). Whatever else is in a file
is refused with its line. Format: Guidotti et al. 2023, the VNN-LIB standard; Brix et al. 2023.
"""

from __future__ import annotations

import math
import os
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch

from daneel.alignment.verification.packed import file_bytes
from daneel.alignment.verification.property import Case, Polyhedron, Property
from daneel.errors import ConfigError

MOST_DISJUNCTS = 20_000
"""More than this many boxes and polyhedra are refused."""

_TOKEN = re.compile(r"[()]|[^\s();]+|;[^\n]*|\n")
_VARIABLE = re.compile(r"([XY])_(\d+)")
_SILENT = ("set-logic", "set-info", "set-option", "check-sat", "get-model", "exit")
"""Commands to an SMT solver that assert nothing."""


@dataclass(frozen=True)
class Atom:
    """A token and where it stands."""

    text: str
    line: int


@dataclass(frozen=True)
class Form:
    """A list in parentheses and where it begins."""

    items: tuple[Atom | Form, ...]
    line: int


Expression = Atom | Form


@dataclass(frozen=True)
class Inequality:
    """The sum of factors times variables is at most `offset`."""

    factors: tuple[tuple[str, int, float], ...]
    """Kind (X or Y), index, factor."""
    offset: float
    strict: bool
    line: int


Conjunction = tuple[Inequality, ...]


def read_vnnlib(path: str | os.PathLike[str]) -> Property:
    """The property of a `.vnnlib` or `.vnnlib.gz` file.

    Raises:
        ConfigError: The file is absent, or malformed at the line that the message names.
    """
    path = Path(path)
    return parse_vnnlib(read_text(path), str(path))


def read_text(path: Path) -> str:
    """The text of a file, decompressed where it ends in .gz.

    Raises:
        ConfigError: It is absent, is not text, or is not what its name says.
    """
    try:
        return file_bytes(path).decode("utf-8")
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise ConfigError(
            f"{path} cannot be read: {error}. Expected a text file, or one packed by gzip. "
            "Check the path."
        ) from error


def parse_vnnlib(text: str, origin: str = "the property") -> Property:
    """The property that a text asserts; see `read_vnnlib`."""
    try:
        return _parsed(text, origin)
    except RecursionError as error:
        raise ConfigError(
            f"{origin} nests its parentheses too deeply to be read. Expected a formula of some "
            "levels. Write it flatter."
        ) from error


def _parsed(text: str, origin: str) -> Property:
    inputs: set[int] = set()
    outputs: set[int] = set()
    broken: list[Conjunction] = [()]
    for form in _forms(text, origin):
        head = _head(form, origin)
        if head in _SILENT:
            continue
        if head in ("declare-const", "declare-fun"):
            kind, index = _declared(form, origin)
            (inputs if kind == "X" else outputs).add(index)
        elif head == "assert":
            if len(form.items) != 2:
                raise _refused(origin, form.line, "an assert of not exactly one formula")
            broken = _joined(broken, _disjuncts(form.items[1], origin), origin, form.line)
        else:
            raise _refused(origin, form.line, f"the command {head!r}, which is not known")
    _require_all(inputs, "X", origin)
    _require_all(outputs, "Y", origin)
    cases = _cases(broken, len(inputs), len(outputs), origin)
    return Property(tuple(cases), origin)


# -- s-expressions -------------------------------------------------------------------------------


def _forms(text: str, origin: str) -> Iterator[Form]:
    stack: list[tuple[list[Expression], int]] = []
    line = 1
    for match in _TOKEN.finditer(text):
        token = match.group()
        if token == "\n":
            line += 1
        elif token == "(":
            stack.append(([], line))
        elif token == ")":
            if not stack:
                raise _refused(origin, line, "a closing parenthesis without an opening one")
            items, began = stack.pop()
            form = Form(tuple(items), began)
            if stack:
                stack[-1][0].append(form)
            else:
                yield form
        elif not token.startswith(";"):
            if not stack:
                raise _refused(origin, line, f"{token!r} outside parentheses")
            stack[-1][0].append(Atom(token, line))
    if stack:
        raise _refused(origin, stack[-1][1], "an opening parenthesis that is never closed")


def _head(form: Form, origin: str) -> str:
    if not form.items or not isinstance(form.items[0], Atom):
        raise _refused(origin, form.line, "a list that does not begin with a word")
    return form.items[0].text


def _declared(form: Form, origin: str) -> tuple[str, int]:
    items = list(form.items)
    if _head(form, origin) == "declare-fun" and len(items) == 4:  # (declare-fun X_0 () Real)
        del items[2:3]
    words = [item.text if isinstance(item, Atom) else "" for item in items]
    match = _VARIABLE.fullmatch(words[1]) if len(words) == 3 else None
    if match is None or words[2] != "Real":
        raise _refused(origin, form.line, f"the declaration {' '.join(words)!r}")
    return match.group(1), int(match.group(2))


def _require_all(found: set[int], kind: str, origin: str) -> None:
    if not found:
        raise ConfigError(
            f"{origin} declares no {kind}_i. Expected (declare-const {kind}_0 Real). "
            "Check that the file is VNN-LIB."
        )
    missing = set(range(max(found) + 1)) - found
    if missing:
        raise ConfigError(
            f"{origin} declares {kind}_{max(found)} but not {kind}_{min(missing)}. Expected every "
            "index from 0. Declare them all."
        )


# -- formulas ------------------------------------------------------------------------------------


def _disjuncts(formula: Expression, origin: str) -> list[Conjunction]:
    """The formula in disjunctive normal form."""
    if isinstance(formula, Atom):
        raise _refused(origin, formula.line, f"the formula {formula.text!r}")
    head, parts = _head(formula, origin), formula.items[1:]
    if head == "or":
        found = [c for part in parts for c in _disjuncts(part, origin)]
        if not found:
            raise _refused(origin, formula.line, "an empty or")
        return found
    if head == "and":
        found: list[Conjunction] = [()]
        for part in parts:
            found = _joined(found, _disjuncts(part, origin), origin, formula.line)
        return found
    if head in ("<=", ">=", "<", ">", "="):
        return [_comparison(head, formula, origin)]
    raise _refused(origin, formula.line, f"the connective {head!r}, which is not known")


def _joined(
    left: list[Conjunction], right: list[Conjunction], origin: str, line: int
) -> list[Conjunction]:
    if len(left) * len(right) > MOST_DISJUNCTS:
        raise _refused(origin, line, f"more than {MOST_DISJUNCTS} alternatives")
    return [(*a, *b) for a in left for b in right]


def _comparison(head: str, form: Form, origin: str) -> Conjunction:
    if len(form.items) != 3:
        raise _refused(origin, form.line, f"a {head} of not exactly two terms")
    left, right = (_linear(item, origin) for item in form.items[1:])
    strict = head in ("<", ">")
    if head in (">=", ">"):
        left, right = right, left
    found = (_inequality(left, right, strict, form.line),)
    return (*found, _inequality(right, left, strict, form.line)) if head == "=" else found


Terms = dict[tuple[str, int], float]
"""Factor of each variable; the constant under ("", 0)."""


def _inequality(left: Terms, right: Terms, strict: bool, line: int) -> Inequality:
    keys = {*left, *right} - {("", 0)}
    factors = [(*key, left.get(key, 0.0) - right.get(key, 0.0)) for key in sorted(keys)]
    offset = right.get(("", 0), 0.0) - left.get(("", 0), 0.0)
    return Inequality(tuple(f for f in factors if f[2] != 0), offset, strict, line)


def _linear(term: Expression, origin: str) -> Terms:
    if isinstance(term, Atom):
        return _atom(term, origin)
    head, parts = _head(term, origin), [_linear(item, origin) for item in term.items[1:]]
    if head == "+" and parts:
        return _added(parts)
    if head == "-" and parts:
        negated = [_scaled(part, -1.0) for part in (parts if len(parts) == 1 else parts[1:])]
        return _added(negated if len(parts) == 1 else [parts[0], *negated])
    if head == "*" and parts:
        numbers = [part for part in parts if not set(part) - {("", 0)}]
        others = [part for part in parts if set(part) - {("", 0)}]
        if len(others) <= 1:
            factor = math.prod(part.get(("", 0), 0.0) for part in numbers)
            return _scaled(others[0] if others else {("", 0): 1.0}, factor)
    if head == "/" and len(parts) == 2 and set(parts[1]) == {("", 0)} and parts[1][("", 0)] != 0:
        return _scaled(parts[0], 1 / parts[1][("", 0)])
    raise _refused(origin, term.line, f"a term with {head!r} that is not linear")


def _atom(atom: Atom, origin: str) -> Terms:
    match = _VARIABLE.fullmatch(atom.text)
    if match is not None:
        return {(match.group(1), int(match.group(2))): 1.0}
    try:
        number = float(atom.text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise _refused(origin, atom.line, f"{atom.text!r}, neither a variable nor a finite number")
    return {("", 0): number}


def _added(parts: list[Terms]) -> Terms:
    total: Terms = {}
    for part in parts:
        for key, factor in part.items():
            total[key] = total.get(key, 0.0) + factor
    return total


def _scaled(part: Terms, factor: float) -> Terms:
    return {key: factor * value for key, value in part.items()}


# -- cases ---------------------------------------------------------------------------------------


def _cases(broken: list[Conjunction], inputs: int, outputs: int, origin: str) -> list[Case]:
    """One case for each box; disjuncts of one box share it."""
    found: dict[tuple[tuple[float, ...], tuple[float, ...]], list[Polyhedron]] = {}
    for conjunction in broken:
        box, rest = _split(conjunction, inputs, outputs, origin)
        if any(low > high for low, high in zip(*box, strict=True)) and len(broken) > 1:
            continue  # one alternative that no input meets
        found.setdefault(box, []).extend(_polyhedra(rest, inputs, outputs))
    if not found:
        raise ConfigError(
            f"{origin} has only empty boxes. Expected an input with low <= high. Check its bounds."
        )
    return [
        Case(
            torch.tensor(low, dtype=torch.float64),
            torch.tensor(high, dtype=torch.float64),
            tuple(parts),
        )
        for (low, high), parts in found.items()
    ]


Ends = tuple[tuple[float, ...], tuple[float, ...]]


def _split(
    conjunction: Conjunction, inputs: int, outputs: int, origin: str
) -> tuple[Ends, list[Inequality]]:
    low, high = [-math.inf] * inputs, [math.inf] * inputs
    rest = []
    for item in conjunction:
        for kind, index, _ in item.factors:
            if index >= (inputs if kind == "X" else outputs):
                raise _refused(origin, item.line, f"{kind}_{index}, which is not declared")
        if len(item.factors) == 1 and item.factors[0][0] == "X":
            _, index, factor = item.factors[0]
            end = item.offset / factor
            if item.strict:  # the box has its edges, the unsafe set has not
                rest.append(item)
            if factor > 0:
                high[index] = min(high[index], end)
            else:
                low[index] = max(low[index], end)
        else:
            rest.append(item)
    for index, (start, end) in enumerate(zip(low, high, strict=True)):
        if not (math.isfinite(start) and math.isfinite(end)):
            raise ConfigError(
                f"{origin} does not bound X_{index} on both sides. Expected a finite box. "
                f"Add (assert (>= X_{index} ...)) and (assert (<= X_{index} ...))."
            )
    return (tuple(low), tuple(high)), rest


def _polyhedra(rest: list[Inequality], inputs: int, outputs: int) -> list[Polyhedron]:
    """One polyhedron, which says of each inequality whether it is strict."""
    mixed = any(kind == "X" for item in rest for kind, _, _ in item.factors)
    rows = torch.zeros(len(rest), outputs + (inputs if mixed else 0), dtype=torch.float64)
    for row, item in zip(rows, rest, strict=True):
        for kind, index, factor in item.factors:
            row[index + (outputs if kind == "X" else 0)] = factor
    offsets = torch.tensor([item.offset for item in rest], dtype=torch.float64)
    edges = tuple(item.strict for item in rest)
    same = bool(rest) and all(edges)
    return [Polyhedron(rows, offsets, same, edges if any(edges) and not same else ())]


def _refused(origin: str, line: int, found: str) -> ConfigError:
    return ConfigError(
        f"{origin}, line {line}: {found}. Expected VNN-LIB: declare-const and assert over X_i and "
        "Y_j. Mend that line."
    )
