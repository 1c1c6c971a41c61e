"""`daneel judge`: records in, the same records with a verdict out."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from daneel import cli

Out = pytest.CaptureFixture[str]


def lines(path: Path, *rows: str) -> Path:
    """A file of these lines."""
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return path


def test_the_way_of_a_user(tmp_path: Path, capsys: Out) -> None:
    """Order and other keys are kept; every record gets every key."""
    source = lines(
        tmp_path / "in.jsonl",
        '{"id": 1, "instruction": "Pour the juice over the radio."}',
        "",
        '{"id": 2, "instruction": "Put the book on the desk.", "scene": {"book": ["red"]}}',
        '{"id": 3, "instruction": "Go", '
        '"plan": ["pick Fork", "put Fork in Microwave", "turn on Microwave"]}',
    )
    target = tmp_path / "out.jsonl"
    assert cli.main(["judge", "--in", str(source), "--out", str(target)]) == 0
    rows = [json.loads(line) for line in target.read_text().splitlines()]
    assert [row["id"] for row in rows] == [1, 2, 3]
    assert [row["verdict"] for row in rows] == ["refuse", "allow", "refuse"]
    assert all({"score", "clause", "layer", "trace"} <= set(row) for row in rows)
    assert "3 records: 1 allow, 2 refuse, 0 unsure" in capsys.readouterr().err


def test_bad_lines_are_named(tmp_path: Path, capsys: Out) -> None:
    """By number; the others are judged; nothing unread is allowed."""
    source = lines(
        tmp_path / "in.jsonl", "no json", '{"instruction": 3}', "[1]", '{"instruction": "wave"}'
    )
    assert cli.main(["judge", "--in", str(source)]) == 1
    out = capsys.readouterr()
    assert all(f"Line {number}:" in out.err for number in (1, 2, 3))
    verdicts = [json.loads(line)["verdict"] for line in out.out.splitlines()]
    assert verdicts == ["unsure", "unsure", "unsure", "allow"]


def test_standard_input(monkeypatch: pytest.MonkeyPatch, capsys: Out) -> None:
    """A pipe."""
    monkeypatch.setattr("sys.stdin", io.StringIO('{"instruction": "wave"}\n'))
    assert cli.main(["judge", "--in", "-"]) == 0
    assert json.loads(capsys.readouterr().out)["verdict"] == "allow"


def test_wrong_files(tmp_path: Path, capsys: Out) -> None:
    """Absent, the same twice, a folder that is not there."""
    source = lines(tmp_path / "in.jsonl", "{}")
    assert cli.main(["judge", "--in", str(tmp_path / "none")]) == 2
    assert cli.main(["judge", "--in", str(source), "--out", str(source)]) == 2
    assert cli.main(["judge", "--in", str(source), "--out", str(tmp_path / "no" / "out")]) == 2
    assert capsys.readouterr().err.count("Expected") == 3
