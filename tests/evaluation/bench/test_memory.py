"""`daneel bench memory`: parts are found, figures recorded, the table printed."""

from __future__ import annotations

from pathlib import Path

import pytest

from daneel.errors import ConfigError, UnknownNameError
from daneel.evaluation import evidence
from daneel.evaluation.bench import BENCHES, memory, memory_adapters
from daneel.registry import Entry, Registry


def measure(options: memory.Options) -> list[evidence.Evidence]:
    """A part, as the others are written."""
    speeds = memory.figure("search", "speed", "ours", [9, 1, 5], "q/s", 4, seconds=2.5)
    rest = memory.figure("kills", "lost", "ours", [], "rows", 0, "lower", details={"kills": 50})
    return [speeds, rest]


def test_a_part_is_recorded_and_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Median, range and bar; what has no values is not measured, and has not met its bar."""
    parts = Registry("part", Entry("mine", f"{__name__}:measure", "for this test"))
    monkeypatch.setattr(memory, "PARTS", parts)
    assert memory.run(memory.Options(("mine",), results=tmp_path)) == 0
    speed, lost = evidence.load("memory", tmp_path)
    assert (speed.figure, speed.interval, speed.met) == (5, evidence.Interval(1, 9), True)
    assert speed.seconds == 2.5 and lost.seconds > 0 and speed.details == {"values": [9, 1, 5]}
    assert lost.figure is None and lost.met is False and lost.details["kills"] == 50
    printed = capsys.readouterr().out
    assert "| search | speed | ours | 5 q/s | 1 .. 9 | 1 | >= 4 | yes |" in printed
    assert "not measured" in printed and printed.startswith(memory.table(tmp_path))


def test_a_rehearsal_leaves_the_records_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What it shows is kept with the work, and says nothing about sizes that were not run."""
    parts = Registry("part", Entry("needles", f"{__name__}:measure", "for this test"))
    monkeypatch.setattr(memory, "PARTS", parts)
    options = memory.Options(
        ("needles",), results=tmp_path / "kept", work=tmp_path / "work", rehearse=True
    )
    assert options.sized(1000, 10) == 10 and memory.Options(("needles",)).sized(1000, 10) == 1000
    assert memory.run(options) == 0
    assert not options.results.exists() and len(evidence.load("memory", options.records)) == 2
    assert capsys.readouterr().out.startswith(memory.table(options.records))


def test_every_part_can_be_imported() -> None:
    """And the bench itself is registered."""
    assert BENCHES.load("memory") is memory
    for name in memory.PARTS.names():
        assert callable(memory.PARTS.load(name))


def test_options() -> None:
    """Wrong parts are answered with the nearest."""
    with pytest.raises(UnknownNameError, match="Nearest: store"):
        memory.Options(("stor",))
    with pytest.raises(ConfigError, match="repeats is 0"):
        memory.Options(repeats=0)
    with pytest.raises(ConfigError, match=r"'store' is to be rehearsed.*--parts needles"):
        memory.Options(rehearse=True)


def test_an_engine_without_an_address_is_not_measured() -> None:
    """Never a pass."""
    found = memory_adapters.killed("postgresql", None, 0)
    assert [item.figure for item in found] == [None, None]
    assert [item.met for item in found] == [False, False]


@pytest.mark.slow
def test_kills_of_an_engine_are_counted(tmp_path: Path) -> None:
    """A kill of the embedded engine loses and tears nothing."""
    pytest.importorskip("qdrant_edge")
    address = f"qdrant-edge://{tmp_path / 'store'}"
    lost, torn = memory_adapters.killed("qdrant-edge", address, seed=1, kills=1)
    assert (lost.figure, torn.figure, lost.met) == (0, 0, True)
    assert lost.details["kills"] == 1 and lost.details["acknowledged"] > 0
