"""Reads a file of measurements into named columns: CSV, JSON, NPZ, Parquet, MATLAB cells; .gz too.

A file holds one record of a run, or several (MATLAB cells): each is a dict from a column's name to
an array [T] or [T, K], together with the numbers of its header.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from daneel.agents.calibration.problem import CalibrationError, Floats
from daneel.errors import MissingExtraError


@dataclass(frozen=True)
class Table:
    """One recorded run as it lies in the file."""

    name: str
    """File name, with the number of the cell where a file holds several runs."""
    columns: Mapping[str, Floats]
    """Arrays by name; the first axis is time, unless the file says otherwise."""
    header: Mapping[str, float]
    """Single numbers beside the columns, such as a gain or a load."""
    sha256: str
    """Hash of the file as it lies on the disk."""


BROKEN = (
    ValueError, OSError, EOFError, LookupError, TypeError, AttributeError, NotImplementedError,
    csv.Error, zlib.error, zipfile.BadZipFile,
)  # fmt: skip
"""What readers raise on a file that is not what its ending says."""


def read_tables(path: str | Path, records: str = "") -> list[Table]:
    """Reads every run of a file.

    Args:
        path: The file; its ending says what it is, `.gz` may follow.
        records: Key of the list of rows in a JSON object; found by itself when there is one list.

    Raises:
        CalibrationError: The file is absent, damaged, empty, or of a kind that is not known.
    """
    source = Path(path)
    if not source.is_file():
        raise CalibrationError(
            f"There is no log {str(source)!r}. Expected a file of {', '.join(READERS)} (or .gz). "
            "Type `daneel calibrate --help`."
        )
    raw = source.read_bytes()
    digest = hashlib.sha256(raw).hexdigest()
    name = source.name.removesuffix(".gz")
    reader = READERS.get(Path(name).suffix.lower())
    if reader is None:
        raise CalibrationError(
            f"{source.name} is no kind of log that is known. Expected one of "
            f"{', '.join(READERS)} (or .gz). Save the log as CSV and pass that file."
        )
    try:
        content = gzip.decompress(raw) if source.suffix == ".gz" else raw
        found = list(reader(content, records))
    except BROKEN as error:
        raise CalibrationError(
            f"{source.name} cannot be read: {error}. Expected a whole {Path(name).suffix} file. "
            "Record or copy it again."
        ) from error
    if not found:
        raise CalibrationError(f"{source.name} holds no rows. Expected at least two. Record again.")
    several = len(found) > 1
    return [
        Table(f"{source.name}#{index}" if several else source.name, columns, header, digest)
        for index, (columns, header) in enumerate(found)
    ]


Record = tuple[dict[str, Floats], dict[str, float]]


def _read_csv(content: bytes, records: str) -> Iterator[Record]:
    del records
    text = content.decode("utf-8-sig")
    rows = [row for row in csv.reader(io.StringIO(text), _dialect(text[:4096])) if row]
    if len(rows) < 2:
        return
    names = [name.strip() or f"column{index}" for index, name in enumerate(rows[0])]
    width = len(names)
    body = np.full((len(rows) - 1, width), np.nan)  # what is no number stays NaN: a bad row
    for at, row in enumerate(rows[1:]):
        body[at, : min(width, len(row))] = [_number(cell) for cell in row[:width]]
    yield {name: body[:, index] for index, name in enumerate(names)}, {}


def _dialect(text: str) -> type[csv.Dialect]:
    """How the cells are parted; by commas where there is only one column to look at."""
    try:
        return csv.Sniffer().sniff(text, delimiters=",;\t ")
    except csv.Error:
        return csv.excel


def _number(cell: str) -> float:
    try:
        return float(cell)
    except ValueError:
        return float("nan")


def _read_json(content: bytes, records: str) -> Iterator[Record]:
    tree = json.loads(content)
    header: dict[str, float] = {}
    rows: Any = tree
    if isinstance(tree, dict):
        header = {key: float(value) for key, value in tree.items() if _is_number(value)}
        lists = [key for key, value in tree.items() if isinstance(value, list)]
        key = records or (lists[0] if len(lists) == 1 else "")
        if not key:  # an object of columns
            yield {name: np.asarray(tree[name], float) for name in lists}, header
            return
        rows = tree[key]
    names = [name for name, value in rows[0].items() if _is_number(value) or _is_list(value)]
    yield (
        {name: np.asarray([_cells(row.get(name)) for row in rows], float) for name in names},
        header,
    )


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | bool)


def _is_list(value: Any) -> bool:
    return isinstance(value, list) and all(_is_number(item) for item in value)


def _cells(value: Any) -> Any:
    return float("nan") if value is None else value


def _read_npz(content: bytes, records: str) -> Iterator[Record]:
    del records
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        numeric = {key: arrays[key] for key in arrays.files if arrays[key].dtype.kind in "fiub"}
    columns = {key: value.astype(float) for key, value in numeric.items() if value.ndim}
    yield columns, {key: float(value) for key, value in numeric.items() if not value.ndim}


def _read_parquet(content: bytes, records: str) -> Iterator[Record]:
    del records
    try:
        from pyarrow import BufferReader, parquet
    except ImportError as error:
        raise MissingExtraError(
            "Parquet logs need pyarrow, which is not installed. Expected the extra 'demos'. "
            "Type `pip install 'daneel[demos]'`."
        ) from error
    table = parquet.read_table(BufferReader(content)).to_pydict()
    yield (
        {
            name: np.asarray([_cells(cell) for cell in cells], float)
            for name, cells in table.items()
            if cells and not isinstance(cells[0], str)
        },
        {},
    )


def _read_mat(content: bytes, records: str) -> Iterator[Record]:
    """MATLAB 5: numeric arrays are columns; cells of equal count are runs, one a cell."""
    del records
    from scipy.io import loadmat

    tree = {key: value for key, value in loadmat(io.BytesIO(content)).items() if key[:2] != "__"}
    header = {key: float(value.item()) for key, value in tree.items() if value.size == 1}
    cells = {key: value.ravel() for key, value in tree.items() if value.dtype == object}
    whole = {
        key: np.squeeze(value).astype(float)
        for key, value in tree.items()
        if key not in cells and key not in header
    }
    if not cells:
        yield whole, header
    for index in range(max((len(value) for value in cells.values()), default=0)):
        run = {key: np.squeeze(value[index]) for key, value in cells.items() if index < len(value)}
        yield {key: np.asarray(value, float) for key, value in run.items()}, header


READERS: Mapping[str, Callable[[bytes, str], Iterator[Record]]] = {
    ".csv": _read_csv,
    ".json": _read_json,
    ".npz": _read_npz,
    ".parquet": _read_parquet,
    ".mat": _read_mat,
}
"""Reader by the ending of a file."""
