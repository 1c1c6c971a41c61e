"""Properties of pairs in YAML: how fast, in which direction, and mirrored.

::

    inputs: {low: [0, -1], high: [20, 1]}
    rate: {within: [0.5, 0.1], most: [0.2]}     # inputs this near give outputs this near

    monotonic: [y0 rises with x0, y0 falls with x1]
    tolerance: 0.001                            # by which an output may turn back

    symmetry: {inputs: [x0, -x1], outputs: [-y0]}   # what each one is in the mirror
    tolerance: 0.05
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from daneel.alignment.verification.relation import Relation, monotonic, rate, symmetry
from daneel.errors import ConfigError

KINDS = ("rate", "monotonic", "symmetry")
"""Keys of these properties."""
TOLERANCE = 1e-3
"""Where the file says none."""

_TREND = re.compile(r"\s*y(\d+)\s+(rises|falls)\s+with\s+x(\d+)\s*")
_SIGNED = re.compile(r"\s*([+-]?)\s*([xy])(\d+)\s*")


def parse_relation(
    origin: str, data: Mapping[str, Any], low: Tensor, high: Tensor, outputs: int, name: str
) -> Relation:
    """The relation of a file that has one of `KINDS`.

    Raises:
        ConfigError: It is not of this form; the message says where.
    """
    if "rate" in data:
        if "tolerance" in data:
            raise refused(origin, "has a tolerance for a rate", "none: `most` is the limit")
        ends = _keys(origin, "rate", data["rate"], ("within", "most"))
        within = _numbers(origin, "rate.within", ends["within"], len(low))
        return rate(low, high, within, _numbers(origin, "rate.most", ends["most"], outputs), name)
    tolerance = data.get("tolerance", TOLERANCE)
    if isinstance(tolerance, bool) or not isinstance(tolerance, int | float):
        raise refused(origin, f"has tolerance: {tolerance!r}", "a number above 0")
    if "monotonic" in data:
        trends = _trends(origin, data["monotonic"], len(low), outputs)
        return monotonic(low, high, outputs, trends, float(tolerance), name)
    lists = _keys(origin, "symmetry", data["symmetry"], ("inputs", "outputs"))
    mirrored = _mirror(origin, lists["inputs"], "x", len(low))
    answers = _mirror(origin, lists["outputs"], "y", outputs)
    return symmetry(low, high, mirrored, answers, float(tolerance), name)


def _keys(origin: str, key: str, given: Any, wanted: tuple[str, str]) -> Mapping[str, Any]:
    if not isinstance(given, Mapping) or set(given) != set(wanted):
        raise refused(
            origin, f"has {key}: {given!r}", f"{key}: {{{wanted[0]}: .., {wanted[1]}: ..}}"
        )
    return given


def _numbers(origin: str, key: str, given: Any, size: int) -> Tensor:
    fits = isinstance(given, Sequence) and not isinstance(given, str) and len(given) == size
    if not fits or not all(isinstance(v, int | float) and v == v for v in given):
        raise refused(origin, f"has {key}: {given!r}", f"{size} numbers")
    return torch.tensor([float(value) for value in given], dtype=torch.float64)


def _trends(origin: str, given: Any, inputs: int, outputs: int) -> list[tuple[int, int, bool]]:
    found = []
    for item in given if isinstance(given, list) and given else [given]:
        match = _TREND.fullmatch(item) if isinstance(item, str) else None
        if match is None:
            raise refused(origin, f"has the trend {item!r}", "one like `y0 rises with x1`")
        output, index = int(match.group(1)), int(match.group(3))
        if output >= outputs or index >= inputs:
            raise refused(
                origin,
                f"names y{output} and x{index}",
                f"y0 to y{outputs - 1}, x0 to x{inputs - 1}",
            )
        found.append((output, index, match.group(2) == "rises"))
    return found


def _mirror(origin: str, given: Any, kind: str, size: int) -> list[tuple[int, float]]:
    items = given if isinstance(given, list) else []
    found = [_SIGNED.fullmatch(item) if isinstance(item, str) else None for item in items]
    places = [int(match.group(3)) for match in found if match and match.group(2) == kind]
    if sorted(places) != list(range(size)) or len(items) != size:
        raise refused(
            origin, f"has the mirrored {kind}: {given!r}",
            f"each of {kind}0 to {kind}{size - 1} once, with - where it changes sign",
        )  # fmt: skip
    signs = [-1.0 if match and match.group(1) == "-" else 1.0 for match in found]
    return list(zip(places, signs, strict=True))


def refused(origin: str, found: str, expected: str) -> ConfigError:
    """What is wrong with a property file."""
    return ConfigError(
        f"{origin} {found}. Expected {expected}. See docs/verification.md, a property in ten lines."
    )
