"""Properties in YAML: ten lines for what people ask of a policy.

::

    name: the torque keeps its limits
    inputs: {low: [-1, -1, -8], high: [1, 1, 8]}   # or `inputs: declared`
    outputs: {low: [-2], high: [2]}                # every output stays within

or, in the place of `outputs`, `unsafe`: a list of what must never happen; each item is one
inequality or a list of inequalities that together are unsafe, linear in y0, y1, ... and x0, x1, ...

::

    unsafe:
      - y0 >= y1
      - [y2 >= 0.5, x3 <= 0]

or `rate`, `monotonic` or `symmetry`, which compare two inputs (`relation_file`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from daneel import config
from daneel.alignment.verification.property import Case, Polyhedron, Property, stay_within
from daneel.alignment.verification.relation import Relation
from daneel.alignment.verification.relation_file import KINDS, parse_relation
from daneel.alignment.verification.relation_file import refused as _refused

_SAYS = ("outputs", "unsafe", *KINDS)
_KEYS = {"name", "inputs", "tolerance", *_SAYS}
_TERM = re.compile(r"\s*([+-]?)\s*(?:(\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+)\s*\*?\s*)?(?:([xy])(\d+))?")


def load_property(
    path: str | Path, outputs: int, declared: tuple[Tensor, Tensor] | None = None
) -> Property | Relation:
    """The property of a YAML file.

    Args:
        path: The file.
        outputs: How many outputs the network has.
        declared: The box that `inputs: declared` stands for.

    Raises:
        ConfigError: The file is absent or not of this form; the message says where.
    """
    data = config.load_yaml(str(path))
    unknown = sorted(set(data) - _KEYS)
    says = [key for key in _SAYS if key in data]
    if unknown or len(says) != 1:
        wrong = f"the key {unknown[0]!r}" if unknown else f"{' and '.join(says) or 'none'} of them"
        raise _refused(str(path), f"has {wrong}", f"name, inputs, and one of {', '.join(_SAYS)}")
    low, high = _box(path, data.get("inputs"), declared)
    name = str(data.get("name", Path(path).stem))
    if says[0] in KINDS:
        return parse_relation(str(path), data, low, high, outputs, name)
    if "tolerance" in data:
        raise _refused(str(path), f"has a tolerance for {says[0]}", "none")
    if "outputs" in data:
        ends = _ends(path, "outputs", data["outputs"], outputs)
        return stay_within(low, high, *ends, name=name)
    parts = _unsafe(path, data["unsafe"], outputs, len(low))
    return Property((Case(low, high, tuple(parts)),), name)


def _box(path: str | Path, given: Any, declared: tuple[Tensor, Tensor] | None) -> Any:
    if given == "declared":
        if declared is None:
            raise _refused(
                str(path), "asks for the declared inputs of a file that has none", "low and high"
            )
        return declared[0].double(), declared[1].double()
    return _ends(path, "inputs", given, None)


def _ends(path: str | Path, key: str, given: Any, size: int | None) -> tuple[Tensor, Tensor]:
    if not isinstance(given, Mapping) or not set(given) <= {"low", "high"} or not given:
        raise _refused(str(path), f"has {key}: {given!r}", f"{key}: {{low: [...], high: [...]}}")
    if size is None and set(given) != {"low", "high"}:
        raise _refused(str(path), f"bounds {key} on one side", "low and high")
    size = len(next(iter(given.values()))) if size is None else size
    found = []
    for end, free in (("low", -torch.inf), ("high", torch.inf)):
        values = given.get(end, [free] * size)
        if not isinstance(values, Sequence) or len(values) != size or not _numbers(values):
            raise _refused(str(path), f"has {key}.{end}: {values!r}", f"{size} numbers")
        found.append(torch.tensor([float(value) for value in values], dtype=torch.float64))
    return found[0], found[1]


def _numbers(values: Sequence[Any]) -> bool:
    return all(isinstance(v, int | float) and not isinstance(v, bool) and v == v for v in values)


def _unsafe(path: str | Path, given: Any, outputs: int, inputs: int) -> list[Polyhedron]:
    if not isinstance(given, list) or not given:
        raise _refused(str(path), f"has unsafe: {given!r}", "a list of inequalities")
    parts = []
    for item in given:
        lines = item if isinstance(item, list) else [item]
        found = [_inequality(path, line, outputs, inputs) for line in lines]
        rows, offsets = zip(*found, strict=True)
        joined = torch.stack(rows)
        if not bool(joined[:, outputs:].any()):
            joined = joined[:, :outputs]
        parts.append(Polyhedron(joined, torch.tensor(offsets, dtype=torch.float64)))
    return parts


def _inequality(path: str | Path, line: Any, outputs: int, inputs: int) -> tuple[Tensor, float]:
    sides = re.split(r"(<=|>=)", line) if isinstance(line, str) else []
    if len(sides) != 3:
        raise _refused(str(path), f"has the inequality {line!r}", "one like `y0 - 2 y1 >= 0.5`")
    left, right = (_linear(path, side, outputs, inputs) for side in (sides[0], sides[2]))
    sign = 1.0 if sides[1] == "<=" else -1.0
    total = sign * (left - right)
    if not bool(total[:-1].any()):
        raise _refused(
            str(path), f"has the inequality {line!r} of no variable", "one over y0, y1, ..."
        )
    return total[:-1], -float(total[-1])


def _linear(path: str | Path, text: str, outputs: int, inputs: int) -> Tensor:
    """Factors of y0.., x0.., and the constant last."""
    total = torch.zeros(outputs + inputs + 1, dtype=torch.float64)
    place, stripped = 0, text.strip()
    while place < len(stripped):
        match = _TERM.match(stripped, place)
        if match is None or match.end() == place or not (match.group(2) or match.group(3)):
            raise _refused(str(path), f"has the term {stripped!r}", "sums like `y0 - 2 y1 + 0.5`")
        if place > 0 and not match.group(1):
            raise _refused(str(path), f"has the term {stripped!r}", "+ or - between terms")
        sign, number, kind, index = match.groups()
        factor = float(number or 1) * (-1 if sign == "-" else 1)
        total[_place(path, kind, index, outputs, inputs)] += factor
        place = match.end()
    return total


def _place(path: str | Path, kind: str | None, index: str, outputs: int, inputs: int) -> int:
    if kind is None:
        return outputs + inputs
    size = outputs if kind == "y" else inputs
    if int(index) >= size:
        raise _refused(str(path), f"names {kind}{index}", f"{kind}0 to {kind}{size - 1}")
    return int(index) + (0 if kind == "y" else outputs)
