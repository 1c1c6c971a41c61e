"""Temporal rules over traces: how they are written, and what they mean on a single trace.

A rule is a formula in Python's own syntax::

    always(height > 0.2)                           never(zone == "stairs" and speed > 0.5)
    until(not grasping, gripper_open)              always(implies(hot, within(3, retreat)))

Operators: `always never eventually next until(a, b) within(k, a)`, `and or not implies(a, b)`,
comparisons of `+ - * /`, `abs`, `min`, `max` over numbers, and of words with `==` and `!=`; a name
alone is a switch. `within(k, a)`: a holds now or in one of the next k steps. `until(a, b)`: b
comes, and a holds before. Nothing else is read: a rule is data, it cannot run code.

Traces are finite. A plan is complete: what has not happened at its end does not happen (linear
temporal logic on finite traces, De Giacomo and Vardi 2013, IJCAI). An imagined rollout is the
beginning of something longer: there a rule is broken only by what was seen, and what is still owed
counts as kept (the weak view of Eisner et al. 2003, CAV). `evaluate` says so in a few lines, and is
what the encoding for z3 is tested against.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from daneel.errors import ConfigError

Value = float | bool | str | tuple[float, float]
"""A number, a switch, a word, or the two ends between which a number lies."""

TEMPORAL = {"always": 1, "eventually": 1, "never": 1, "next": 1, "until": 2, "within": 2}
"""Operators over time and their arguments."""

_FUNCTIONS = {"abs": (1, 1), "min": (2, 9), "max": (2, 9)}
_BINARY = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/"}
_COMPARE = {
    **{ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">="},
    **{ast.Eq: "==", ast.NotEq: "!="},
}


@dataclass(frozen=True)
class Node:
    """A part of a rule: an operator and what it is applied to."""

    kind: str
    """`number word name switch compare + - * / abs min max`, `and or not implies`, or temporal."""
    parts: tuple[Node, ...] = ()
    """What it is applied to."""
    value: Any = None
    """The number, word, name, comparison or k."""


@dataclass(frozen=True)
class Rule:
    """One rule with its name."""

    name: str
    """For logs."""
    text: str
    """As it was written."""
    node: Node
    """As it was read."""


@dataclass(frozen=True)
class Trace:
    """What happens, step by step."""

    steps: tuple[Mapping[str, Value], ...]
    """Values by name; at least one step."""
    complete: bool = True
    """A plan, or an episode that ended. False: a rollout, after which the world goes on."""


def parse_rule(text: str, name: str = "") -> Rule:
    """Read a rule.

    Raises:
        ConfigError: It is not of this language; the message shows what was not understood.
    """
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise _refused(text, f"cannot be read ({error})") from error
    try:
        return Rule(name or text, text, _formula(tree, text))
    except RecursionError as error:
        raise _refused(text[:80], "is nested too deeply") from error


def names_of(node: Node) -> set[str]:
    """Every variable that a rule speaks of."""
    own = {node.value} if node.kind in ("name", "switch") else set()
    return own.union(*(names_of(part) for part in node.parts))


def _formula(tree: ast.expr, text: str) -> Node:
    match tree:
        case ast.BoolOp(op=op, values=values):
            kind = "and" if isinstance(op, ast.And) else "or"
            return Node(kind, tuple(_formula(value, text) for value in values))
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return Node("not", (_formula(operand, text),))
        case ast.Compare():
            return _comparison(tree, text)
        case ast.Name(id=name):
            return Node("switch", value=name)
        case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]):
            return _call(name, arguments, text)
    raise _refused(text, f"has {ast.unparse(tree)!r}, which is no condition")


def _call(name: str, arguments: Sequence[ast.expr], text: str) -> Node:
    wanted = 2 if name == "implies" else TEMPORAL.get(name)
    if wanted is None:
        raise _refused(text, f"has the unknown operator {name!r}")
    if len(arguments) != wanted:
        raise _refused(text, f"gives {name} {len(arguments)} arguments in place of {wanted}")
    if name == "within":
        steps = arguments[0].value if isinstance(arguments[0], ast.Constant) else None
        if type(steps) is not int or not 0 <= steps <= 10_000:
            raise _refused(text, "needs a whole number from 0 to 10000 as the k of within(k, a)")
        return Node("within", (_formula(arguments[1], text),), steps)
    parts = tuple(_formula(argument, text) for argument in arguments)
    return Node("always", (Node("not", parts),)) if name == "never" else Node(name, parts)


def _comparison(tree: ast.Compare, text: str) -> Node:
    sides = [_term(side, text) for side in (tree.left, *tree.comparators)]
    found = []
    for left, op, right in zip(sides, tree.ops, sides[1:], strict=False):
        sign = _COMPARE.get(type(op))
        about_words = "word" in (left.kind, right.kind)
        if sign is None or (about_words and sign not in ("==", "!=")):
            raise _refused(text, f"compares by {type(op).__name__}, which is not possible here")
        if about_words and {left.kind, right.kind} != {"word", "name"}:
            raise _refused(text, "compares a word with something that is no name")
        found.append(Node("compare", (left, right), sign))
    return found[0] if len(found) == 1 else Node("and", tuple(found))


def _term(tree: ast.expr, text: str) -> Node:
    match tree:
        case ast.Constant(value=str(word)):
            return Node("word", value=word)
        case ast.Constant(value=bool(_)):
            pass
        case ast.Constant(value=int(number) | float(number)):
            return Node("number", value=float(number))
        case ast.Name(id=name):
            return Node("name", value=name)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return Node("-", (Node("number", value=0.0), _term(operand, text)))
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _BINARY:
            return Node(_BINARY[type(op)], (_term(left, text), _term(right, text)))
        case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]) if name in _FUNCTIONS:
            least, most = _FUNCTIONS[name]
            if least <= len(arguments) <= most:
                return Node(name, tuple(_term(argument, text) for argument in arguments))
    raise _refused(text, f"has {ast.unparse(tree)!r}, which is no number, name or word")


def _refused(text: str, found: str) -> ConfigError:
    return ConfigError(
        f"The rule {text!r} {found}. Expected a formula like `always(implies(hot, within(3, "
        "retreat)))`. See docs/safety.md for the language."
    )


def evaluate(node: Node, trace: Trace, at: int = 0, weak: bool | None = None) -> bool:
    """Whether a rule holds from a step on, by the definition; numbers must be exact.

    Args:
        node: The rule.
        trace: What happened.
        at: The step.
        weak: What counts beyond the end: True everything, False nothing, None as `trace` says.
    """
    if weak is None and not trace.complete:
        weak = True
    end = len(trace.steps)
    if at >= end:
        return weak is True
    first = node.parts[0] if node.parts else node
    match node.kind:
        case "not":
            return not evaluate(first, trace, at, None if weak is None else not weak)
        case "and":
            return all(evaluate(part, trace, at, weak) for part in node.parts)
        case "or":
            return any(evaluate(part, trace, at, weak) for part in node.parts)
        case "implies":
            given = evaluate(first, trace, at, None if weak is None else not weak)
            return not given or evaluate(node.parts[1], trace, at, weak)
        case "always":
            return all(evaluate(first, trace, i, weak) for i in range(at, end))
        case "next":
            return evaluate(first, trace, at + 1, weak)
        case "eventually":
            return weak is True or any(evaluate(first, trace, i, weak) for i in range(at, end))
        case "within":
            last = at + node.value
            seen = any(evaluate(first, trace, i, weak) for i in range(at, min(last + 1, end)))
            return seen or (last >= end and weak is True)
        case "until":
            for i in range(at, end):
                if evaluate(node.parts[1], trace, i, weak):
                    return True
                if not evaluate(first, trace, i, weak):
                    return False
            return weak is True
        case "switch":
            return bool(trace.steps[at][node.value])
    return _compare(node.value, *(_number(part, trace.steps[at]) for part in node.parts))


def _compare(sign: str, left: Any, right: Any) -> bool:
    return {
        "<": lambda: left < right,
        "<=": lambda: left <= right,
        ">": lambda: left > right,
        ">=": lambda: left >= right,
        "==": lambda: left == right,
        "!=": lambda: left != right,
    }[sign]()


def _number(node: Node, step: Mapping[str, Value]) -> Any:
    if node.kind in ("number", "word"):
        return node.value
    if node.kind == "name":
        return step[node.value]
    values = [_number(part, step) for part in node.parts]
    return {
        "+": lambda a, b: a + b,
        "-": lambda a, b: a - b,
        "*": lambda a, b: a * b,
        "/": lambda a, b: a / b,
        "abs": abs,
        "min": min,
        "max": max,
    }[node.kind](*values)
