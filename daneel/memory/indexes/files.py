"""Folders that are there whole or not at all, and say so when a byte of theirs has changed.

Files are written into a folder of a temporary name and flushed to disk; a last file holds their
checksums; then the folder gets its name, and the folder above it is flushed too.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from daneel.errors import MemoryStoreError

STAMP = "stamp.json"


def flush_to_disk(path: Path) -> None:
    """Fsync a file, or a folder's list of names.

    Raises:
        OSError: The disk failed.
    """
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_folder(
    final: Path, fill: Callable[[Path], None], stamp: Callable[[], Mapping[str, Any]]
) -> None:
    """Write the folder `final`, whose parent exists.

    Args:
        final: The name it gets in the end; must not exist.
        fill: Writes files into the folder it is given.
        stamp: What to note beside the checksums, asked for after `fill`.

    Raises:
        OSError: The disk is full or failed; nothing is left behind.
    """
    temporary = Path(tempfile.mkdtemp(prefix=".new-", dir=final.parent))
    try:
        fill(temporary)
        sums = {file.name: _checksum(file) for file in sorted(temporary.iterdir())}
        for name in sums:
            flush_to_disk(temporary / name)
        text = json.dumps({"files": sums, "stamp": dict(stamp())})
        sealed = json.dumps({"sha256": hashlib.sha256(text.encode()).hexdigest(), "text": text})
        (temporary / STAMP).write_text(sealed, encoding="utf-8")
        flush_to_disk(temporary / STAMP)
        flush_to_disk(temporary)
        temporary.rename(final)
        flush_to_disk(final.parent)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


def read_folder(folder: Path) -> dict[str, Any]:
    """The stamp of a folder, every file of which is as it was written.

    Raises:
        MemoryStoreError: A file is missing, cut short or changed.
    """
    try:
        sealed = json.loads((folder / STAMP).read_text(encoding="utf-8"))
        text = sealed["text"]
        whole = hashlib.sha256(text.encode()).hexdigest() == sealed["sha256"]
        found = json.loads(text) if whole else None
        bad = ["the stamp"] if found is None else _changed(folder, found["files"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        found, bad = None, [str(error)]
    if found is None or bad:
        raise MemoryStoreError(
            f"The index in {folder} is damaged: {', '.join(bad)}. Expected the files as they were "
            "written. Delete the folder; it is made again from the rows."
        )
    return found["stamp"]


def _changed(folder: Path, sums: Mapping[str, str]) -> list[str]:
    return [name for name, value in sums.items() if _checksum(folder / name) != value]


def _checksum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
