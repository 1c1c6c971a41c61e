"""Files are replaced as a whole or not at all."""

import os
import stat
from pathlib import Path

import pytest

from daneel.files import replace_text


def test_a_file_is_replaced_and_readable_by_all(tmp_path: Path) -> None:
    """New and old files alike; nothing else is left in the folder."""
    path = tmp_path / "note.txt"
    for text in ("first", "sécond\n"):
        replace_text(path, text)
        assert path.read_text(encoding="utf-8") == text
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert os.listdir(tmp_path) == ["note.txt"]


def test_a_failure_keeps_the_old_file_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that refuses to flush, and a text that cannot be written."""
    path = tmp_path / "note.txt"
    replace_text(path, "old")
    with pytest.raises(UnicodeEncodeError):
        replace_text(path, "half \ud800")

    def refuse(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(OSError, match="No space"):
        replace_text(path, "new")
    assert path.read_text(encoding="utf-8") == "old"
    assert os.listdir(tmp_path) == ["note.txt"]
