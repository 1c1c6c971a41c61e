"""What a store was made with, in `store.json`: refuses to open as something else."""

from __future__ import annotations

import json
import uuid
from dataclasses import asdict, dataclass
from pathlib import Path

from daneel.errors import MemoryStoreError
from daneel.files import replace_text
from daneel.memory.check import check_metric
from daneel.memory.indexes.files import flush_to_disk
from daneel.memory.lance.locks import locked
from daneel.memory.protocol import Metric

FORMAT = 1
"""Of the files. A store of a newer one is refused; every older one can be read."""

NAME = "store.json"


@dataclass(frozen=True)
class Settings:
    """What never changes about a store."""

    dim: int
    metric: Metric
    index: str
    recall: float
    key: str
    """Drawn when the store was made: an index of another store has another."""

    format: int = FORMAT


def create(path: Path, dim: int, metric: Metric, index: str, recall: float) -> Settings:
    """Note in an empty folder what store it is.

    Raises:
        OSError: The folder cannot be written.
    """
    settings = Settings(dim, metric, index, recall, uuid.uuid4().hex)
    replace_text(path / NAME, json.dumps(asdict(settings), indent=1))
    for folder in (path, path.parent):
        flush_to_disk(folder)
    return settings


def read(path: Path) -> Settings:
    """What the store in a folder is.

    Raises:
        MemoryStoreError: The file is damaged, or of a newer version of Daneel.
    """
    try:
        found = json.loads((path / NAME).read_text(encoding="utf-8"))
        version = int(found["format"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise MemoryStoreError(
            f"{path / NAME} is damaged: {error}. Expected the settings of a store. "
            "Restore the file from a copy; the rows beside it are untouched."
        ) from None
    if version > FORMAT:
        raise MemoryStoreError(
            f"The store in {path} has format {version}. Expected at most {FORMAT}, the newest that "
            'this version knows. Type `pip install --upgrade "daneel[memory]"`.'
        )
    return Settings(**found)


def check_same(path: Path, settings: Settings, dim: int | None, metric: str | None) -> None:
    """Refuse to open a store as one of another shape.

    Raises:
        MemoryStoreError: Dimension or metric differ.
    """
    for name, wanted, found in (("dim", dim, settings.dim), ("metric", metric, settings.metric)):
        if wanted is not None and wanted != found:
            raise MemoryStoreError(
                f"The store in {path} has {name} {found!r}, and was to be opened with {wanted!r}. "
                f"Expected the same. Leave {name} out, or use another path."
            )


def open_or_create(
    path: Path, dim: int | None, metric: str | None, index: str | None, recall: float | None
) -> Settings:
    """The settings of the store in a folder, which is made if there is none.

    Raises:
        ValueError: `dim` is missing for a new store.
        MemoryStoreError: The folder holds something else, another shape or a newer format.
    """
    if not (path / NAME).exists():
        _check_new(path, dim)
        assert dim is not None
        path.mkdir(parents=True, exist_ok=True)
        with locked(path / "lock"):  # another process may be making it, too
            if not (path / NAME).exists():
                return create(
                    path, dim, check_metric(metric or "cosine"), index or "ivf", recall or 0.95
                )
    settings = read(path)
    check_same(path, settings, dim, metric)
    return settings


def _check_new(path: Path, dim: int | None) -> None:
    if path.exists() and not path.is_dir():
        raise MemoryStoreError(f"{path} is a file. Expected a folder. Use another path.")
    if path.is_dir() and any(each.name != "lock" for each in path.iterdir()):
        raise MemoryStoreError(
            f"{path} holds files but no {NAME}. Expected a store or an empty folder. "
            "Use another path."
        )
    if dim is None:
        raise ValueError(f"There is no store in {path}, and dim is None. Expected dim to make one.")
