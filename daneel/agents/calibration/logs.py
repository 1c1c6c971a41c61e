"""Logs of a robot in SI units on an even clock, with everything that was wrong said.

Commands are held from their row to the next, as an actuator holds them; measured signals are
interpolated between their rows, or, where a tick of the clock spans several rows, are the mean of
them: picking one would fold the noise of all higher frequencies into the log. Delays stay in the
log: they are for the calibration to find.
Arrays: T rows, J joints.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from daneel.agents.calibration.column_map import ColumnMap, Spec
from daneel.agents.calibration.problem import CalibrationError, Floats, Integers
from daneel.agents.calibration.suspicions import suspicions
from daneel.agents.calibration.tables import Table, read_tables

ROWS = 10
"""Fewer rows than these in one piece are no log."""


COARSE = 2.0
"""Rows in a tick of the clock from which on a tick is their mean."""
HELD = ("command", "enable")
"""Signals that hold from their row to the next; the others are interpolated."""


@dataclass(frozen=True)
class Log:
    """One recorded run without gaps."""

    name: str
    """File, cell and piece it comes from."""
    joints: tuple[str, ...]
    """Joints in the order of the columns."""
    dt: float
    """Step of the clock in seconds."""
    time: Floats
    """Seconds since the first row of the file [T]."""
    q: Floats
    """Positions [T, J] in rad (m for slides)."""
    dq: Floats
    """Velocities [T, J] in rad/s."""
    command: Floats | None
    """Commanded torque in N m or position in rad [T, J], NaN where an actuator has no power; None
    for a passive log."""
    torque: Floats | None
    """Measured torque [T, J] in N m; None where there is none."""
    kind: str
    """What a command is: torque or position."""
    constants: Mapping[str, float]
    """Parameters of the model that the header of this run gives."""
    notes: tuple[str, ...]
    """What was wrong with the rows, and what was done about it."""
    sha256: str
    """Hash of the file."""

    def actions(self, measured: bool = False) -> Floats:
        """What drove the robot [T, J]: the command, or the measured torque.

        Args:
            measured: Take the measured torque.

        Raises:
            CalibrationError: The measured torque is asked for and the log has none.
        """
        if measured and self.torque is None:
            raise CalibrationError(
                f"{self.name} has no measured torque. Expected a column `torque` in the column "
                "map. Add it, or use the command."
            )
        chosen = self.torque if measured or self.command is None else self.command
        return np.zeros_like(self.q) if chosen is None else chosen


def read_logs(paths: Sequence[str | Path], columns: ColumnMap) -> list[Log]:
    """Reads files into logs; a file with several runs or with gaps gives several logs.

    Raises:
        CalibrationError: A file cannot be used; the message names file, column and reason.
    """
    found = [
        log
        for path in paths
        for table in _with_positions(read_tables(path, columns.records), columns)
        for log in table_logs(table, columns)
    ]
    if not found:
        raise CalibrationError("No log was given. Expected at least one file. Add `--logs FILE`.")
    return found


def _with_positions(tables: Sequence[Table], columns: ColumnMap) -> Sequence[Table]:
    """Tables that have the first column of q; all of them when none has, for the message."""
    name = columns.columns["q"][0].partition("[")[0]
    return [table for table in tables if name in table.columns] or tables


def table_logs(table: Table, columns: ColumnMap) -> list[Log]:
    """The logs in one table.

    Raises:
        CalibrationError: A column is missing, has another shape, holds no numbers, or its units
            contradict the other columns.
    """
    raw = {name: _signal(table, columns, name) for name in columns.columns if name != "time"}
    if not all(len(value) for value in raw.values()):
        return []
    time = _time(table, columns, len(raw["q"]))
    time, raw, notes = _without_bad_rows(table.name, time, raw)
    pieces = _pieces(time, columns.gap)
    if len(pieces) > 1:
        notes += (f"{len(pieces) - 1} gaps over {columns.gap:g} s: cut into {len(pieces)} logs",)
    logs = []
    for number, (first, last) in enumerate(pieces):
        if last - first < ROWS:
            notes += (f"a piece of {last - first} rows was left out",)
            continue
        name = f"{table.name}/{number}" if len(pieces) > 1 else table.name
        part = {key: value[first:last] for key, value in raw.items()}
        logs.append(_resampled(name, table, columns, time[first:last], part, notes))
    if not logs:
        raise CalibrationError(
            f"{table.name} has no {ROWS} rows in one piece ({'; '.join(notes) or 'too short'}). "
            "Expected a longer log. Record again, or raise `gap` in the column map."
        )
    return logs


def _signal(table: Table, columns: ColumnMap, name: str) -> Floats:
    """One signal [T, J] in SI units."""
    spec = columns.columns[name]
    parts = [_column(table, item, name) for item in spec]
    value = np.concatenate([part if part.ndim == 2 else part[:, None] for part in parts], axis=1)
    if value.shape[1] != len(columns.joints):
        raise CalibrationError(
            f"{table.name}: {name} has {value.shape[1]} columns and there are "
            f"{len(columns.joints)} joints ({', '.join(columns.joints)}). Expected one column a "
            f"joint. Mend `{name}` in the column map."
        )
    scaled = value * columns.factor(name)
    if name == "q" or (name == "command" and columns.kind == "position"):
        scaled = scaled + np.array([columns.offset.get(joint, 0.0) for joint in columns.joints])
    return scaled


def _column(table: Table, item: str, signal: str) -> Floats:
    """A column [T] or [T, K]; `Y[0:2]` takes rows of an array whose long axis is time."""
    name, _, rest = item.partition("[")
    if name not in table.columns:
        raise CalibrationError(
            f"{table.name} has no column {name!r} for {signal}. Expected one of "
            f"{', '.join(table.columns)}. Mend `columns` in the column map (`--columns FILE`)."
        )
    value = table.columns[name]
    if value.ndim == 1:
        return value
    value = value.T if value.shape[0] < value.shape[1] else value
    if not rest:
        return value
    first, _, last = rest.rstrip("]").partition(":")
    try:
        start = int(first or 0)
        return value[:, start : int(last or value.shape[1]) if _ else start + 1]
    except ValueError as error:
        raise CalibrationError(
            f"{item!r} is no slice of {name}. Expected {name}[0:2]. Mend the column map."
        ) from error


def _time(table: Table, columns: ColumnMap, rows: int) -> Floats:
    spec: Spec = columns.columns.get("time", ())
    if not spec:
        return np.arange(rows) / columns.rate
    time = np.ravel(_column(table, spec[0], "time")) * columns.factor("time")
    return time[:rows]


def _without_bad_rows(
    name: str, time: Floats, raw: dict[str, Floats]
) -> tuple[Floats, dict[str, Floats], tuple[str, ...]]:
    """Leaves out rows with a hole, a time that does not go on; says how many."""
    hole = ~np.isfinite(time)
    for value in raw.values():
        hole |= ~np.isfinite(value).all(axis=1)
    running = np.maximum.accumulate(np.where(hole, -np.inf, time))
    late = np.concatenate([[False], time[1:] <= running[:-1]]) & ~hole
    notes = tuple(
        f"{int(bad.sum())} of {len(time)} rows {what}: left out"
        for bad, what in ((hole, "hold NaN or no number"), (late, "do not go on in time"))
        if bad.any()
    )
    keep = ~(hole | late)
    if keep.sum() < max(2, 0.5 * len(time)):
        raise CalibrationError(
            f"{name}: only {int(keep.sum())} of {len(time)} rows can be used ({'; '.join(notes)}). "
            "Expected numbers in at least half of them. Look at the columns, or record again."
        )
    clean = {key: value[keep] for key, value in raw.items()}
    return time[keep] - time[keep][0], clean, notes


def _pieces(time: Floats, gap: float) -> list[tuple[int, int]]:
    """First and one-past-last row of each stretch without a gap."""
    cuts = np.flatnonzero(np.diff(time) > max(gap, 3 * float(np.median(np.diff(time))))) + 1
    edges = [0, *cuts.tolist(), len(time)]
    return list(itertools.pairwise(edges))


def _resampled(
    name: str,
    table: Table,
    columns: ColumnMap,
    time: Floats,
    raw: dict[str, Floats],
    notes: tuple[str, ...],
) -> Log:
    dt = columns.dt or float(np.median(np.diff(time)))
    grid = time[0] + dt * np.arange(int((time[-1] - time[0]) / dt + 1e-9) + 1)
    per_tick = dt / max(float(np.median(np.diff(time))), 1e-12)
    measure = _averaged if per_tick >= COARSE else _interpolated
    even = {key: measure(grid, time, value) for key, value in raw.items() if key not in HELD}
    if per_tick >= COARSE:
        notes += (f"each tick of {dt * 1e3:.3g} ms is the mean of about {per_tick:.2g} rows",)
    if columns.smooth:
        width = max(1, round(columns.smooth / dt)) | 1
        even = {key: _moving_mean(value, width) for key, value in even.items()}
        notes += (f"moving mean of {columns.smooth:g} s: looks {columns.smooth / 2:g} s ahead",)
    jitter = np.diff(time)
    if np.ptp(jitter) > 0.2 * dt:
        span = f"{jitter.min() * 1e3:.3g} to {jitter.max() * 1e3:.3g} ms"
        notes += (f"steps of {span} resampled to {dt * 1e3:.3g} ms",)
    if "dq" not in even:
        even["dq"] = _differences(even["q"], dt, columns.velocity)
        how = "central, each looks one row ahead" if columns.velocity == "central" else "backward"
        notes += (f"no velocities: {how} differences of the positions",)
    held = {key: _held(grid, time, raw[key]) for key in HELD if key in raw}
    command = held.get("command")
    if command is not None and "enable" in held:
        command = np.where(held["enable"] < 0.5, np.nan, command)
    notes += suspicions(name, columns, raw, even, dt)
    constants = {to: table.header[key] for to, key in columns.constants.items()}
    return Log(
        name, columns.joints, dt, grid, even["q"], even["dq"], command, even.get("torque"),
        columns.kind, constants, notes, table.sha256,
    )  # fmt: skip


def _interpolated(grid: Floats, time: Floats, value: Floats) -> Floats:
    return np.stack([np.interp(grid, time, column) for column in value.T], axis=1)


def _averaged(grid: Floats, time: Floats, value: Floats) -> Floats:
    """Means over the rows within half a tick of each tick [G, J].

    Ticks without rows are interpolated between the others.
    """
    tick = np.floor((time - grid[0]) / (grid[1] - grid[0]) + 0.5).astype(int)
    inside = tick < len(grid)
    count = np.bincount(tick[inside], minlength=len(grid))
    filled = count > 0

    def mean(column: Floats) -> Floats:
        total = np.bincount(tick[inside], weights=column[inside], minlength=len(grid))
        return total[filled] / count[filled]

    centre = mean(time)
    return np.stack([np.interp(grid, centre, mean(column)) for column in value.T], axis=1)


def _held(grid: Floats, time: Floats, value: Floats) -> Floats:
    """The last value that was sent at or before each tick."""
    return value[np.maximum(np.searchsorted(time, grid + 1e-9, side="right") - 1, 0)]


def _moving_mean(value: Floats, width: int) -> Floats:
    padded = np.pad(value, ((width // 2, width // 2), (0, 0)), mode="edge")
    total = np.cumsum(np.pad(padded, ((1, 0), (0, 0))), axis=0)
    return (total[width:] - total[:-width]) / width


def _differences(q: Floats, dt: float, how: str) -> Floats:
    if how == "central":
        return np.gradient(q, dt, axis=0)
    return np.concatenate([np.zeros_like(q[:1]), np.diff(q, axis=0) / dt])


def count_rows(logs: Sequence[Log]) -> int:
    """Rows of all logs together."""
    return sum(len(log.time) for log in logs)


def cut(log: Log, rows: Integers | slice) -> Log:
    """The same log with some of its rows."""
    return replace(
        log,
        time=log.time[rows],
        q=log.q[rows],
        dq=log.dq[rows],
        command=None if log.command is None else log.command[rows],
        torque=None if log.torque is None else log.torque[rows],
    )
