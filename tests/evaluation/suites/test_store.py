"""The record's file: round trip, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from daneel.errors import DaneelError
from daneel.evaluation.suites import load_record, save_record
from tests.evaluation.suites import made


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A saved record."""
    return save_record(made.example(), tmp_path / "folder" / "a.json")


def test_round_trip(path: Path) -> None:
    """Equal to the last bit, what was not run included."""
    assert load_record(path) == made.example()


def test_round_trip_of_small_records(tmp_path: Path) -> None:
    """No skill; one skill that was not run; one whose training nobody recorded."""
    for found in (
        made.record(made.suite(), {}),
        made.record(made.suite("push"), {}),
        made.record(made.suite("push", held_out=["push"]), {"push": "s"}, trained_on=None),
    ):
        assert load_record(save_record(found, tmp_path / "b.json")) == found


def test_not_run_is_null_in_the_file(path: Path) -> None:
    """Readers of the JSON cannot take it for a zero."""
    turn = json.loads(path.read_text())["skills"][3]
    assert turn["status"] == "not run" and turn["success_rate"] is None


def test_missing_and_truncated(path: Path) -> None:
    """The message names the file."""
    with pytest.raises(DaneelError, match=r"Cannot read .*none\.json"):
        load_record(path.with_name("none.json"))
    path.write_text(path.read_text()[:-200])
    with pytest.raises(DaneelError, match=r"Cannot read .*a\.json"):
        load_record(path)


def change(path: Path, edit: Callable[[dict[str, Any]], Any]) -> None:
    """Edits the file as somebody might by hand."""
    data = json.loads(path.read_text())
    edit(data)
    path.write_text(json.dumps(data))


def aggregate_mean(data: dict[str, Any]) -> None:
    """A better mean."""
    data["overall"]["mean"] = 0.9


def skill_rate(data: dict[str, Any]) -> None:
    """A better skill."""
    data["skills"][1]["success_rate"] = 0.75


def missing_zero(data: dict[str, Any]) -> None:
    """What was not run counted after all."""
    data["skills"][3]["success_rate"] = 0.0


def dropped_skill(data: dict[str, Any]) -> None:
    """A bad skill taken away."""
    del data["skills"][2]


def hidden_training(data: dict[str, Any]) -> None:
    """A skill called held-out that the record says was trained on."""
    data["skills"][2]["held_out"] = True


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (aggregate_mean, "means overall"),
        (skill_rate, "figures of 'reach'"),
        (missing_zero, "figures of 'turn'"),
        (dropped_skill, "numbers of skills overall"),
        (hidden_training, "calls 'grasp' held-out"),
    ],
)
def test_figures_follow_from_the_episodes(
    path: Path, edit: Callable[[dict[str, Any]], None], message: str
) -> None:
    """A figure that was changed by hand is noticed."""
    change(path, edit)
    with pytest.raises(DaneelError, match=message):
        load_record(path)


def test_foreign_and_newer_files(path: Path) -> None:
    """Each says what it is and what to type."""
    path.write_text('{"returns": [1, 2]}')
    with pytest.raises(DaneelError, match=r"not the record of a suite.*--out FILE\.json"):
        load_record(path)
    path.write_text('{"suite": "made", "format": 99}')
    with pytest.raises(DaneelError, match=r"format 99.*up to 2.*pip install --upgrade daneel"):
        load_record(path)
    path.write_text("[1, 2]")
    with pytest.raises(DaneelError, match="holds list"):
        load_record(path)


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda data: data.pop("skills"), "no value for 'skills'"),
        (lambda data: data.update(extra=1), "no field 'extra'"),
        (lambda data: data["skills"][0]["interval"].update(low=2.0), "low <= high"),
        (lambda data: data["skills"][0].update(status="maybe"), "skills.0..status is 'maybe'"),
    ],
)
def test_a_record_that_is_not_whole(
    path: Path, edit: Callable[[dict[str, Any]], Any], message: str
) -> None:
    """The field is named, and so is the file."""
    change(path, edit)
    with pytest.raises(DaneelError, match=rf"a\.json.*not a whole record.*{message}"):
        load_record(path)
