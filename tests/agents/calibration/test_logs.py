"""Logs: every kind of file, clocks, units, and what is said about bad ones."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.io import savemat

from daneel.agents.calibration.column_map import ColumnMap, column_map
from daneel.agents.calibration.logs import read_logs
from daneel.agents.calibration.problem import CalibrationError
from tests.agents.calibration.arms import planted_log, write_csv

COLUMNS = {"time": ("t",), "q": ("q1", "q2"), "dq": ("v1", "v2"), "command": ("u1", "u2")}
MAP = ColumnMap(("shoulder", "elbow"), COLUMNS)
TIME = np.arange(0, 2, 0.01)
SWING = np.stack([np.sin(3 * TIME), np.cos(2 * TIME)], axis=1)


def _npz(path: Path, time: np.ndarray = TIME, **signals: np.ndarray) -> Path:
    arrays: dict[str, Any] = {"t": time, **signals}
    np.savez(path, **arrays)
    return path


def test_a_csv_gives_what_was_written(tmp_path: Path) -> None:
    """A CSV gives what was written."""
    log = planted_log(1.0)
    path = write_csv(log, tmp_path / "run.csv")
    packed = tmp_path / "run2.csv.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    for found in read_logs([path, packed], MAP):
        assert found.q == pytest.approx(log.q)
        assert found.dt == pytest.approx(log.dt)


def test_json_parquet_and_mat_give_the_same_log(tmp_path: Path) -> None:
    """Json parquet and mat give the same log."""
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    entries = [{"t": t, "a": a, "b": b} for t, (a, b) in zip(TIME, SWING.tolist(), strict=True)]
    (tmp_path / "x.json").write_text(json.dumps({"kp": 3, "entries": entries}))
    columns = {"t": TIME, "a": SWING[:, 0], "b": SWING[:, 1]}
    parquet.write_table(pyarrow.table(columns), tmp_path / "x.parquet")
    savemat(tmp_path / "x.mat", columns)
    names = ColumnMap(("x", "y"), {"time": ("t",), "q": ("a", "b")}, velocity="central")
    for ending in ("json", "parquet", "mat"):
        (found,) = read_logs([tmp_path / f"x.{ending}"], names)
        assert found.q == pytest.approx(SWING)
        assert "looks one row ahead" in found.notes[0]


def test_commands_hold_and_positions_are_interpolated_on_an_even_clock(tmp_path: Path) -> None:
    """Commands hold and positions are interpolated on an even clock."""
    time = np.array([0.0, 0.021, 0.039, 0.06] + [0.08 + 0.02 * i for i in range(12)])
    path = _npz(tmp_path / "x.npz", time, q=time[:, None], u=np.arange(16.0)[:, None])
    names = ColumnMap(("x",), {"time": ("t",), "q": ("q",), "command": ("u",)}, dt=0.02)
    (found,) = read_logs([path], names)
    assert found.q[:, 0] == pytest.approx(found.time)
    assert found.command is not None
    assert found.command[:4, 0].tolist() == [0.0, 0.0, 2.0, 3.0]
    assert found.dq[5, 0] == pytest.approx(1.0)


def test_bad_rows_and_gaps_are_left_out_and_said(tmp_path: Path) -> None:
    """Bad rows and gaps are left out and said."""
    time = np.where(np.arange(200) >= 100, TIME + 1.0, TIME)
    q = SWING.copy()
    q[10] = np.nan
    path = _npz(tmp_path / "x.npz", time, q=q)
    found = read_logs([path], ColumnMap(("x", "y"), {"time": ("t",), "q": ("q",)}))
    assert len(found) == 2
    assert "1 of 200 rows hold NaN" in found[0].notes[0]
    assert "1 gaps" in found[0].notes[1]


def test_power_that_is_off_shows_as_nan(tmp_path: Path) -> None:
    """Power that is off shows as NaN."""
    on = (TIME > 1.0)[:, None].astype(float)
    path = _npz(tmp_path / "x.npz", q=SWING[:, :1], u=SWING[:, :1], on=on)
    columns = {"time": ("t",), "q": ("q",), "command": ("u",), "enable": ("on",)}
    (found,) = read_logs([path], ColumnMap(("x",), columns))
    assert found.command is not None
    assert np.isnan(found.command[5, 0])
    assert np.isfinite(found.command[-5, 0])


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"q": SWING * 180 / np.pi}, "q: deg"),
        ({"v": np.gradient(SWING, 0.01, axis=0) * 180 / np.pi}, "dq: deg/s"),
        ({"time": TIME * 1000}, "time: ms"),
        ({"q": SWING * 0 + 1}, "no joint moves"),
        ({"q": SWING * np.nan}, "only 0 of 200 rows"),
        ({"q": SWING[:, :1]}, "has 1 columns and there are 2 joints"),
    ],
)
def test_what_cannot_be_right_is_refused(
    tmp_path: Path, change: dict[str, np.ndarray], says: str
) -> None:
    """What cannot be right is refused."""
    signals = {"time": TIME, "q": SWING, "v": np.gradient(SWING, 0.01, axis=0)} | change
    time = signals.pop("time")
    path = _npz(tmp_path / "x.npz", time, **signals)
    names = ColumnMap(("x", "y"), {"time": ("t",), "q": ("q",), "dq": ("v",)}, gap=1e9)
    with pytest.raises(CalibrationError, match=says):
        read_logs([path], names)


def test_messages_name_the_columns_that_are_there(tmp_path: Path) -> None:
    """Messages name the columns that are there."""
    path = _npz(tmp_path / "x.npz", position=SWING)
    with pytest.raises(CalibrationError, match=r"no column .q. for q.*t, position"):
        read_logs([path], ColumnMap(("x", "y"), {"time": ("t",), "q": ("q",)}))
    with pytest.raises(CalibrationError, match="There is no log"):
        read_logs([tmp_path / "absent.csv"], MAP)
    (tmp_path / "x.parquet").write_bytes(b"no parquet")
    with pytest.raises(CalibrationError, match="cannot be read"):
        read_logs([tmp_path / "x.parquet"], MAP)


def test_a_column_map_refuses_unknown_units_and_keys() -> None:
    """A column map refuses unknown units and keys."""
    with pytest.raises(CalibrationError, match="'grad' is no unit of q"):
        ColumnMap(("x",), {"time": ("t",), "q": ("q",)}, {"q": "grad"})
    with pytest.raises(CalibrationError, match="add `kind: position`"):
        ColumnMap(("x",), {"time": ("t",), "q": ("q",)}, {"command": "deg"})
    with pytest.raises(CalibrationError, match="'colums' is no key"):
        column_map({"colums": {}}, "x.yaml")


def test_ticks_that_span_several_rows_are_their_mean(tmp_path: Path) -> None:
    """Noise above the new clock's rate does not fold into it, as it does when rows are picked."""
    time = 0.002 * np.arange(2000)
    noise = np.where(np.arange(2000) % 2, 0.5, -0.5)  # at 250 Hz
    path = _npz(tmp_path / "x.npz", time, q=np.sin(time)[:, None], tau=noise[:, None])
    names = {"time": ("t",), "q": ("q",), "torque": ("tau",)}
    (found,) = read_logs([path], ColumnMap(("x",), names, velocity="central", dt=0.01))
    assert found.torque is not None
    assert np.abs(found.torque[1:-1]).max() < 0.11  # five rows a tick: one is left over
    assert found.q[1:-1, 0] == pytest.approx(np.sin(found.time[1:-1]), abs=1e-3)
    assert any("mean of about 5 rows" in note for note in found.notes)
    (fine,) = read_logs([path], ColumnMap(("x",), names, velocity="central"))
    assert fine.torque is not None and np.abs(fine.torque).max() == 0.5


