"""Evidence: what counts as met, what tables show, and when a document is stale."""

from pathlib import Path
from typing import Any

import pytest

from daneel.errors import ConfigError, DaneelError
from daneel.evaluation import evidence
from daneel.evaluation.evidence import Evidence
from daneel.evaluation.provenance import Machine
from daneel.evaluation.statistics import Interval


def make(**fields: Any) -> Evidence:
    """A record with some fields of interest."""
    base: dict[str, Any] = {
        "bench": "control",
        "row": "Pendulum",
        "measure": "return",
        "subject": "planner",
        "figure": 951.0,
        "unit": "return",
        "command": "daneel bench control",
        "commit": "abcdef0123456789",
        "clean": True,
        "machine": Machine("CPU", 2, 8.0, "Linux 6"),
        "versions": {"torch": "2"},
        "seconds": 12.0,
        "date": "2026-01-02",
        "seeds": (0, 1, 2),
    }
    return Evidence(**{**base, **fields})


@pytest.mark.parametrize(
    ("fields", "met"),
    [
        ({}, None),
        ({"threshold": 950}, True),
        ({"threshold": 951}, True),
        ({"threshold": 952}, False),
        ({"threshold": 1000, "better": "lower"}, True),
        ({"threshold": 900, "better": "lower"}, False),
        ({"threshold": 950, "figure": None}, False),
        ({"threshold": 950, "seeds": (0,), "seeds_required": 3}, False),
        ({"threshold": 1000, "better": "lower", "bound": ">"}, False),
        ({"threshold": 1000, "better": "lower", "bound": "<"}, True),
        ({"threshold": 950, "bound": "<"}, False),
        ({"threshold": 950, "bound": ">"}, True),
    ],
)
def test_what_counts_as_met(fields: dict[str, Any], met: bool | None) -> None:
    """Missing figures, missing seeds and bounds on the wrong side never pass."""
    assert make(**fields).met is met


def test_records_come_back_as_they_were(tmp_path: Path) -> None:
    """Append, append, load: in order, equal, with nested parts."""
    first = make(interval=Interval(940.0, 960.0), details={"per_seed": [1.5, None]})
    second = make(figure=None, row="Other")
    evidence.append(first, tmp_path)
    evidence.append(second, tmp_path)
    assert evidence.load("control", tmp_path) == [first, second]


def test_the_newest_record_of_a_figure_is_shown(tmp_path: Path) -> None:
    """Older ones stay in the file but not in the table."""
    records = [make(figure=1.0), make(row="Other"), make(figure=2.0)]
    assert [item.figure for item in evidence.latest(records)] == [2.0, 951.0]


def test_a_miss_is_printed_as_a_miss() -> None:
    """And what was not measured as that."""
    text = evidence.table([make(threshold=1000), make(row="B", figure=None, threshold=1)])
    assert "| Pendulum | return | planner | 951 return |  | 3 | >= 1,000 | **no** |" in text
    assert "| B | return | planner | not measured |  | 3 | >= 1 | **no** |" in text
    assert "commit abcdef0123; CPU, 2 cores, 8 GiB, Linux 6" in text


def test_an_unclean_tree_is_said() -> None:
    """Next to its commit."""
    assert "abcdef0123 + changes" in evidence.footnote([make(clean=False)])


def test_seeds_that_are_missing_are_said() -> None:
    """One of three is not three."""
    assert evidence.format_seeds(make(seeds=(4,), seeds_required=3)) == "1 of 3"


def test_no_records_name_the_command(tmp_path: Path) -> None:
    """That would measure them."""
    with pytest.raises(DaneelError, match="Type `daneel bench control`"):
        evidence.load("control", tmp_path)


def test_an_anonymous_record_is_refused() -> None:
    """A figure without a command cannot be measured again."""
    with pytest.raises(ConfigError, match=r"Evidence\.command is empty"):
        make(command="")


DOCUMENT = "before\n<!-- evidence: control -->\nold\n<!-- /evidence -->\nafter\n"


def test_tables_in_documents_are_refreshed_between_markers(tmp_path: Path) -> None:
    """Only there; a second refresh changes nothing, so staleness can be checked."""
    page = tmp_path / "page.md"
    page.write_text(DOCUMENT)
    make_table = {"control": "| new |\n"}.__getitem__
    assert evidence.stale([page], make_table) == [page]
    evidence.rewrite([page], make_table)
    assert page.read_text() == DOCUMENT.replace("old", "| new |")
    assert evidence.stale([page], make_table) == []


def test_record_stamps_where_it_was_measured() -> None:
    """This tree, this machine, today."""
    found = evidence.record(
        bench="b", row="r", measure="m", subject="s", figure=1.0, unit="u", seconds=0.0
    )
    assert found.versions["torch"] and found.machine.cores and found.date >= "2025"
