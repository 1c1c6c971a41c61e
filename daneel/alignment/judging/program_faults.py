"""Signs of a faulty program, read from its syntax tree; nothing is run."""

from __future__ import annotations

import ast
import builtins
import itertools
from collections.abc import Iterator

SIGNS = (
    "does not parse",
    "uses a name that nobody binds",
    "computes what nobody uses",
    "has code that is never reached",
    "has a loop that cannot end",
    "returns on some paths only",
    "compares a thing with itself",
    "takes an argument it does not use",
    "calls with another number of arguments",
    "has a statement without effect",
    "says a statement twice",
    "hides a builtin",
    "shares a default between calls",
    "swallows every error",
    "does not use its loop's variable",
    "uses a name before it is bound",
    "has two branches that are the same",
)
_ENDS = (ast.Return, ast.Raise, ast.Break, ast.Continue)
_BUILTINS = frozenset(dir(builtins))


def signs(source: str) -> list[tuple[int, str]]:
    """Return (line, sign) of everything odd in a Python program."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        return [(getattr(error, "lineno", None) or 0, SIGNS[0])]
    return [*_names(tree), *(found for node in ast.walk(tree) for found in _of(node, tree))]


def _of(node: ast.AST, tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield the signs of one node."""
    if isinstance(node, ast.FunctionDef):
        yield from _function(node)
    for body in (getattr(node, part, None) for part in ("body", "orelse", "finalbody")):
        if isinstance(body, list):
            yield from _block(body)
    if isinstance(node, ast.While):
        yield from _loop(node)
    if isinstance(node, ast.For):
        yield from _for(node)
    if (
        isinstance(node, ast.Compare)
        and len(node.ops) == 1
        and _same(node.left, node.comparators[0])
    ):
        yield node.lineno, "compares a thing with itself"
    if isinstance(node, ast.If) and node.orelse and _same_all(node.body, node.orelse):
        yield node.lineno, "has two branches that are the same"
    if (
        isinstance(node, ast.ExceptHandler)
        and node.type is None
        and isinstance(node.body[0], ast.Pass)
    ):
        yield node.lineno, "swallows every error"
    if isinstance(node, ast.Call):
        yield from _call(node, tree)


def _function(node: ast.FunctionDef) -> Iterator[tuple[int, str]]:
    used = {name.id for name in ast.walk(node) if isinstance(name, ast.Name)}
    for argument in node.args.args:
        if argument.arg not in used | {"self", "cls"} and not argument.arg.startswith("_"):
            yield node.lineno, "takes an argument it does not use"
    if any(isinstance(default, ast.List | ast.Dict | ast.Set) for default in node.args.defaults):
        yield node.lineno, "shares a default between calls"
    returns = [r for r in _own(node) if isinstance(r, ast.Return)]
    if any(r.value is not None for r in returns) and not _always_ends(node.body):
        yield node.lineno, "returns on some paths only"
    yield from _unused(node, used)


def _unused(node: ast.FunctionDef, used: set[str]) -> Iterator[tuple[int, str]]:
    """Yield names that a function binds and never reads, or reads before it binds them."""
    stores: dict[str, int] = {}
    loads: dict[str, int] = {}
    for name in (n for n in ast.walk(node) if isinstance(n, ast.Name)):
        table = loads if isinstance(name.ctx, ast.Load) else stores
        table[name.id] = min(table.get(name.id, name.lineno), name.lineno)
    loops = {
        n.id
        for f in ast.walk(node)
        if isinstance(f, ast.For | ast.comprehension)
        for n in ast.walk(f.target)
        if isinstance(n, ast.Name)
    }
    arguments = {argument.arg for argument in node.args.args}
    for name, line in stores.items():
        if name not in loads and name not in loops and not name.startswith("_"):
            yield line, "computes what nobody uses"
        elif name in loads and loads[name] < line and name not in arguments | loops:
            yield loads[name], "uses a name before it is bound"
        if name in _BUILTINS:
            yield line, "hides a builtin"