def test_degrees_everywhere_are_seen_in_the_span(tmp_path: Path) -> None:
    """Positions and velocities in degrees agree with each other, and span many turns."""
    q = SWING * 180 / np.pi
    path = _npz(tmp_path / "x.npz", q=q, v=np.gradient(q, 0.01, axis=0))
    columns = {"time": ("t",), "q": ("q",), "dq": ("v",)}
    with pytest.raises(CalibrationError, match="q: deg, dq: deg/s"):
        read_logs([path], ColumnMap(("x", "y"), columns))
    (said,) = read_logs([path], ColumnMap(("x", "y"), columns, {"q": "rad", "dq": "rad/s"}))
    assert any("degrees?" in note for note in said.notes)
    (right,) = read_logs([path], ColumnMap(("x", "y"), columns, {"q": "deg", "dq": "deg/s"}))
    assert right.q == pytest.approx(SWING)


@pytest.mark.parametrize("text", ["", "hello\nworld\n", "a,b\n", "[]", '{"entries": []}', "[1, 2]"])
def test_files_that_hold_no_log_are_said_to(tmp_path: Path, text: str) -> None:
    """Not one of them ends in a traceback."""
    for ending in ("csv", "json"):
        path = tmp_path / f"x.{ending}"
        path.write_text(text)
        with pytest.raises(CalibrationError):
            read_logs([path], MAP)
