"""Equations and what is said of numbers: sums, products, powers, parity, divisibility.

A side of an equation is read as a polynomial; products of unknowns are kept as such and left to the
solver. `n is even` says that n / 2 is whole.

Legend: a monomial is the sorted names of its factors; the empty one is a number.
"""

from __future__ import annotations

import itertools
import re
from fractions import Fraction

from daneel.alignment.traces.formulas import Compare, Formula, Joined, Linear, Not, Whole
from daneel.alignment.traces.phrases import number
from daneel.alignment.traces.rules import NOT, Reading, Relation, plus, quantity, rules, scaled
from daneel.alignment.traces.words import UNITS

Polynomial = dict[tuple[str, ...], Fraction]
PRODUCT = "product: "
"""Begins the name of a product of unknowns; `split_product` takes it apart."""
_TOKEN = re.compile(
    r"\s*(?:(?P<call>[a-z]\w*\([^()]*\))|(?P<number>\d+(?:\.\d+)?)|(?P<sign>[-+*/^()])|"
    r"(?P<name>[a-z][\w']*(?: (?!(?:plus|minus|times|divided|over|squared|cubed|"
    r"mod)\b)[a-z][\w']*)*))"
)
_WORDS = (
    (r"\bplus\b", "+"),
    (r"\bminus\b", "-"),
    (r"\btimes\b|\bmultiplied by\b", "*"),
    (r"\bdivided by\b", "/"),
    (r"\bsquared\b", "^2"),
    (r"\bcubed\b", "^3"),
    (r"\b(?:twice|double)\b", "2 *"),
    (r"\bhalf(?: of)?\b", "0.5 *"),
    (r"\bthe square of (\w+)", r"\1^2"),
    (r"([\d.]+) percent of", r"0.01 * \1 *"),
    (r"\bthe sum of (.+?) and (.+)", r"(\1) + (\2)"),
    (r"\bthe (?:average|mean) of (.+?) and (.+)", r"0.5 * ((\1) + (\2))"),
    (
        r"\bthe product of (.+?) and (.+)",
        r"(\1) * (\2)",
    ),
    (r"\bthe difference (?:of|between) (.+?) and (.+)", r"(\1) - (\2)"),
)
_MOST_POWER = 4


class _Unread(Exception):
    """The text is no polynomial."""


def expression(text: str) -> Linear | None:
    """`2(x + 1) - y^2`, `twice x`, `15 percent of 200`; None for what is none of these."""
    text = text.strip()
    if (whole := number(text)) is not None:
        return Linear((), whole)
    for pattern, sign in _WORDS:
        text = re.sub(pattern, sign, text)
    try:
        parser = _Parser(text)
        found = parser.sum()
        if parser.at < len(parser.tokens):
            return None
    except _Unread:
        return None
    terms = tuple((_key(names), factor) for names, factor in found.items() if names and factor)
    return Linear(terms, found.get((), Fraction(0)))


def _key(names: tuple[str, ...]) -> str:
    return names[0] if len(names) == 1 else PRODUCT + " * ".join(names)


def split_product(key: str) -> list[str] | None:
    """The unknowns of a product; None for a single one."""
    return key.removeprefix(PRODUCT).split(" * ") if key.startswith(PRODUCT) else None


