"""Parameters of a calibration: which numbers of the model are searched for, where, from where.

    parameters:
      elbow_damping: {targets: joint/elbow/damping, initial: 0.01, low: 0, high: 0.2}
      friction: {targets: joint/*/coulomb, initial: 0.1, low: 0, high: 1, prior_std: 0.05}
    fixed:
      joint/*/gear: 6

One parameter may drive several targets, each with a factor of its own as `{target: factor}`. One
whose bounds are equal is fixed there, as if it stood below `fixed`.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from daneel.agents.calibration.column_map import read_yaml
from daneel.agents.calibration.problem import CalibrationError, Floats
from daneel.agents.calibration.simulator import Values, expand


@dataclass(frozen=True)
class Parameter:
    """One number that is searched for."""

    name: str
    """Name in reports."""
    targets: Mapping[str, float]
    """Addresses in the model, and by how much the value is multiplied for each."""
    initial: float
    """Where the search starts, the mean of the prior."""
    low: float
    """Least value."""
    high: float
    """Greatest value."""
    prior_std: float = float("inf")
    """Standard deviation of a normal prior around the initial value."""

    def __post_init__(self) -> None:
        """Checks the numbers.

        Raises:
            CalibrationError: Bounds are the wrong way round or leave the initial value out.
        """
        if not self.low <= self.initial <= self.high:
            raise CalibrationError(
                f"Parameter {self.name!r} starts at {self.initial:g} within {self.low:g} and "
                f"{self.high:g}. Expected low <= initial <= high. Mend the parameter file; low = "
                "high fixes a parameter."
            )
        if not self.prior_std > 0:
            raise CalibrationError(
                f"prior_std of {self.name!r} is {self.prior_std:g}. Expected a positive number."
            )


@dataclass(frozen=True)
class ParameterSet:
    """The parameters of a problem and the targets that stay."""

    parameters: tuple[Parameter, ...]
    """What is searched for."""
    fixed: Mapping[str, float] = field(default_factory=dict)
    """Targets with another value than the model's own."""

    @property
    def names(self) -> tuple[str, ...]:
        """Name of each parameter [P]."""
        return tuple(parameter.name for parameter in self.parameters)

    @property
    def low(self) -> Floats:
        """Least values [P]."""
        return np.array([parameter.low for parameter in self.parameters])

    @property
    def high(self) -> Floats:
        """Greatest values [P]."""
        return np.array([parameter.high for parameter in self.parameters])

    @property
    def initial(self) -> Floats:
        """Initial values [P]."""
        return np.array([parameter.initial for parameter in self.parameters])

    @property
    def prior_std(self) -> Floats:
        """Standard deviations of the priors [P]."""
        return np.array([parameter.prior_std for parameter in self.parameters])

    def values(self, theta: Floats) -> Values:
        """Values of the targets [N] of candidates [N, P]."""
        found: dict[str, Floats] = {
            target: np.full(len(theta), value) for target, value in self.fixed.items()
        }
        for column, parameter in zip(theta.T, self.parameters, strict=True):
            for target, factor in parameter.targets.items():
                found[target] = column * factor
        return found

    def nominal(self, theta: Floats) -> dict[str, float]:
        """Values of the targets of one candidate [P]."""
        return {name: float(value[0]) for name, value in self.values(theta[None]).items()}


class Parameterised:
    """Base of problems over a parameter set: its columns under the names of `Problem`."""

    parameters: ParameterSet

    @property
    def names(self) -> tuple[str, ...]:
        """Name of each parameter [P]."""
        return self.parameters.names

    @property
    def low(self) -> Floats:
        """Least values [P]."""
        return self.parameters.low

    @property
    def high(self) -> Floats:
        """Greatest values [P]."""
        return self.parameters.high

    @property
    def initial(self) -> Floats:
        """Values before the calibration [P]."""
        return self.parameters.initial

    @property
    def prior_std(self) -> Floats:
        """Standard deviations of the priors [P]."""
        return self.parameters.prior_std


def load_parameters(path: str | Path, known: Mapping[str, float]) -> ParameterSet:
    """Reads a parameter file for a model with these targets and nominal values.

    Raises:
        CalibrationError: The file is absent, a target is not known, or a number is out of place.
    """
    return parameter_set(read_yaml(path), known, str(path))


