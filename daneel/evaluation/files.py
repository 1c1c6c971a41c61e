"""Small JSON and text files; a reader sees the old one or the new one, never half of one."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from daneel.errors import DaneelError, RunFolderError
from daneel.files import replace_text


def write_text(path: Path, text: str) -> Path:
    """Writes `text` to `path` atomically, making its folder, and returns `path`.

    Raises:
        RunFolderError: The folder cannot be written or the disk is full; the old file stays.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_text(path, text)
    except OSError as error:
        raise RunFolderError(
            f"Cannot write {str(path)!r}: {error.strerror or error}. Expected a writable folder "
            f"with free space. Type `df -h {path.parent}` to see the space left."
        ) from error
    return path


def write_json(path: Path, value: Mapping[str, Any]) -> Path:
    """Writes `value` as indented JSON, atomically; numbers that are not finite become null."""
    return write_text(path, as_json(value) + "\n")


def as_json(value: Mapping[str, Any]) -> str:
    """`value` as indented JSON; numbers that are not finite become null."""
    return json.dumps(finite(value), indent=2)


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file.

    Raises:
        DaneelError: The file is not what `write_json` writes.
    """
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DaneelError(
            f"Cannot read {str(path)!r}: {error}. Expected a JSON object. "
            "Move the file away and type the command that makes it again."
        ) from error
    if not isinstance(value, dict):
        raise DaneelError(f"{str(path)!r} holds {type(value).__name__}. Expected a JSON object.")
    return value


def append_json(path: Path, value: Mapping[str, Any]) -> None:
    """Appends `value` as one line of JSON; one write, so two processes do not mix lines."""
    path.parent.mkdir(parents=True, exist_ok=True)
    line = json.dumps(finite(value)) + "\n"
    with path.open("ab") as file:
        file.write(line.encode())


def read_jsonl(path: Path) -> list[dict[str, Any]]:
    """The objects of a JSON-lines file in order; a last line cut short by a crash is left out."""
    if not path.exists():
        return []
    lines = path.read_text(encoding="utf-8").split("\n")
    complete, _tail = lines[:-1], lines[-1]
    return [json.loads(line) for line in complete if line.strip()]


def finite(value: Any) -> Any:
    """`value` with NaN and infinities replaced by None, which is all that JSON can say."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    return value
