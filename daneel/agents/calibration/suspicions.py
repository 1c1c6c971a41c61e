"""What looks wrong in a log although every row is a number: units, constant signals, no excitation.

Positions differentiate to velocities, whatever the robot. The slope of the one against the other is
1; 57.3 says positions in degrees, 0.0175 velocities in degrees, 0.001 a clock in milliseconds.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from daneel.agents.calibration.column_map import ColumnMap
from daneel.agents.calibration.problem import CalibrationError, Floats

TURNS = 6.0
"""Positions that span more turns than these, in radians that nobody declared, may be degrees."""
MISTAKES = (
    (180 / math.pi, "positions in degrees", "q: deg"),
    (math.pi / 180, "velocities in degrees a second", "dq: deg/s"),
    (60 / (2 * math.pi), "", ""),
    (2 * math.pi / 60, "velocities in turns a minute", "dq: rpm"),
    (1e-3, "a clock in milliseconds", "time: ms"),
    (1e-6, "a clock in microseconds", "time: us"),
    (1e-9, "a clock in nanoseconds", "time: ns"),
)
"""Slope of differentiated positions against velocities, what it means, and what to declare."""


def suspicions(
    name: str,
    columns: ColumnMap,
    raw: Mapping[str, Floats],
    even: Mapping[str, Floats],
    dt: float,
) -> tuple[str, ...]:
    """Notes about what looks odd but can be used.

    Args:
        name: The log.
        columns: Its column map.
        raw: Signals [T, J] at the rows.
        even: Signals [G, J] at the ticks of the even clock.
        dt: Step of that clock.

    Raises:
        CalibrationError: Every position is constant, or the units contradict each other.
    """
    still = np.ptp(even["q"], axis=0) <= 1e-9
    if still.all():
        raise CalibrationError(
            f"{name}: no joint moves (constant: {', '.join(columns.joints)}). Expected a log with "
            "motion. Look at the column of `q`, or record again with an excitation."
        )
    if "dq" in raw:
        _check_slope(name, columns, even, dt)
    notes = _check_span(name, columns, even["q"])
    notes += [f"position of {joint} is constant" for joint in _pick(columns.joints, still)]
    for signal in ("command", "torque"):
        if signal in raw:
            flat = np.ptp(raw[signal], axis=0) <= 1e-9
            notes += [f"{signal} of {joint} is constant" for joint in _pick(columns.joints, flat)]
    return tuple(notes)


def slope(q: Floats, dq: Floats, dt: float) -> float:
    """Slope of the differentiated positions against the velocities (both [T, J]); NaN if none.

    Differences run over a twentieth of a second, where the steps of an encoder drown.
    """
    width = max(1, min(round(0.05 / dt), len(q) // 4))
    moved = (q[width:] - q[:-width]) / (width * dt)
    total = np.cumsum(dq, axis=0)
    mean = (total[width:] - total[:-width]) / width
    power = float(np.sum(mean * mean))
    if power <= 1e-12 * mean.size:
        return float("nan")
    fitting = float(np.sum(moved * mean)) / power
    loose = float(np.corrcoef(moved.ravel(), mean.ravel())[0, 1]) < 0.8
    return float("nan") if loose else fitting


def _check_slope(name: str, columns: ColumnMap, even: Mapping[str, Floats], dt: float) -> None:
    found = slope(even["q"], even["dq"], dt)
    for ratio, meaning, cure in MISTAKES:
        if meaning and abs(math.log(max(found, 1e-300) / ratio)) < 0.3:
            signal, unit = cure.split(": ")
            declared = columns.units.get(signal, "SI")
            raise CalibrationError(
                f"{name}: positions change {found:.3g} times as fast as the velocities say, which "
                f"means {meaning} ({signal} is declared {declared}). Expected units that agree. "
                f"Write `units: {{{signal}: {unit}}}` in the column map."
            )


def _check_span(name: str, columns: ColumnMap, q: Floats) -> list[str]:
    """Positions of many turns: refused where no unit was declared, noted where it is radians."""
    span = float(np.ptp(q, axis=0).max())
    if not TURNS * 2 * math.pi < span < 1080 or columns.units.get("q", "rad") != "rad":
        return []
    turns = span / (2 * math.pi)
    if "q" in columns.units:
        return [f"positions span {turns:.3g} turns: degrees? then write `units: {{q: deg}}`"]
    also = ", dq: deg/s" if "dq" in columns.columns and "dq" not in columns.units else ""
    raise CalibrationError(
        f"{name}: positions span {span:.3g}, which is {turns:.3g} turns in radians and no unit was "
        f"declared; they look like degrees. Expected a unit. Write `units: {{q: deg{also}}}` (or "
        "`q: rad` if it really turns that far) in the column map."
    )


def _pick(names: tuple[str, ...], chosen: np.ndarray) -> list[str]:
    return [name for name, yes in zip(names, chosen, strict=True) if yes]
