"""JSON files: atomic, finite, and readable after a crash."""

import json
from pathlib import Path

import pytest

from daneel.errors import DaneelError, RunFolderError
from daneel.evaluation import files


def test_numbers_that_json_cannot_say_become_null(tmp_path: Path) -> None:
    """NaN and infinity, at any depth."""
    path = files.write_json(tmp_path / "a" / "x.json", {"v": [1.0, float("nan")], "w": (2, 1e999)})
    assert json.loads(path.read_text()) == {"v": [1.0, None], "w": [2, None]}


def test_a_line_cut_by_a_crash_is_left_out(tmp_path: Path) -> None:
    """Everything before the cut is kept; a missing file has no lines."""
    path = tmp_path / "x.jsonl"
    assert files.read_jsonl(path) == []
    files.append_json(path, {"a": 1})
    with path.open("a") as file:
        file.write('{"a": 2')
    assert files.read_jsonl(path) == [{"a": 1}]


def test_a_failed_write_keeps_the_old_file(tmp_path: Path) -> None:
    """What cannot be encoded never touches the file, and leaves nothing behind."""
    path = files.write_text(tmp_path / "x.txt", "old")
    with pytest.raises(UnicodeEncodeError):
        files.write_text(path, "\ud800")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_cannot_be_made_is_explained(tmp_path: Path) -> None:
    """A file stands where the folder should be."""
    (tmp_path / "taken").write_text("")
    with pytest.raises(RunFolderError, match=r"Cannot write .*writable folder.*`df -h"):
        files.write_text(tmp_path / "taken" / "x.txt", "new")


@pytest.mark.parametrize("text", ["", "{", "[1]"])
def test_what_is_no_json_object_is_refused(tmp_path: Path, text: str) -> None:
    """With the file's name."""
    path = tmp_path / "x.json"
    path.write_text(text)
    with pytest.raises(DaneelError, match=r"x\.json.*JSON object"):
        files.read_json(path)
