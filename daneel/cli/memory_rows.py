"""Rows and queries in files: JSONL, NPZ and NPY, each mistake with its place."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO
from zipfile import BadZipFile

import numpy as np
from numpy.typing import ArrayLike, NDArray

from daneel.errors import ConfigError

STDIN = Path("-")
_KEYS = ("id", "vector", "metadata")


@dataclass(frozen=True)
class Batch:
    """Rows that are added in one call."""

    where: str
    """File and lines, for messages."""

    ids: Sequence[str]
    vectors: ArrayLike
    metadata: Sequence[dict[str, Any]]

    @property
    def dim(self) -> int:
        """Dimension of the first vector."""
        rows: Any = self.vectors
        return int(np.asarray(rows[0]).size)


def batches(path: Path, size: int) -> Iterator[Batch]:
    """The rows of a file in its order, `size` at a time.

    Raises:
        ConfigError: The file is absent or of another kind, or a row is wrong; says where.
    """
    if path == STDIN:
        yield from _of_lines(sys.stdin, "standard input", size)
    elif path.suffix == ".npz":
        yield from _of_arrays(path, size)
    elif path.suffix in (".jsonl", ".ndjson"):
        with _read(path), path.open(encoding="utf-8") as lines:
            yield from _of_lines(lines, str(path), size)
    else:
        raise ConfigError(
            f"{path} ends in {path.suffix!r}. Expected .jsonl or .npz, or - for JSONL on standard "
            "input. Type `daneel memory add --help` for what is in them."
        )


def _of_lines(lines: TextIO, name: str, size: int) -> Iterator[Batch]:
    rows: dict[str, tuple[Any, dict[str, Any]]] = {}
    first = 1
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        key, vector, metadata = _row_of(line, f"{name} line {number}")
        if key in rows:
            raise ConfigError(
                f"{name} line {number} has the id {key!r} for the second time. "
                "Expected each id once in a batch. Remove one of them."
            )
        rows[key] = (vector, metadata)
        if len(rows) == size:
            yield _batch(rows, f"{name} lines {first} to {number}")
            rows, first = {}, number + 1
    if rows:
        yield _batch(rows, f"{name} from line {first}")


def _row_of(line: str, where: str) -> tuple[str, list[float], dict[str, Any]]:
    try:
        found = json.loads(line)
    except ValueError as error:
        raise ConfigError(f"{where} is no JSON: {error}. Expected one object a line.") from None
    if not isinstance(found, dict) or not {"id", "vector"} <= set(found) <= set(_KEYS):
        names = sorted(found) if isinstance(found, dict) else type(found).__name__
        raise ConfigError(
            f"{where} has {names}. Expected "
            '{"id": "a", "vector": [0.1, 0.2], "metadata": {"room": "kitchen"}}, the last optional.'
        )
    vector, metadata = found["vector"], found.get("metadata") or {}
    if not isinstance(found["id"], str) or not _is_vector(vector):
        raise ConfigError(f"{where}: id must be a text and vector a list of numbers.")
    if not isinstance(metadata, dict):
        raise ConfigError(f"{where}: metadata is {metadata!r}. Expected an object.")
    return found["id"], vector, metadata


def _is_vector(found: Any) -> bool:
    numbers = (int, float)
    return isinstance(found, list) and bool(found) and all(type(v) in numbers for v in found)


def _batch(rows: dict[str, tuple[Any, dict[str, Any]]], where: str) -> Batch:
    vectors = [vector for vector, _ in rows.values()]
    widths = {len(vector) for vector in vectors}
    if len(widths) > 1:
        raise ConfigError(
            f"{where} hold vectors of {sorted(widths)} numbers. Expected as many in each."
        )
    return Batch(where, list(rows), vectors, [metadata for _, metadata in rows.values()])


def _of_arrays(path: Path, size: int) -> Iterator[Batch]:
    found = _arrays(path)
    if not {"ids", "vectors"} <= set(found) <= {"ids", "vectors", "metadata"}:
        raise ConfigError(
            f"{path} holds the arrays {sorted(found)}. Expected ids [N] of texts, vectors [N, D] "
            "and, if there is any, metadata [N] of JSON texts."
        )
    ids, vectors = found["ids"], found["vectors"]
    texts = found.get("metadata", np.full(len(ids), "{}"))
    if ids.dtype.kind != "U" or texts.dtype.kind != "U" or vectors.ndim != 2:
        raise ConfigError(
            f"{path}: ids are {ids.dtype}, metadata {texts.dtype}, vectors {list(vectors.shape)}. "
            "Expected texts (dtype str), texts, and [N, D]."
        )
    if not len(ids) == len(vectors) == len(texts):
        raise ConfigError(
            f"{path} has {len(ids)} ids, {len(vectors)} vectors and {len(texts)} metadata. "
            "Expected as many of each."
        )
    for at in range(0, len(ids), size):
        rows = slice(at, at + size)
        where = f"{path} rows {at} to {min(at + size, len(ids)) - 1}"
        metadata = [_object(text, where) for text in texts[rows].tolist()]
        yield Batch(where, ids[rows].tolist(), vectors[rows], metadata)


def _object(text: str, where: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise ConfigError(f"{where}: metadata is {text!r}. Expected a JSON object.")
    return found


def read_queries(path: Path) -> NDArray[Any]:
    """The vectors `[Q, D]` of a .npy file, or of `vectors` in an .npz.

    Raises:
        ConfigError: The file is absent, of another kind or of another shape.
    """
    if path.suffix not in (".npy", ".npz"):
        raise ConfigError(f"{path} ends in {path.suffix!r}. Expected .npy or .npz.")
    found = _arrays(path)
    if "vectors" not in found or found["vectors"].ndim != 2:
        shapes = {name: list(array.shape) for name, array in found.items()}
        raise ConfigError(f"{path} holds {shapes}. Expected vectors [queries, D].")
    return found["vectors"]


def _arrays(path: Path) -> dict[str, NDArray[Any]]:
    """The arrays of an .npz by name; that of a .npy is `vectors`."""
    with _read(path):
        found: Any = np.load(path, allow_pickle=False)
        if isinstance(found, np.ndarray):
            return {"vectors": found}
        with found:
            return {name: found[name] for name in found.files}


@contextmanager
def _read(path: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise ConfigError(f"There is no file {str(path)!r}. Expected rows or queries.") from None
    except (OSError, ValueError, EOFError, BadZipFile) as error:
        if isinstance(error, ConfigError):
            raise
        raise ConfigError(f"{path} cannot be read: {error}. Expected a whole file.") from error
