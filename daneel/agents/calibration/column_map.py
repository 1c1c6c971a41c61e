"""Which column of a log is what: a small YAML file beside the data.

    joints: [shoulder, elbow]
    columns: {time: time, q: [pos1, pos2], dq: [vel1, vel2], command: [tau1, tau2]}
    units: {time: s, q: rad, dq: rad/s, command: Nm}
    dt: 0.002

A column is a name, a list of names (one a joint), or a slice `Y[0:2]` of a two-dimensional array.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import yaml

from daneel.agents.calibration.problem import CalibrationError

UNITS: Mapping[str, Mapping[str, float]] = {
    "time": {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9, "min": 60.0},
    "q": {"rad": 1.0, "deg": math.pi / 180, "rev": 2 * math.pi, "m": 1.0, "mm": 1e-3},
    "dq": {
        "rad/s": 1.0, "deg/s": math.pi / 180, "rpm": 2 * math.pi / 60, "rev/s": 2 * math.pi,
        "m/s": 1.0, "mm/s": 1e-3,
    },
    "enable": {"1": 1.0},
    "torque": {"Nm": 1.0, "mNm": 1e-3, "Ncm": 1e-2, "N": 1.0},
}  # fmt: skip
"""SI value of one unit, by the signal it measures."""
SIGNALS = ("time", "q", "dq", "command", "torque", "enable")
Spec = tuple[str, ...]


@dataclass(frozen=True)
class ColumnMap:
    """Names, units and treatment of the columns of a log."""

    joints: tuple[str, ...]
    """Joints in the order of the columns."""
    columns: Mapping[str, Spec]
    """Column of each signal, one name a joint or one name of an array; `time`, `q` and `command`
    or `torque` are the usual ones. A passive log has neither of the two. `enable` is 0 while an
    actuator has no power."""
    units: Mapping[str, str] = field(default_factory=dict)
    """Unit of each signal; SI and radians where nothing is said."""
    kind: Literal["torque", "position"] = "torque"
    """What a command is: a torque [N m], or a position that the actuator has to reach."""
    dt: float = 0.0
    """Step of the clock to resample to, in seconds; 0 takes the median step of the log."""
    gap: float = 0.1
    """A longer pause between rows than this, in seconds, parts the log in two."""
    rate: float = 0.0
    """Rows a second, for a log without a column of time."""
    velocity: Literal["measured", "backward", "central"] = "measured"
    """Where velocities come from when there is no column: differences backward (causal) or central
    (each looks one row ahead)."""
    smooth: float = 0.0
    """Length in seconds of a centred moving mean over q, dq and torque; it looks ahead by half of
    that, and 0 leaves the signals as they were measured."""
    records: str = ""
    """Key of the list of rows in a JSON file with several lists."""
    constants: Mapping[str, str] = field(default_factory=dict)
    """Parameter of the model that the log's header gives, by the name in the header."""
    offset: Mapping[str, float] = field(default_factory=dict)
    """Number added to each position of a joint after its unit was applied."""

    def __post_init__(self) -> None:
        """Checks names, units and numbers.

        Raises:
            CalibrationError: A signal or unit is not known, or q is missing.
        """
        for signal in self.columns:
            _among(signal, SIGNALS, "signal")
        for signal, unit in self.units.items():
            _among(signal, SIGNALS, "signal")
            if signal == "command" and self.kind == "torque" and unit in UNITS["q"]:
                raise CalibrationError(
                    f"The command is in {unit!r}, and `kind` says torque. Expected one of "
                    f"{', '.join(UNITS['torque'])}. If it is a position that the actuators have "
                    "to reach, add `kind: position` to the column map."
                )
            _among(unit, self._known(signal), f"unit of {signal}")
        if "q" not in self.columns:
            raise CalibrationError(
                f"The column map names {sorted(self.columns)} but no q. Expected the column of the "
                "joint positions. Add `q: [...]` below `columns`."
            )
        if "time" not in self.columns and self.rate <= 0:
            raise CalibrationError(
                "The column map has neither a column of time nor a rate. Expected one of them. "
                "Add `time: ...` below `columns`, or `rate: 200`."
            )
        for name in ("dt", "gap", "rate", "smooth"):
            if getattr(self, name) < 0:
                raise CalibrationError(f"{name} is {getattr(self, name)}. Expected 0 or more.")

    def _known(self, signal: str) -> Mapping[str, float]:
        if signal == "command":
            return UNITS["q" if self.kind == "position" else "torque"]
        return UNITS[signal]

    def factor(self, signal: str) -> float:
        """SI value of one unit of the signal."""
        return self._known(signal)[self.units[signal]] if signal in self.units else 1.0


def load_column_map(path: str | Path) -> ColumnMap:
    """Reads a column map; other keys than its own are refused, `columns` may hold lists or names.

    Raises:
        CalibrationError: The file is absent, is no YAML mapping, or asks for something unknown.
    """
    return column_map(read_yaml(path), str(path))


def column_map(tree: Mapping[str, Any], origin: str) -> ColumnMap:
    """A column map from the content of a YAML file.

    Raises:
        CalibrationError: A key is unknown or a value has the wrong form.
    """
    known = ColumnMap.__dataclass_fields__
    for key in tree:
        _among(key, tuple(known), f"key of the column map {origin}")
    fields = dict(tree)
    columns = fields.pop("columns", {})
    if not isinstance(columns, Mapping):
        raise CalibrationError(f"`columns` in {origin} is {columns!r}. Expected signal: column.")
    return ColumnMap(
        joints=tuple(map(str, fields.pop("joints", ("joint",)))),
        columns={signal: _spec(value) for signal, value in columns.items()},
        **fields,
    )


def read_yaml(path: str | Path) -> dict[str, Any]:
    """The mapping in a YAML file.

    Raises:
        CalibrationError: The file is absent or holds something else.
    """
    try:
        tree = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
        raise CalibrationError(
            f"{path} cannot be read: {error}. Expected a YAML file. Check the name and the indents."
        ) from error
    if not isinstance(tree, dict):
        raise CalibrationError(f"{path} holds {type(tree).__name__}. Expected `key: value` lines.")
    return tree


def _spec(value: Any) -> Spec:
    return (value,) if isinstance(value, str) else tuple(map(str, value))


def _among(name: str, known: Sequence[str] | Mapping[str, Any], kind: str) -> None:
    if name not in known:
        raise CalibrationError(
            f"{name!r} is no {kind}. Expected one of {', '.join(known)}. Mend the column map."
        )