class _Parser:
    """Recursive descent: sum, product, power, atom."""

    def __init__(self, text: str) -> None:
        self.tokens: list[tuple[str, str]] = []
        self.at, place = 0, 0
        while place < len(text):
            found = _TOKEN.match(text, place)
            if found is None:
                raise _Unread
            place = found.end()
            assert found.lastgroup is not None
            self.tokens.append((found.lastgroup, found[found.lastgroup]))

    def sum(self) -> Polynomial:
        """Terms."""
        total = self.product()
        while (sign := self._take("+-")) is not None:
            factor = Fraction(1 if sign == "+" else -1)
            for names, value in self.product().items():
                total[names] = total.get(names, Fraction(0)) + factor * value
        return total

    def product(self) -> Polynomial:
        """Factors; `2 x` and `2(x + 1)` are products too."""
        total = self.power()
        while self.at < len(self.tokens):
            if self._take("*") is not None:
                total = _times(total, self.power())
            elif self._take("/") is not None:
                total = _over(total, self.power())
            elif self.tokens[self.at][0] in ("name", "call") or self.tokens[self.at][1] == "(":
                total = _times(total, self.power())
            else:
                break
        return total

    def power(self) -> Polynomial:
        """An atom, raised to a small whole number or not."""
        if self._take("-") is not None:
            return {names: -value for names, value in self.power().items()}
        base = self.atom()
        if self._take("^") is None:
            return base
        exponent = self.atom().get((), Fraction(-1))
        if exponent.denominator != 1 or not 0 <= exponent <= _MOST_POWER:
            raise _Unread
        total: Polynomial = {(): Fraction(1)}
        for _ in range(int(exponent)):
            total = _times(total, base)
        return total

    def atom(self) -> Polynomial:
        """A number with its unit, a name, or a sum in brackets."""
        if self.at >= len(self.tokens):
            raise _Unread
        kind, text = self.tokens[self.at]
        self.at += 1
        if kind == "number":
            following = self.tokens[self.at] if self.at < len(self.tokens) else ("", "")
            if following[0] == "name" and following[1] in UNITS:
                self.at += 1
                return {(): Fraction(text) * UNITS[following[1]][1]}
            return {(): Fraction(text)}
        if kind == "call":
            return {(f"|{text}",): Fraction(1)}
        if kind == "name":
            return _named(text)
        if text == "(":
            inside = self.sum()
            if self._take(")") is None:
                raise _Unread
            return inside
        raise _Unread

    def _take(self, signs: str) -> str | None:
        if self.at < len(self.tokens) and self.tokens[self.at][0] == "sign":
            text = self.tokens[self.at][1]
            if text in signs:
                self.at += 1
                return text
        return None


def _named(text: str) -> Polynomial:
    found = None if _NO_NAME.search(text) else quantity("", text)
    if found is None:
        raise _Unread
    return {**{(key,): value for key, value in found.terms}, (): found.constant}


def _times(a: Polynomial, b: Polynomial) -> Polynomial:
    total: Polynomial = {}
    for (x, p), (y, q) in itertools.product(a.items(), b.items()):
        names = tuple(sorted((*x, *y)))
        if len(names) > _MOST_POWER:
            raise _Unread
        total[names] = total.get(names, Fraction(0)) + p * q
    return total


def _over(a: Polynomial, b: Polynomial) -> Polynomial:
    value = b.get((), Fraction(0))
    if any(names and factor for names, factor in b.items()) or not value:
        raise _Unread
    return {names: factor / value for names, factor in a.items()}


_NO_NAME = re.compile(
    r"\b(?:and|or|implies|then|is|are|but|so|if|that|than|of them|each|no|not|at least|at most|"
    r"up to)\b"
)
_PHRASES = {
    "=": "is",
    "<": "is less than",
    ">": "is more than",
    "<=": "is at most",
    ">=": "is at least",
    "!=": "is not",
}
_MEASURE = re.compile(r"-?[\d.]+ (?:" + "|".join(sorted(UNITS, key=len, reverse=True)) + r")")


_SIGNS: dict[str, Relation] = {
    "<": "<", "<=": "<=", "=": "=", "!=": "!=", ">=": ">=", ">": ">",
}  # fmt: skip
_SIGN_WORDS: dict[str, Relation] = {"p": ">", "n": "<", "z": "="}
"""First letters of positive, negative, zero."""


def _written(reader: Reading, found: re.Match[str]) -> Formula | None:
    """`a < b = c`: every pair of neighbours."""
    parts = re.split(r"\s*(<=|>=|!=|=|<|>)\s*", found[0])
    pairs: list[Formula] = []
    for left, sign, right in zip(parts[::2], parts[1::2], parts[2::2], strict=False):
        if _MEASURE.fullmatch(right) and re.fullmatch(r"[a-z][a-z ]+", left):
            pair = reader.clause(f"{left} {_PHRASES[sign]} {right}")
        else:
            a, b = expression(left), expression(right)
            pair = None if a is None or b is None else Compare(a, _SIGNS[sign], b)
        if pair is None:
            return None
        pairs.append(pair)
    return pairs[0] if len(pairs) == 1 else Joined("and", tuple(pairs))


