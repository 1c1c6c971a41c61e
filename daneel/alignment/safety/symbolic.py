"""Rules held against traces by z3: for every value that a trace allows, not only for its middle.

A world model is not sure of what it imagines, so a number of a trace may be an interval. z3 answers
for all of it at once: the rule holds (no values break it), is violated (no values keep it), or is
open (some do, some do not): then the values that break it are the witness.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from daneel.alignment.finding import Verdict
from daneel.alignment.safety.rules import Node, Rule, Trace, names_of
from daneel.errors import ConfigError, MissingExtraError, nearest


@dataclass(frozen=True)
class RuleFinding:
    """What z3 says about one rule on one trace."""

    rule: str
    """Its name."""
    verdict: Verdict
    """holds, violated, or unknown: open, or not decided in time."""
    witness: dict[str, Any] | None = None
    """Values that break it, `name@step`, where it does not hold."""


def check_rules(rules: Sequence[Rule], trace: Trace, timeout_ms: int = 2_000) -> list[RuleFinding]:
    """Every rule on a trace.

    Args:
        rules: What must be kept.
        trace: What is planned or imagined.
        timeout_ms: For each question to z3; what takes longer is unknown.

    Raises:
        ConfigError: A rule speaks of what the trace does not have, or has as another kind.
        MissingExtraError: z3 is not installed.
    """
    if not trace.steps:
        raise ConfigError("The trace has no step. Expected at least one. Imagine further.")
    encoder = Encoder(trace)
    return [_check(rule, encoder, timeout_ms) for rule in rules]


def contradiction(rules: Sequence[Rule]) -> list[str] | None:
    """Names of rules that no trace keeps together; None if one does.

    Tried are traces of one step and of as many as the rules look ahead, and two more.

    Raises:
        MissingExtraError: z3 is not installed.
    """
    z3 = load_z3()
    found: set[str] = set()
    for length in (2 + sum(_depth(rule.node) for rule in rules), 1):
        encoder, solver = Encoder(None, length), z3.Solver()
        for number, rule in enumerate(rules):
            solver.assert_and_track(encoder.encode(rule.node, 0, None), f"rule{number}")
        if solver.check() != z3.unsat:
            return None
        found = found or {str(name) for name in solver.unsat_core()}
    return [rule.name for number, rule in enumerate(rules) if f"rule{number}" in found]


def load_z3() -> Any:
    """The module.

    Raises:
        MissingExtraError: It is not installed.
    """
    try:
        import z3
    except ImportError as error:
        raise MissingExtraError(
            "Rules over plans need the Python package 'z3', which is not installed. It comes with "
            "the extra 'verify'. Type `pip install \"daneel[verify]\"`."
        ) from error
    return z3


def _check(rule: Rule, encoder: Encoder, timeout_ms: int) -> RuleFinding:
    z3 = load_z3()
    # Refuting `keeps` under the weak view is what breaking the rule means.
    keeps = encoder.encode(rule.node, 0, encoder.weak)
    solver = z3.Solver()
    solver.set("timeout", timeout_ms)
    solver.add(*encoder.facts(names_of(rule.node)))
    solver.push()
    solver.add(z3.Not(keeps))
    broken = solver.check()
    if broken == z3.unsat:
        return RuleFinding(rule.name, "holds")
    if broken != z3.sat:
        return RuleFinding(rule.name, "unknown")
    witness = encoder.values(solver.model(), names_of(rule.node))
    solver.pop()
    solver.add(keeps)
    verdict: Verdict = "violated" if solver.check() == z3.unsat else "unknown"
    return RuleFinding(rule.name, verdict, witness)


class Encoder:
    """Rules as z3 formulas over one trace.

    Args:
        trace: The trace; None leaves every value free.
        length: Steps of a free trace.
    """

    def __init__(self, trace: Trace | None, length: int = 0) -> None:
        """Nothing is encoded yet."""
        self._z3, self._trace = load_z3(), trace
        self._end = length if trace is None else len(trace.steps)
        self._words: dict[str, int] = {}
        self.weak = True if trace is not None and not trace.complete else None

    def facts(self, names: set[str]) -> list[Any]:
        """What the trace says about these variables.

        Raises:
            ConfigError: A value is missing or not a number, an interval, a switch or a word.
        """
        assert self._trace is not None
        found = []
        for at, step in enumerate(self._trace.steps):
            for name in sorted(names):
                if name not in step:
                    near = nearest(name, step) or sorted(step)[:3]
                    raise ConfigError(
                        f"A rule speaks of {name!r}, which step {at} of the trace does not have. "
                        f"Nearest: {', '.join(near)}. Correct the rule or add it to the trace."
                    )
                found += self._fact(name, at, step[name])
        return found

    def _fact(self, name: str, at: int, value: Any) -> list[Any]:
        z3 = self._z3
        if isinstance(value, bool):
            return [z3.Bool(f"{name}@{at}:switch") == value, self._real(name, at) == int(value)]
        if isinstance(value, str):
            return [z3.Int(f"{name}@{at}:word") == self._word(value)]
        low, high = value if isinstance(value, tuple) else (value, value)
        if not (math.isfinite(low) and math.isfinite(high) and low <= high):
            raise ConfigError(
                f"{name!r} is {value!r} in step {at} of the trace. Expected a finite number, or "
                "two with low <= high. A model that imagines this cannot be judged."
            )
        real = self._real(name, at)
        return [real >= self._exact(low), real <= self._exact(high)]

    def values(self, model: Any, names: set[str]) -> dict[str, Any]:
        """What a model of z3 says about variables, as plain data."""
        words = {code: word for word, code in self._words.items()}
        found: dict[str, Any] = {}
        for symbol in model.decls():
            label, _, kind = str(symbol).partition(":")
            if label.partition("@")[0] not in names:
                continue
            value = model[symbol]
            if kind == "word":
                found[label] = words.get(value.as_long(), "another word")
            elif kind == "switch":
                found[label] = self._z3.is_true(value)
            elif label not in found:
                found[label] = float(value.as_fraction())
        return dict(sorted(found.items()))

    def encode(self, node: Node, at: int, weak: bool | None) -> Any:
        """The formula of `rules.evaluate`, for values that may be free."""
        z3, end = self._z3, self._end
        if at >= end:
            return z3.BoolVal(weak is True)
        opposite = None if weak is None else not weak
        first = node.parts[0] if node.parts else node
        match node.kind:
            case "not":
                return z3.Not(self.encode(first, at, opposite))
            case "and":
                return z3.And([self.encode(part, at, weak) for part in node.parts])
            case "or":
                return z3.Or([self.encode(part, at, weak) for part in node.parts])
            case "implies":
                given = self.encode(first, at, opposite)
                return z3.Implies(given, self.encode(node.parts[1], at, weak))
            case "next":
                return self.encode(first, at + 1, weak)
            case "always":
                return z3.And([self.encode(first, i, weak) for i in range(at, end)])
            case "eventually":
                seen = [self.encode(first, i, weak) for i in range(at, end)]
                return z3.Or([*seen, z3.BoolVal(weak is True)])
            case "within":
                last = at + node.value
                seen = [self.encode(first, i, weak) for i in range(at, min(last + 1, end))]
                return z3.Or([*seen, z3.BoolVal(last >= end and weak is True)])
            case "until":
                return self._until(node, at, weak)
            case "switch":
                return z3.Bool(f"{node.value}@{at}:switch")
        return self._comparison(node, at)

    def _until(self, node: Node, at: int, weak: bool | None) -> Any:
        """From the end to the beginning: b now, or a now and the rest later."""
        found = self._z3.BoolVal(weak is True)
        for i in reversed(range(at, self._end)):
            first, second = (self.encode(part, i, weak) for part in node.parts)
            found = self._z3.Or(second, self._z3.And(first, found))
        return found

    def _comparison(self, node: Node, at: int) -> Any:
        left, right = node.parts
        if "word" in (left.kind, right.kind):
            name, word = (left, right) if right.kind == "word" else (right, left)
            same = self._z3.Int(f"{name.value}@{at}:word") == self._word(word.value)
            return same if node.value == "==" else self._z3.Not(same)
        a, b = self._term(left, at), self._term(right, at)
        signs = {"<": a < b, "<=": a <= b, ">": a > b, ">=": a >= b, "==": a == b, "!=": a != b}
        return signs[node.value]

    def _term(self, node: Node, at: int) -> Any:
        z3 = self._z3
        if node.kind == "number":
            return self._exact(node.value)
        if node.kind == "name":
            return self._real(node.value, at)
        values = [self._term(part, at) for part in node.parts]
        if node.kind == "abs":
            return z3.If(values[0] >= 0, values[0], -values[0])
        if node.kind in ("min", "max"):
            best = values[0]
            for other in values[1:]:
                ahead = other < best if node.kind == "min" else other > best
                best = z3.If(ahead, other, best)
            return best
        a, b = values
        return {"+": a + b, "-": a - b, "*": a * b}[node.kind] if node.kind != "/" else a / b

    def _real(self, name: str, at: int) -> Any:
        return self._z3.Real(f"{name}@{at}")

    def _exact(self, value: float) -> Any:
        """A float as the fraction that it is."""
        numerator, denominator = float(value).as_integer_ratio()
        return self._z3.Q(numerator, denominator)

    def _word(self, word: str) -> int:
        return self._words.setdefault(word, len(self._words))


def _depth(node: Node) -> int:
    own = {"next": 1, "within": node.value, "eventually": 1, "until": 1}.get(node.kind, 0)
    return own + max((_depth(part) for part in node.parts), default=0)


def as_trace(steps: Sequence[Mapping[str, Any]], complete: bool) -> Trace:
    """A trace from plain data: numpy scalars become numbers, pairs become intervals."""
    return Trace(tuple({k: _plain(v) for k, v in step.items()} for step in steps), complete)


def _plain(value: Any) -> Any:
    if isinstance(value, str | bool):
        return value
    if isinstance(value, tuple | list) and len(value) == 2:
        return float(value[0]), float(value[1])
    item: Any = getattr(value, "item", lambda: value)()
    return item if isinstance(item, bool) else float(item)