def parameter_set(tree: Mapping[str, Any], known: Mapping[str, float], origin: str) -> ParameterSet:
    """Parameters from the content of a YAML file; other keys than its two are left alone.

    Raises:
        CalibrationError: A target is not known, or a number is out of place.
    """
    entries = tree.get("parameters")
    if not isinstance(entries, Mapping) or not entries:
        raise CalibrationError(
            f"{origin} has no parameters. Expected `parameters:` with one `name: {{targets, low, "
            "high}}` a line. Type `daneel calibrate targets MODEL` to see what can be named."
        )
    fixed = {
        target: _number(value, pattern, origin)
        for pattern, value in (tree.get("fixed") or {}).items()
        for target in expand(pattern, known)
    }
    at_hand = {**known, **fixed}
    found = [_parameter(name, entry, at_hand, origin) for name, entry in entries.items()]
    free = tuple(parameter for parameter in found if parameter.low < parameter.high)
    if not free:
        raise CalibrationError(
            f"Every parameter in {origin} has equal bounds. Expected one that may move: low < "
            "high. Mend the parameter file."
        )
    for parameter in found:
        if parameter.low == parameter.high:
            fixed |= {name: parameter.low * by for name, by in parameter.targets.items()}
    return ParameterSet(free, fixed)


def _parameter(name: str, entry: Any, known: Mapping[str, float], origin: str) -> Parameter:
    if not isinstance(entry, Mapping) or not {"targets", "low", "high"} <= set(entry):
        raise CalibrationError(
            f"Parameter {name!r} in {origin} is {entry!r}. Expected {{targets: ..., low: ..., "
            "high: ...}} and perhaps initial and prior_std."
        )
    unknown = set(entry) - {"targets", "initial", "low", "high", "prior_std"}
    if unknown:
        raise CalibrationError(
            f"Parameter {name!r} in {origin} has the key {min(unknown)!r}. Expected targets, "
            "initial, low, high, prior_std. Mend the parameter file."
        )
    targets = _targets(entry["targets"], known)
    noisy = [target for target in targets if target.endswith("/noise")]
    if noisy:
        raise CalibrationError(
            f"Parameter {name!r} in {origin} is {noisy[0]}. Expected a number that moves the "
            "simulation: noise is measured in what is left and written as "
            "`sensor_noise` in calibration.yaml. Leave it out."
        )
    first, factor = next(iter(targets.items()))
    same = _equal_bounds(entry)
    start = entry.get("initial", known[first] / factor if same is None else same)
    numbers = {
        key: _number(value, f"{name}.{key}", origin)
        for key, value in {**entry, "initial": start}.items()
        if key != "targets"
    }
    return Parameter(str(name), targets, **numbers)


def _equal_bounds(entry: Mapping[str, Any]) -> Any:
    """The value of a parameter that its bounds fix; None of one that may move."""
    return entry["low"] if entry["low"] == entry["high"] else None


def _targets(given: Any, known: Mapping[str, float]) -> dict[str, float]:
    pairs: Mapping[str, Any]
    if isinstance(given, Mapping):
        pairs = given
    else:
        names: Sequence[str] = [given] if isinstance(given, str) else given
        pairs = dict.fromkeys(names, 1.0)
    return {name: float(factor) for key, factor in pairs.items() for name in expand(key, known)}


def _number(value: Any, name: str, origin: str) -> float:
    try:
        return float(value)
    except (TypeError, ValueError) as error:
        raise CalibrationError(
            f"{name} in {origin} is {value!r}. Expected a number. Mend the parameter file."
        ) from error


def select(parameters: ParameterSet, patterns: Sequence[str]) -> ParameterSet:
    """The parameters whose names match one of the patterns; the rest stays at its initial value."""
    kept = [p for p in parameters.parameters if _matches(p.name, patterns)]
    rest = {
        target: parameter.initial * factor
        for parameter in parameters.parameters
        if parameter not in kept
        for target, factor in parameter.targets.items()
    }
    return ParameterSet(tuple(kept), {**parameters.fixed, **rest})


def _matches(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)