def _block(body: list[ast.stmt]) -> Iterator[tuple[int, str]]:
    for first, second in itertools.pairwise(body):
        if isinstance(first, _ENDS):
            yield second.lineno, "has code that is never reached"
        if _same(first, second) and not isinstance(first, ast.Pass):
            yield second.lineno, "says a statement twice"
    for at, statement in enumerate(body):
        if isinstance(statement, ast.Expr) and isinstance(
            statement.value, ast.Compare | ast.BinOp | ast.Name | ast.Attribute | ast.Subscript
        ):
            yield statement.lineno, "has a statement without effect"
        if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant) and at:
            yield statement.lineno, "has a statement without effect"


def _loop(node: ast.While) -> Iterator[tuple[int, str]]:
    ends = any(
        isinstance(n, ast.Break | ast.Return | ast.Raise)
        for part in node.body
        for n in ast.walk(part)
    )
    asked = {n.id for n in ast.walk(node.test) if isinstance(n, ast.Name)}
    changed = {
        n.id
        for part in node.body
        for n in ast.walk(part)
        if isinstance(n, ast.Name) and not isinstance(n.ctx, ast.Load)
    }
    calls = any(isinstance(n, ast.Call) for n in ast.walk(node.test))
    if not ends and not calls and not (asked & changed):
        yield node.lineno, "has a loop that cannot end"


def _for(node: ast.For) -> Iterator[tuple[int, str]]:
    names = {n.id for n in ast.walk(node.target) if isinstance(n, ast.Name)}
    used = {n.id for part in node.body for n in ast.walk(part) if isinstance(n, ast.Name)}
    if not names & used and not any(name.startswith("_") for name in names):
        yield node.lineno, "does not use its loop's variable"


def _call(node: ast.Call, tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield calls of the program's own functions that cannot bind."""
    if not isinstance(node.func, ast.Name) or any(isinstance(a, ast.Starred) for a in node.args):
        return
    for made in (f for f in tree.body if isinstance(f, ast.FunctionDef) and f.name == node.func.id):
        given = len(node.args) + len(node.keywords)
        most = len(made.args.args) + len(made.args.kwonlyargs)
        least = len(made.args.args) - len(made.args.defaults)
        if not made.args.vararg and not made.args.kwarg and not least <= given <= most:
            yield node.lineno, "calls with another number of arguments"


def _names(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield names that are read and bound nowhere in the program."""
    bound = set(_BUILTINS)
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            bound.add(node.id)
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            bound.add(node.name)
        elif isinstance(node, ast.arg):
            bound.add(node.arg)
        elif isinstance(node, ast.alias):
            bound.add((node.asname or node.name).split(".")[0])
        elif isinstance(node, ast.ExceptHandler) and node.name:
            bound.add(node.name)
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id not in bound:
            yield node.lineno, "uses a name that nobody binds"


def _own(node: ast.FunctionDef) -> Iterator[ast.AST]:
    """Yield the nodes of a function, without those of functions inside it."""
    left: list[ast.AST] = list(node.body)
    while left:
        here = left.pop()
        yield here
        if not isinstance(here, ast.FunctionDef | ast.Lambda):
            left += ast.iter_child_nodes(here)


def _always_ends(body: list[ast.stmt]) -> bool:
    """Whether every path through a block returns or raises."""
    last = body[-1]
    if isinstance(last, ast.Return | ast.Raise):
        return True
    if isinstance(last, ast.If):
        return bool(last.orelse) and _always_ends(last.body) and _always_ends(last.orelse)
    if isinstance(last, ast.While):
        endless = isinstance(last.test, ast.Constant) and bool(last.test.value)
        return endless and not any(
            isinstance(n, ast.Break) for part in last.body for n in ast.walk(part)
        )
    if isinstance(last, ast.With):
        return _always_ends(last.body)
    if isinstance(last, ast.Try):
        return _always_ends(last.body) and all(
            _always_ends(handler.body) for handler in last.handlers
        )
    return False


def _same(first: ast.AST, second: ast.AST) -> bool:
    return ast.dump(first) == ast.dump(second)


def _same_all(first: list[ast.stmt], second: list[ast.stmt]) -> bool:
    return len(first) == len(second) and all(map(_same, first, second))
