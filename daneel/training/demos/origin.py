"""`meta/daneel.json`: how a dataset was made, and the hash of each of its files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from daneel.alignment.hashing import file_hash
from daneel.training.demos.layout import ORIGIN, read_json

FORMAT = 1
_FILES = "files"


def write_origin(root: Path, origin: Mapping[str, Any]) -> None:
    """Records `origin` and what is in the folder `root`; to be called last.

    Raises:
        OSError: The disk is full.
    """
    value = {"format": FORMAT, **origin, _FILES: _hashes(root)}
    (root / ORIGIN).write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")


def read_origin(root: Path) -> dict[str, Any]:
    """What `write_origin` recorded; empty for a dataset that was not made here.

    Raises:
        DatasetError: The file is damaged.
    """
    return read_json(root / ORIGIN) if (root / ORIGIN).exists() else {}


def changed_files(root: Path) -> list[str]:
    """What is not as it was written, a phrase for each file; empty where no hashes are recorded.

    Raises:
        DatasetError: The record is damaged.
    """
    recorded = read_origin(root).get(_FILES)
    if not isinstance(recorded, dict):
        return []
    present = _hashes(root)
    missing = [f"{name} is missing" for name in recorded if name not in present]
    changed = [
        f"{name} was changed after it was written"
        for name, digest in present.items()
        if name in recorded and recorded[name] != digest
    ]
    return missing + changed


def _hashes(root: Path) -> dict[str, str]:
    paths = sorted(path for path in root.rglob("*") if path.is_file())
    names = {path.relative_to(root).as_posix(): path for path in paths}
    return {name: file_hash(path) for name, path in names.items() if name != ORIGIN}
