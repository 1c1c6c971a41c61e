"""Columns between numpy and Parquet, bit for bit. Needs pyarrow, which the extra `demos` brings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from daneel.errors import MissingExtraError
from daneel.training.demos.layout import DatasetError, Feature

try:
    import pyarrow as pa
    import pyarrow.parquet as pq
except ImportError as error:
    raise MissingExtraError(
        "Demonstrations need the Python package 'pyarrow', which is not installed. It comes with "
        "the extra 'demos'. Type `pip install \"daneel[demos]\"`."
    ) from error

Columns = Mapping[str, np.ndarray]

# Arrow's dictionaries compare floats as numbers; whole numbers repeat much and lose nothing by it.
_REPETITIVE = ("frame_index", "episode_index", "task_index")


def field(name: str, feature: Feature) -> Any:
    """The Arrow field of a column: plain numbers for shape [1], lists of D numbers for [D].

    Raises:
        DatasetError: The feature has another shape, or is no number.
    """
    if not feature.is_number or len(feature.shape) != 1 or feature.shape[0] < 1:
        raise DatasetError(
            f"Column {name!r} is {feature.dtype} {list(feature.shape)}. Expected numbers in "
            "vectors of at least one. Leave it out, or flatten it."
        )
    item = pa.from_numpy_dtype(np.dtype(feature.dtype))
    (size,) = feature.shape
    return pa.field(name, item if size == 1 else pa.list_(item, size))


def to_table(columns: Columns, schema: Any) -> Any:
    """An Arrow table of arrays [T] or [T, D]; the schema is of `field`s."""
    return pa.table([_to_arrow(columns[one.name], one.type) for one in schema], schema=schema)


def _to_arrow(array: np.ndarray, kind: Any) -> Any:
    if not pa.types.is_fixed_size_list(kind):
        return pa.array(array.reshape(-1), kind)
    flat = pa.array(np.ascontiguousarray(array).reshape(-1), kind.value_type)
    return pa.FixedSizeListArray.from_arrays(flat, kind.list_size)


def to_numpy(name: str, column: Any, shape: tuple[int, ...]) -> np.ndarray:
    """An array [N, *shape] of a column of numbers, or of lists of them; it may be read-only.

    Raises:
        DatasetError: Values are missing, or lists are not of that shape.
    """
    rows, values = len(column), column.combine_chunks()
    while pa.types.is_list(values.type) or _is_sized_list(values.type):
        values = values.flatten()
    if isinstance(values, pa.ExtensionArray):
        values = values.storage
    array = values.to_numpy(zero_copy_only=False)
    whole = values.null_count == 0 and array.dtype.kind in "fiub"
    if not whole or array.size != rows * int(np.prod(shape)):
        raise DatasetError(
            f"Column {name!r} holds {array.size} values of type {values.type} in {rows} rows, "
            f"{values.null_count} of them empty. Expected numbers {list(shape)} in every row. "
            "Type `daneel demos check PATH` to see all that is wrong."
        )
    return array.reshape(rows, *shape)


def _is_sized_list(kind: Any) -> bool:
    return pa.types.is_fixed_size_list(kind) or pa.types.is_large_list(kind)


def read_table(path: Path, columns: list[str] | None = None) -> Any:
    """The Arrow table in a Parquet file, or some of its columns.

    Raises:
        DatasetError: The file is absent, cut short or no Parquet, or a column is not in it.
    """
    with _reading(path):
        file = pq.ParquetFile(path)
        present = set(file.schema_arrow.names)
    absent = [name for name in columns or () if name not in present]
    if absent:
        raise DatasetError(
            f"{path} has no column {absent[0]!r}, it has {', '.join(sorted(present))}. Expected "
            "every feature that info.json names. The dataset is not whole: copy it again."
        )
    with _reading(path):
        return file.read(columns=columns)


def column_names(path: Path) -> list[str]:
    """Columns of a Parquet file.

    Raises:
        DatasetError: The file is absent, cut short or no Parquet.
    """
    with _reading(path):
        return list(pq.read_schema(path).names)


def write_table(table: Any, path: Path) -> None:
    """Writes a table as one Parquet file, making its folder.

    Raises:
        DatasetError: The disk is full or the folder cannot be written.
    """
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(table, path)


class TableWriter:
    """A Parquet file to which episodes are appended, each a row group of its own."""

    def __init__(self, path: Path, schema: Any) -> None:
        """Begin the file.

        Raises:
            DatasetError: The disk is full or the folder cannot be written.
        """
        self.path = path
        repetitive: Any = [name for name in _REPETITIVE if name in schema.names]
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            self._writer = pq.ParquetWriter(path, schema, use_dictionary=repetitive)

    def size(self) -> int:
        """Bytes on disk so far."""
        return self.path.stat().st_size

    def append(self, table: Any) -> None:
        """Write one row group."""
        with writing(self.path):
            self._writer.write_table(table, row_group_size=max(len(table), 1))

    def close(self) -> None:
        """Write the file's end; without it the file is no Parquet."""
        with writing(self.path):
            self._writer.close()


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """What goes wrong while writing `path` becomes a DatasetError."""
    try:
        yield
    except OSError as error:
        raise DatasetError(
            f"Cannot write {path}: {error.strerror or error}. Expected a folder that can be "
            f"written and has room. Type `df -h {path.parent}` to see the space left."
        ) from error


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, pa.ArrowException) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise DatasetError(
            f"Cannot read {path}: {reason}. Expected a whole Parquet file of a LeRobot dataset. "
            "Copy or collect the dataset again; `daneel demos check PATH` names all bad files."
        ) from error
