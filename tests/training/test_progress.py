"""One line that a user can read, live or plain, and the sizes before it."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
import torch
from rich.console import Console
from torch import nn

from daneel.errors import MemoryBudgetError
from daneel.training.progress import Progress, ProgressLine
from daneel.training.ram import available_bytes, check_memory, readable_bytes
from daneel.training.sizes import Sizes, array_bytes
from daneel.training.stopwatch import Stopwatch, describe_time

HALF = Progress(5_000, 10_000, 50.0, 12.34, 99.5, "training")


def test_the_line_says_return_speed_and_time_left() -> None:
    """By hand: 5000 steps at 50 a second are 100 seconds."""
    assert HALF.line() == "5,000/10,000 steps · return 12.3 · eval 99.5 · 50 steps/s · 1:40 left"
    beginning = Progress(0, 10_000, 0.0, None, None, "evaluating")
    assert beginning.line() == "0/10,000 steps · 0 steps/s · evaluating"
    assert "2:46:40 left" in replace(HALF, step=0, steps_per_second=1.0).line()


def shown(events: list[Progress], terminal: bool) -> str:
    """What reaches the console."""
    console = Console(file=io.StringIO(), force_terminal=terminal, width=120)
    with ProgressLine("a pole", console) as show:
        for event in events:
            show(event)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_plain_lines_when_piped() -> None:
    """The first, then one now and then, and one at the end; no control characters."""
    end = replace(HALF, step=10_000)
    text = shown([HALF, HALF, replace(end, activity="saving"), end, end], terminal=False)
    assert text.splitlines() == ["Training a pole", HALF.line(), end.line()]
    assert "\x1b" not in text


def test_a_live_line_on_a_terminal() -> None:
    """It is drawn over itself."""
    text = shown([HALF, replace(HALF, step=7_500)], terminal=True)
    assert "7,500/10,000 steps" in text and "\x1b" in text


def test_sizes_are_told_first() -> None:
    """Parameters, memory, disk."""
    sizes = Sizes(parameters=1_234_567, replay_bytes=3_200_000, checkpoint_bytes=12_000_000)
    text = shown([replace(HALF, sizes=sizes)], terminal=False)
    for words in ("1,234,567", "up to 3.2 MB", "up to 12.0 MB, 2 are kept"):
        assert words in text


def test_array_bytes() -> None:
    """Over nested states, as agents have them."""
    weights = nn.Linear(3, 2).state_dict()
    assert array_bytes({"net": weights, "list": [torch.zeros(5, dtype=torch.uint8), 3]}) == 37


def test_memory_is_refused_by_name_of_the_flag() -> None:
    """What is needed, what there is, and what to pass."""
    check_memory(10**9, available=2 * 10**9, saving=10**9)
    message = r"would take 3.0 GB of memory, but only 2.0 GB are free.*--replay_capacity"
    with pytest.raises(MemoryBudgetError, match=message):
        check_memory(3 * 10**9, available=2 * 10**9)
    with pytest.raises(MemoryBudgetError, match=r"1.5 GB of memory and 1.0 GB more while a check"):
        check_memory(15 * 10**8, available=2 * 10**9, saving=10**9)
    measured = available_bytes()
    assert measured is None or measured > 10**6
    assert [readable_bytes(n) for n in (12, 1500, 2 * 10**12)] == ["12 B", "1.5 kB", "2.0 TB"]


def test_every_moment_belongs_to_one_phase() -> None:
    """And the loop's own share is what is neither environment nor torch."""
    watch = Stopwatch()
    watch.load_state_dict({"env": 6.0, "update": 3.0, "replay": 0.6, "logging": 0.4, "eval": 90.0})
    assert watch.overhead() == pytest.approx(0.1)
    assert describe_time(watch.seconds) == "100 s: eval 90 %, env 6 %, update 3 %, replay 1 %"
    before = watch.seconds["act"]
    watch.lap("act")
    assert watch.seconds["act"] > before
    assert watch.total() >= sum(watch.state_dict().values()) - 1e-9