def _worded(_: Reading, found: re.Match[str]) -> Formula | None:
    a, b = expression(found["a"]), expression(found["b"])
    both = f"{found['a']} {found['b']}"
    known = re.search(
        r"[+*/^]|\s-\s|\b(?:plus|minus|divided by|multiplied by|squared)\b", both
    ) or (
        re.search(
            r"\b(?:twice|double|half|percent of|sum|product|difference|average|mean|times)\b", both
        )
        and re.fullmatch(r"-?[\d.]+(?: \w+)?", found["b"])
    )
    return Compare(a, "=", b) if known and a is not None and b is not None else None


def _kind_of_number(_: Reading, found: re.Match[str]) -> Formula | None:
    value = expression(found["a"])
    if value is None or not re.fullmatch(
        r"(?:the number )?[a-z]\w?|\d+|[\d\w +*^()-]+", found["a"]
    ):
        return None
    formula = _property(value, found)
    return Not(formula) if formula is not None and found["no"] else formula


def _property(value: Linear, found: re.Match[str]) -> Formula | None:
    said = re.sub(r"^an? ", "", found["p"])
    if said.startswith(("positive", "negative", "zero")):
        return Compare(value, _SIGN_WORDS[said[0]], Linear())
    if said.startswith(("even", "odd")):
        return Whole(scaled(plus(value, Fraction(-1 if said[0] == "o" else 0)), Fraction(1, 2)))
    if said.startswith("prime"):
        return _prime(value)
    by = number(found["by"] or "")
    return Whole(scaled(value, 1 / by)) if by else None


def _prime(value: Linear) -> Formula:
    """Of numbers below 1369: more than 1 and no multiple of a smaller prime."""
    parts: list[Formula] = [Whole(value), Compare(value, ">", Linear((), Fraction(1)))]
    for k in (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31):
        is_k = Compare(value, "=", Linear((), Fraction(k)))
        parts.append(Joined("or", (is_k, Not(Whole(scaled(value, Fraction(1, k)))))))
    return Joined("and", tuple(parts))


def _more_than(_: Reading, found: re.Match[str]) -> Formula | None:
    """`the blue die shows 2 more than the red one`, `n is no more than m`."""
    by, a, b = number(found["by"]), expression(found["a"]), expression(found["b"])
    if by is None or a is None or b is None:
        return None
    if found["by"] == "no":
        if found["w"] in ("larger", "smaller") or _MEASURE.fullmatch(found["b"]):
            return None  # of a size or with a unit: no bare number
        return Compare(a, "<=" if found["w"] in ("more", "greater", "higher") else ">=", b)
    return Compare(
        a, "=", plus(b, by if found["w"] in ("more", "greater", "higher", "larger") else -by)
    )


ALGEBRA = rules(
    (
        r"(?P<a>.+?) (?:is|shows?|reads?|equals|displays?) (?P<by>-?\d[\d.]*|[a-z]+) (?P<w>more|"
        r"less|fewer|greater|higher|larger|lower|smaller) than (?P<b>.+)",
        _more_than,
    ),
    (r"[^<>=!]+?\s*(?:<=|>=|!=|=|<|>)\s*[^<>=!].*", _written),
    (
        rf"(?P<a>.+?) (?:is|must be){NOT} (?P<p>(?:an? )?(?:even|odd|prime|positive|negative|zero|"
        rf"(?:divisible by|a multiple of) (?P<by>\w+)))(?: (?:number|integer))?",
        lambda reader, found: _kind_of_number(reader, found),
    ),
    (r"(?P<a>.+?) (?:is equal to|equals|equal|is|makes|gives|are) (?P<b>.+)", _worded),
)
